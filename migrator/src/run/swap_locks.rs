//! The locks of a swap in two steps: writers are locked out while the run checks for changes and makes foreign keys, readers only for the
//! swap itself.
//!
//! A transaction that has read the tables and wants to write them waits for the run, and the run would wait for it: a cycle. No session
//! becomes its victim. Each looks for cycles once, when it has waited for its deadlock timeout, so the run may wait for readers before
//! the first session can have done that; later it only tries, which is no wait. What fails is given up with all locks behind it, so that
//! others continue. If such transactions are frequent, the run locks out both at once in the end, as only few of them are under way at
//! one moment.

use super::lock::{ATTEMPT, HeadLock, LockAttempt, LockTargets, PAUSE, attempt, lockable, timed_out};
use crate::error::MigratorError;
use crate::progress::Progress;
use phaseline_store::{SqlState, schema};
use sqlx::PgConnection;
use std::time::{Duration, Instant};

/// The savepoint before the locks.
const SAVEPOINT: &str = "SAVEPOINT attempt";
const RELEASE: &str = "RELEASE SAVEPOINT attempt";
const UNDO: &str = "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt";

/// After this number of failures to lock out readers behind the writers, both are locked out at once.
const TWO_STEP_ATTEMPTS: u32 = 2;
/// The deadlock timeout that other sessions probably have: PostgreSQL's default, or this session's if it is shorter.
const DEADLOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// How often, and how long, a lock that may not be waited for is tried.
const TRY_EVERY: Duration = Duration::from_millis(5);
const TRY_FOR: Duration = Duration::from_millis(500);

/// The locks of one attempt to swap tables.
pub(crate) struct SwapLocks {
    /// The statements that lock out everyone, only writers, and then readers with and without waiting.
    everyone: String,
    writers: String,
    readers: String,
    readers_now: String,
    /// The number of the run's session.
    me: i32,
    /// How long after the writers are locked out the run may wait for readers.
    may_wait: Duration,
    begun: Instant,
    limit: Duration,
    last_seen: String,
    /// Whether readers are locked out together with the writers.
    at_once: bool,
    failed: u32,
    writers_since: Instant,
}

impl SwapLocks {
    pub(crate) async fn begin(
        connection: &mut PgConnection,
        targets: &LockTargets<'_>,
        limit: Duration,
    ) -> Result<Self, MigratorError> {
        let tables = lockable(connection, targets.tables).await?.join(", ");
        let (me, deadlock_timeout): (i32, i64) = sqlx::query_as(
            "SELECT pg_catalog.pg_backend_pid(), s.setting::bigint
               FROM pg_catalog.pg_settings s WHERE s.name = 'deadlock_timeout'",
        )
        .fetch_one(connection)
        .await?;
        let deadlock_timeout = Duration::from_millis(deadlock_timeout.unsigned_abs()).min(DEADLOCK_TIMEOUT);
        let head = match targets.head {
            HeadLock::WithTables => format!("{}; ", schema::LOCK_HEAD),
            HeadLock::NotNeeded => String::new(),
        };
        let views: String = targets.views.iter().map(|view| format!("{view}; ")).collect();
        let sequences: String = targets.sequences.iter().map(|sequence| format!("; {sequence}")).collect();
        Ok(Self {
            everyone: format!("{head}{views}LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE{sequences}"),
            // Readers hold ACCESS SHARE only, the one mode that this one admits.
            writers: format!("{head}LOCK TABLE {tables} IN EXCLUSIVE MODE"),
            readers: format!("{views}LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE{sequences}"),
            readers_now: format!("{views}LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE NOWAIT{sequences}"),
            me,
            may_wait: deadlock_timeout.saturating_sub(ATTEMPT * 2),
            begun: Instant::now(),
            limit,
            last_seen: String::new(),
            at_once: false,
            failed: 0,
            writers_since: Instant::now(),
        })
    }

