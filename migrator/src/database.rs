//! The migrator's connections. Their settings determine the order of rows, and the meaning of names and dates.

use phaseline_store::Servers;
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres, Transaction, postgres::PgConnectOptions};

/// Settings of a migrator's session.
///
/// - no search path: every name is written with its schema, so that no other function or operator is called instead;
/// - `row_security = off`: under row security a SELECT-only role gets an error instead of an empty result;
/// - no synchronized and no parallel scans: rows are read in heap order, which is the order of `pg_dump`;
/// - ISO dates, UTC, names quoted only where needed: text from the database has one form;
/// - settings of a database or a role, such as timeouts or disabled kinds of plans, do not apply;
/// - `plan_cache_mode`: a query of the catalogue that runs more than once is planned once. Planning takes ten times as long as running it;
/// - `client_connection_check_interval`: locks end soon after the client's process or machine is gone.
const SETTINGS: [(&str, &str); 24] = [
    ("search_path", "''"),
    ("row_security", "off"),
    ("synchronize_seqscans", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "'UTC'"),
    ("extra_float_digits", "3"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("default_transaction_isolation", "'read committed'"),
    ("default_transaction_read_only", "off"),
    ("lock_timeout", "0"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "on"),
    ("enable_sort", "on"),
    ("enable_hashjoin", "on"),
    ("bytea_output", "hex"),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("client_min_messages", "warning"),
    ("idle_session_timeout", "0"),
    ("client_connection_check_interval", "'2s'"),
];

/// The address of the database, with the login.
#[derive(Clone, Debug)]
pub struct Database {
    servers: Servers,
}

impl Database {
    /// The database behind these options.
    pub fn new(options: PgConnectOptions) -> Self {
        Self { servers: Servers::one(options) }
    }

    /// The database on one of these servers.
    pub const fn on(servers: Servers) -> Self {
        Self { servers }
    }

    /// A connection with the migrator's settings. `purpose` shows in `pg_stat_activity` as the application's name (63
    /// bytes at most), so that a waiting operator can see the purpose of a session.
    pub async fn connect(&self, purpose: &str) -> Result<PgConnection, sqlx::Error> {
        let mut end = purpose.len().min(63);
        while !purpose.is_char_boundary(end) {
            end -= 1;
        }
        let named =
            self.servers.map(|server| server.application_name(&purpose[..end]).disable_statement_logging());
        let (mut connection, _) = named.connect().await?;
        let set: Vec<String> = SETTINGS.iter().map(|(name, value)| format!("SET {name} = {value}")).collect();
        sqlx::raw_sql(&set.join("; ")).execute(&mut connection).await?;
        Ok(connection)
    }

    /// The settings of a connection, with their values as SQL, for transactions behind a pooler.
    pub fn settings() -> Vec<(&'static str, String)> {
        SETTINGS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }
}

/// Starts a transaction in which every statement sees everything that was committed before it: under a lock, statements must not
/// use a snapshot from before the lock.
pub(crate) async fn read_write(
    connection: &mut PgConnection,
) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    connection.begin_with("BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE").await
}

/// The server's major version, such as 15.
pub(crate) async fn major_version(connection: &mut PgConnection) -> Result<u32, sqlx::Error> {
    let number: i32 = sqlx::query_scalar("SELECT pg_catalog.current_setting('server_version_num')::int4")
        .fetch_one(connection)
        .await?;
    Ok(number.unsigned_abs() / 10_000)
}

/// Sets the number of parallel workers for later statements of this transaction: none, unless the order of rows does
/// not matter.
pub(crate) async fn parallel(connection: &mut PgConnection, workers: u8) -> Result<(), sqlx::Error> {
    let set = format!("SET LOCAL max_parallel_workers_per_gather = {workers}");
    sqlx::raw_sql(&set).execute(connection).await?;
    Ok(())
}
