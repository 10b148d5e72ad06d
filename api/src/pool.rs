//! The service's connections to the database: with its role, and with a timeout for everything that waits.

use crate::settings::Settings;
use phaseline_projections::{refuse_excess_rights, refuse_foreign_code_for_commands};
use phaseline_store::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The name in `pg_stat_activity`.
const APPLICATION: &str = "phaseline serve";

/// After how much idle time a connection is tested before use.
const IDLE: Duration = Duration::from_secs(1);

/// A pool that connects on demand: the service also starts while the database is down.
pub fn connect(options: PgConnectOptions, settings: &Settings) -> PgPool {
    let connection_settings = ConnectionSettings::new(settings);
    let used = connection_settings.clone();
    PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout.min(settings.request_timeout))
        // A test before each use would be a round trip. But a connection that was idle for a while may be dead, as all are after
        // a restart of the server, and would fail its request.
        .test_before_acquire(false)
        .before_acquire(move |connection, kept| {
            let settings = used.clone();
            Box::pin(async move { is_usable(connection, kept.idle_for, &settings).await })
        })
        .after_connect(move |connection, _| {
            let settings = connection_settings.clone();
            Box::pin(async move { prepare(connection, &settings).await })
        })
        .connect_lazy_with(options.application_name(APPLICATION))
}

/// The check that no code of others would have the login's rights, for all connections of a pool: made by the first one, and again by
/// one that is used when it is no longer valid, since tables, owners and the database itself may be others by then.
#[derive(Debug)]
struct RightsCheck {
    valid: Duration,
    allow_superuser: bool,
    /// When it last passed. The lock is held during a check, so that a burst of connections makes one.
    passed: Mutex<Option<Instant>>,
}

impl RightsCheck {
    /// Makes the check if it is due, on a connection with the login's own role.
    async fn ensure(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let mut passed = self.passed.lock().await;
        if passed.is_some_and(|at| at.elapsed() < self.valid) {
            return Ok(());
        }
        *passed = None;
        if !self.allow_superuser {
            refuse_excess_rights(connection).await.map_err(refused)?;
        }
        refuse_foreign_code_for_commands(connection).await.map_err(refused)?;
        *passed = Some(Instant::now());
        Ok(())
    }

    async fn is_due(&self) -> bool {
        self.passed.lock().await.is_none_or(|at| at.elapsed() >= self.valid)
    }
}

/// Sets up a new connection.
async fn prepare(connection: &mut PgConnection, settings: &ConnectionSettings) -> Result<(), sqlx::Error> {
    connection.execute(settings.greeting.as_str()).await?;
    settings.check.ensure(connection).await?;
    if let Some(set_role) = &settings.set_role {
        connection.execute(set_role.as_str()).await?;
    }
    Ok(())
}

/// Whether a connection of the pool can be used: alive, and with a check of rights that is still valid.
async fn is_usable(
    connection: &mut PgConnection,
    idle: Duration,
    settings: &ConnectionSettings,
) -> Result<bool, sqlx::Error> {
    if idle >= IDLE && connection.ping().await.is_err() {
        return Ok(false);
    }
    if settings.check.is_due().await {
        connection.execute("RESET ROLE").await?;
        settings.check.ensure(connection).await?;
        if let Some(set_role) = &settings.set_role {
            connection.execute(set_role.as_str()).await?;
        }
    }
    Ok(true)
}

/// The pool passes on errors of sqlx only.
fn refused(error: StoreError) -> sqlx::Error {
    match error {
        StoreError::Database(error) => error,
        refused => sqlx::Error::Configuration(refused.into()),
    }
}

/// What a connection is prepared with.
#[derive(Clone)]
struct ConnectionSettings {
    greeting: String,
    set_role: Option<String>,
    check: Arc<RightsCheck>,
}

impl ConnectionSettings {
    fn new(settings: &Settings) -> Self {
        let set_role =
            settings.role.as_ref().map(|role| format!("SET ROLE \"{}\"", role.replace('"', "\"\"")));
        let check = RightsCheck {
            valid: settings.rights_check_valid,
            allow_superuser: settings.allow_superuser,
            passed: Mutex::default(),
        };
        Self { greeting: greeting(settings), set_role, check: Arc::new(check) }
    }
}

/// The settings of every connection. No function, operator or type of another schema comes before PostgreSQL's own.
fn greeting(settings: &Settings) -> String {
    // A result is of no use after the request has timed out.
    let within = |time: Duration| time.min(settings.request_timeout);
    let milliseconds = |time: Duration| time.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "SET search_path = pg_catalog, pg_temp; SET default_transaction_isolation = 'read committed'; SET lock_timeout = {}; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}",
        milliseconds(within(settings.lock_timeout)),
        milliseconds(within(settings.statement_timeout)),
        milliseconds(settings.idle_in_transaction_timeout),
    )
}

/// Makes one connection as the pool would, to learn why it fails: the pool reports a timeout only.
///
/// # Errors
/// The server's own, `42501` among them if the login may not take the role, `22023` if there is no such role; an
/// [`sqlx::Error::Configuration`] if code of others would have the login's rights; an
/// [`sqlx::Error::Io`] of kind `TimedOut` if nothing answers within `patience`.
pub async fn probe(
    options: &PgConnectOptions,
    settings: &Settings,
    patience: Duration,
) -> Result<(), sqlx::Error> {
    let connection_settings = ConnectionSettings::new(settings);
    let probing = async {
        let mut connection = PgConnection::connect_with(options).await?;
        prepare(&mut connection, &connection_settings).await?;
        connection.close().await
    };
    match tokio::time::timeout(patience, probing).await {
        Ok(probed) => probed,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("no answer within {} s", patience.as_secs_f64()),
        ))),
    }
}