    /// Locks out writers, and sets a savepoint before that; also readers if it must be both at once: then returns since when.
    ///
    /// All locks are taken and given up before: so a session that has used the tables in its open transaction is waited for without
    /// locks, and writers continue meanwhile.
    pub(crate) async fn lock_writers(
        &mut self,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
        progress: &dyn Progress,
    ) -> Result<Option<Instant>, MigratorError> {
        loop {
            self.repeat(connection, watcher, progress).await?;
            self.writers_since = Instant::now();
            if self.at_once {
                self.allow_rest(connection).await?;
                return Ok(Some(self.writers_since));
            }
            let again = format!("{UNDO}; {SAVEPOINT}; {}", lock_timeout(ATTEMPT));
            sqlx::raw_sql(&again).execute(&mut *connection).await?;
            self.writers_since = Instant::now();
            match attempt(connection, watcher, self.me, &self.writers).await? {
                LockAttempt::Locked => break,
                LockAttempt::Blocked(blockers) => self.pause(blockers, progress).await?,
            }
        }
        self.allow_rest(connection).await?;
        Ok(None)
    }

    /// Locks out everyone in one step. Returns since when.
    pub(crate) async fn lock_everyone(
        &mut self,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
        progress: &dyn Progress,
    ) -> Result<Instant, MigratorError> {
        self.repeat(connection, watcher, progress).await?;
        let locked = Instant::now();
        sqlx::raw_sql(RELEASE).execute(&mut *connection).await?;
        self.allow_rest(connection).await?;
        Ok(locked)
    }

    /// Locks out readers behind the writers. If that fails, everything since the savepoint is rolled back, and nothing is locked.
    pub(crate) async fn lock_readers(
        &mut self,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
        progress: &dyn Progress,
    ) -> Result<bool, MigratorError> {
        if !self.at_once {
            flush_wal(watcher).await;
        }
        let blockers = if self.at_once {
            None
        } else if self.writers_since.elapsed() < self.may_wait {
            self.wait_for_readers(connection, watcher).await?
        } else {
            self.try_readers(connection).await?
        };
        let Some(blockers) = blockers else {
            sqlx::raw_sql(RELEASE).execute(&mut *connection).await?;
            self.allow_rest(connection).await?;
            return Ok(true);
        };
        self.failed += 1;
        self.at_once = self.failed >= TWO_STEP_ATTEMPTS;
        self.pause(blockers, progress).await?;
        Ok(false)
    }

    /// Locks out everyone behind the savepoint, as often as it takes within the limit.
    async fn repeat(
        &mut self,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
        progress: &dyn Progress,
    ) -> Result<(), MigratorError> {
        // The tables that the run has built: most of what it logs at all, and nobody waits yet.
        flush_wal(watcher).await;
        loop {
            if progress.interrupted() {
                return Err(MigratorError::Interrupted);
            }
            sqlx::raw_sql(&format!("{SAVEPOINT}; {}", lock_timeout(ATTEMPT)))
                .execute(&mut *connection)
                .await?;
            match attempt(connection, watcher, self.me, &self.everyone).await? {
                LockAttempt::Locked => return Ok(()),
                LockAttempt::Blocked(blockers) => self.pause(blockers, progress).await?,
            }
        }
    }

    /// Returns the sessions that blocked it; then everything since the savepoint is rolled back.
    async fn wait_for_readers(
        &self,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
    ) -> Result<Option<String>, MigratorError> {
        sqlx::raw_sql(&lock_timeout(ATTEMPT)).execute(&mut *connection).await?;
        Ok(match attempt(connection, watcher, self.me, &self.readers).await? {
            LockAttempt::Locked => None,
            LockAttempt::Blocked(blockers) => Some(blockers),
        })
    }

