//! The two locks of a run: one against other runs, and those of the tables for the swap.

use super::operator::Operator;
use crate::definition::QualifiedName;
use crate::error::MigratorError;
use crate::progress::Progress;
use phaseline_store::{SqlState, StoreError, schema};
use sqlx::PgConnection;
use std::time::{Duration, Instant};

/// The advisory lock's key, "phaselin" as a number. A lock row would need a table, and a refused run must not
/// leave a table.
const RUN_KEY: i64 = 0x7068_6173_656c_696e;

/// How long to wait for the lock of another run whose process may be gone: the server detects a lost client within
/// two seconds (`client_connection_check_interval`), and releases its lock.
const GRACE: Duration = Duration::from_secs(3);
/// How long to wait if its process is known to be gone: the server needs longer only during a long statement.
const DEAD_HOLDER_GRACE: Duration = Duration::from_secs(10);
/// The interval between two tries.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// One attempt to lock the tables. While it waits, all later sessions wait behind it.
pub(super) const ATTEMPT: Duration = Duration::from_millis(100);
/// The pause between attempts, in which other sessions continue: with short attempts and long pauses readers wait little, even behind an
/// idle transaction that keeps the tables locked.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// When to query the blockers within an attempt: after the attempt they are not known.
const QUERY_BLOCKERS_AFTER: Duration = Duration::from_millis(50);