    /// The same without waiting.
    async fn try_readers(&self, connection: &mut PgConnection) -> Result<Option<String>, MigratorError> {
        let begun = Instant::now();
        // A view has no NOWAIT.
        sqlx::raw_sql(&lock_timeout(Duration::from_millis(1))).execute(&mut *connection).await?;
        loop {
            sqlx::raw_sql("SAVEPOINT try").execute(&mut *connection).await?;
            match sqlx::raw_sql(&self.readers_now).execute(&mut *connection).await {
                Ok(_) => {
                    sqlx::raw_sql("RELEASE SAVEPOINT try").execute(&mut *connection).await?;
                    return Ok(None);
                }
                Err(error) if SqlState::of(&error) == Some(SqlState::LockNotAvailable) => {
                    sqlx::raw_sql("ROLLBACK TO SAVEPOINT try; RELEASE SAVEPOINT try")
                        .execute(&mut *connection)
                        .await?;
                }
                Err(error) => return Err(error.into()),
            }
            if begun.elapsed() > TRY_FOR {
                sqlx::raw_sql(UNDO).execute(&mut *connection).await?;
                return Ok(Some(String::new()));
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    /// Waits until the next attempt, in which all others continue.
    ///
    /// # Errors
    /// [`MigratorError::LockTimeout`] if the limit is reached before.
    async fn pause(&mut self, blockers: String, progress: &dyn Progress) -> Result<(), MigratorError> {
        if !blockers.is_empty() && blockers != self.last_seen {
            progress.note(&format!("waiting for the tables: {blockers}"));
            self.last_seen = blockers;
        }
        if self.begun.elapsed() + PAUSE >= self.limit {
            return Err(timed_out(self.limit, std::mem::take(&mut self.last_seen)));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    /// The locks of the DDL itself may take the remaining time.
    async fn allow_rest(&self, connection: &mut PgConnection) -> Result<(), MigratorError> {
        let rest = self.limit.saturating_sub(self.begun.elapsed()).max(Duration::from_secs(1));
        sqlx::raw_sql(&lock_timeout(rest)).execute(connection).await?;
        Ok(())
    }
}

/// Has the server write to disk what the run has logged so far, by a commit of another session: else the run's own commit would, while
/// readers wait. It waits for the disk whatever the settings of the role, and for no standby. If it fails, the commit only takes longer.
async fn flush_wal(watcher: &mut PgConnection) {
    let message = "SELECT pg_catalog.set_config('synchronous_commit', 'local', true),
                          pg_catalog.pg_logical_emit_message(true, 'phaseline', 'flush')";
    if let Err(error) = sqlx::query(message).execute(watcher).await {
        tracing::debug!(%error, "the log of the server is flushed by the commit");
    }
}

fn lock_timeout(limit: Duration) -> String {
    format!("SET LOCAL lock_timeout = {}", limit.as_millis())
}

#[cfg(test)]
mod tests {
    use super::flush_wal;
    use phaseline_embedded::testing::{TestCluster, TestOptions};
    use sqlx::{Connection, PgConnection};

    #[tokio::test]
    async fn what_an_open_transaction_has_logged_is_on_disk_after_a_flush() {
        let options =
            TestOptions::default().setting("wal_writer_delay", "10s").setting("synchronous_commit", "off");
        let database = TestCluster::start(options).database();
        let mut run = PgConnection::connect(database.url()).await.unwrap();
        let mut watcher = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql("BEGIN; CREATE TABLE logged (n integer)").execute(&mut run).await.unwrap();
        let mut proven = 0;
        for _ in 0..20 {
            sqlx::raw_sql("INSERT INTO logged SELECT generate_series(1, 1000)")
                .execute(&mut run)
                .await
                .unwrap();
            let logged: String = sqlx::query_scalar("SELECT pg_current_wal_insert_lsn()::text")
                .fetch_one(&mut run)
                .await
                .unwrap();
            let is_on_disk =
                sqlx::query_scalar("SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn").bind(logged.as_str());
            // The server may have written it by itself.
            let before: bool = is_on_disk.fetch_one(&mut run).await.unwrap();
            flush_wal(&mut watcher).await;
            let is_on_disk =
                sqlx::query_scalar("SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn").bind(logged.as_str());
            let after: bool = is_on_disk.fetch_one(&mut run).await.unwrap();
            assert!(after);
            proven += usize::from(!before);
        }
        assert!(proven > 0, "all of it was on disk before");
        let setting: String =
            sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut watcher).await.unwrap();
        assert_eq!(setting, "off");
    }
}