/// Takes the lock against other runs, as long as the connection lives. It waits for a holder whose client is gone, since the server will
/// release that lock, and names a living holder at once.
pub(crate) async fn lock_run(
    connection: &mut PgConnection,
    operator: &Operator,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    let begun = Instant::now();
    let mut announced = false;
    loop {
        let taken: bool = sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_lock($1)")
            .bind(RUN_KEY)
            .fetch_one(&mut *connection)
            .await?;
        if taken {
            return Ok(());
        }
        let holder = run_lock_holder(connection).await?;
        let patience = match &holder {
            None => GRACE, // It ended between the two statements.
            Some(holder) => match operator.is_alive(&holder.purpose) {
                Some(true) => Duration::ZERO,
                Some(false) => DEAD_HOLDER_GRACE,
                None => GRACE,
            },
        };
        if begun.elapsed() >= patience {
            let holder = holder
                .map_or_else(|| "it ended just now; run this again".to_owned(), |holder| holder.to_string());
            return Err(MigratorError::Locked { holder });
        }
        if !announced && patience == DEAD_HOLDER_GRACE {
            progress.note("the process of another run has ended; waiting for the server to release its lock");
            announced = true;
        }
        if progress.interrupted() {
            return Err(MigratorError::Interrupted);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Releases the run lock. The end of the connection does so too, but only when the server notices it: the next run of the same
/// process, as in a rehearsal, would find the lock held. A broken connection has lost it already.
pub(crate) async fn release_run(connection: &mut PgConnection) {
    let _ = sqlx::query("SELECT pg_catalog.pg_advisory_unlock($1)").bind(RUN_KEY).execute(connection).await;
}

/// Locks the log's head within `limit`; `observer` sees what blocks it.
pub(crate) async fn lock_head(
    connection: &mut PgConnection,
    observer: &mut PgConnection,
    limit: Duration,
) -> Result<(), MigratorError> {
    let me: i32 =
        sqlx::query_scalar("SELECT pg_catalog.pg_backend_pid()").fetch_one(&mut *connection).await?;
    sqlx::raw_sql(&format!("SET LOCAL lock_timeout = {}", limit.as_millis().max(1)))
        .execute(&mut *connection)
        .await?;
    let mut seen = String::new();
    let watching = async {
        loop {
            if let Ok(found) = blockers(observer, me).await
                && !found.is_empty()
            {
                seen = found;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    let locked = tokio::select! {
        locked = schema::lock_head(connection) => locked,
        () = watching => Ok(()),
    };
    match locked {
        Ok(()) => Ok(()),
        Err(StoreError::Database(error)) if SqlState::of(&error) == Some(SqlState::LockNotAvailable) => {
            Err(timed_out(limit, seen))
        }
        Err(error) => Err(error.into()),
    }
}

/// The session that holds the run lock.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct RunLockHolder {
    /// The program with its actor and process, as [`Operator::purpose`] writes it.
    purpose: String,
    database_user: String,
    connected_since: String,
    address: String,
    server_process: i32,
}

impl std::fmt::Display for RunLockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { purpose, database_user, connected_since, address, server_process } = self;
        write!(
            f,
            "{purpose}, database user {database_user}, connected since {connected_since} from {address} (server process \
             {server_process})"
        )
    }
}

/// The session that holds the run lock of this database, if there is one.
pub(crate) async fn run_lock_holder(
    connection: &mut PgConnection,
) -> Result<Option<RunLockHolder>, sqlx::Error> {
    sqlx::query_as(
        "SELECT coalesce(nullif(a.application_name, ''), 'unnamed program') AS purpose, coalesce(a.usename::text, '') AS database_user,
                coalesce(pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"'), '') AS connected_since,
                coalesce(a.client_addr::text, 'this machine') AS address, a.pid AS server_process
           FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
          WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
            AND (l.classid::bigint << 32 | l.objid::bigint) = $1",
    )
    .bind(RUN_KEY)
    .fetch_optional(connection)
    .await
}

/// Whether the log's head is locked along with the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadLock {
    /// Yes, before the tables and within the same attempt: a command that holds a table's lock may be waiting for the head.
    WithTables,
    /// No: the transaction holds it already, or does not need it.
    NotNeeded,
}

/// What [`SwapLocks`](super::swap_locks::SwapLocks) lock.
pub(crate) struct LockTargets<'a> {
    /// Statements that lock views. They come first: who reads a view locks it before its tables.
    pub(crate) views: &'a [String],
    pub(crate) tables: &'a [QualifiedName],
    /// Statements that lock the sequences of their columns, after the tables as an INSERT does.
    pub(crate) sequences: &'a [String],
    pub(crate) head: HeadLock,
}

/// The error for locks that were not free in time.
pub(super) fn timed_out(limit: Duration, seen: String) -> MigratorError {
    let blockers =
        if seen.is_empty() { "no session that stayed long enough to be seen".to_owned() } else { seen };
    MigratorError::LockTimeout { waited_seconds: limit.as_secs(), blockers }
}

/// The tables that the role may lock, as SQL.
pub(super) async fn lockable(
    connection: &mut PgConnection,
    tables: &[QualifiedName],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT t.name FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY t(name, place)
          WHERE pg_catalog.has_table_privilege(t.name, 'UPDATE, DELETE, TRUNCATE') ORDER BY t.place",
    )
    .bind(tables.iter().map(QualifiedName::to_sql).collect::<Vec<_>>())
    .fetch_all(connection)
    .await
}

/// How an attempt to lock ended.
pub(super) enum LockAttempt {
    Locked,
    /// Not within [`ATTEMPT`]; the sessions that blocked it, if they were seen. The savepoint `attempt` is rolled back and released.
    Blocked(String),
}

/// One attempt of session `me` behind the savepoint `attempt`.
pub(super) async fn attempt(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    me: i32,
    statement: &str,
) -> Result<LockAttempt, MigratorError> {
    // The blockers are queried during an attempt; a successful attempt does not wait for the result.
    let mut blockers = Ok(String::new());
    let querying = async {
        blockers = self::blockers(watcher, me).await;
        std::future::pending::<std::convert::Infallible>().await
    };
    let attempt = tokio::select! {
        biased;
        attempt = sqlx::raw_sql(statement).execute(&mut *connection) => attempt,
        never = querying => match never {},
    };
    match attempt {
        Ok(_) => Ok(LockAttempt::Locked),
        Err(error)
            if matches!(SqlState::of(&error), Some(SqlState::LockNotAvailable | SqlState::Deadlock)) =>
        {
            sqlx::raw_sql("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
                .execute(&mut *connection)
                .await?;
            Ok(LockAttempt::Blocked(blockers?))
        }
        Err(error) => Err(error.into()),
    }
}

/// The sessions that block `pid`, during its attempt.
async fn blockers(watcher: &mut PgConnection, pid: i32) -> Result<String, sqlx::Error> {
    tokio::time::sleep(QUERY_BLOCKERS_AFTER).await;
    let blockers: Vec<String> = sqlx::query_scalar(
        "SELECT pg_catalog.format('server process %s (user %s, %s, from %s, transaction open since %s): %s',
                    a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application name'),
                    coalesce(a.client_addr::text, 'this machine'),
                    pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"'),
                    pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 80))
           FROM pg_catalog.pg_stat_activity a
          WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1)) ORDER BY a.xact_start",
    )
    .bind(pid)
    .fetch_all(watcher)
    .await?;
    Ok(blockers.join("; "))
}
