//! The tables' locks in two stages: first against writers, for the work that grows with the rows; then against readers, for the swap.
//!
//! A session that has read a table and wants to write it waits for the first stage, and the second would wait for that session. So the
//! second is tried only while no session with a lock on the tables waits for any lock, and for a shorter time than the server waits
//! before it looks for deadlocks: no session becomes a victim. If it fails, both stages are released, so that all others continue, and
//! the work behind the first is done again.

use super::cut_over::ReaderLocks;
use super::lock::{ATTEMPT, LockAttempt, PAUSE, attempt, lockable, timed_out};
use crate::definition::QualifiedName;
use crate::error::MigratorError;
use crate::progress::Progress;
use sqlx::PgConnection;
use std::time::{Duration, Instant};

/// The locks of one run.
#[derive(Debug)]
pub(crate) struct StagedLock {
    /// As SQL. Tables that the role may not lock are left out: the DDL locks them itself.
    tables: Vec<String>,
    /// The number of the run's session.
    me: i32,
    begun: Instant,
    limit: Duration,
    last_seen: String,
}

impl StagedLock {
    /// The locks of these tables, which must be free within `limit` from now.
    pub(super) async fn new(
        connection: &mut PgConnection,
        tables: &[QualifiedName],
        limit: Duration,
    ) -> Result<Self, MigratorError> {
        let tables = lockable(connection, tables).await?;
        let me = sqlx::query_scalar("SELECT pg_catalog.pg_backend_pid()").fetch_one(connection).await?;
        Ok(Self { tables, me, begun: Instant::now(), limit, last_seen: String::new() })
    }

    /// The first stage, behind the savepoint `attempt`: others read, and nobody writes. `watcher` is a second connection that sees what
    /// blocks the first.
    pub(super) async fn keep_out_writers(
        &mut self,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
        progress: &dyn Progress,
    ) -> Result<(), MigratorError> {
        // The mode excludes itself, so that no second session gets it and wants to go on to the next stage, too.
        let statement = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", self.tables.join(", "));
        loop {
            if progress.interrupted() {
                return Err(MigratorError::Interrupted);
            }
            sqlx::raw_sql(&format!("SAVEPOINT attempt; SET LOCAL lock_timeout = {}", ATTEMPT.as_millis()))
                .execute(&mut *connection)
                .await?;
            match attempt(connection, watcher, self.me, &statement).await? {
                LockAttempt::Locked => break,
                LockAttempt::Blocked(blockers) => self.pause(blockers, progress).await?,
            }
        }
        self.set_timeout(connection).await
    }

    /// The second stage: nobody reads. If it is not free at once, it ends the first stage, undoes everything behind it, waits, and
    /// returns none.
    pub(super) async fn keep_out_readers(
        &mut self,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
        readers: &ReaderLocks,
        progress: &dyn Progress,
    ) -> Result<Option<Instant>, MigratorError> {
        let ReaderLocks { views, relations, sequences } = readers;
        let waiting = self.waiting_holders(connection, relations).await?;
        if !waiting.is_empty() {
            sqlx::raw_sql("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
                .execute(&mut *connection)
                .await?;
            self.pause(waiting, progress).await?;
            return Ok(None);
        }
        let views: String = views.iter().map(|view| format!("{view}; ")).collect();
        let sequences: String = sequences.iter().map(|sequence| format!("; {sequence}")).collect();
        let statement = format!(
            "SET LOCAL lock_timeout = {}; {views}LOCK TABLE {} IN ACCESS EXCLUSIVE MODE{sequences}",
            ATTEMPT.as_millis(),
            self.tables.join(", ")
        );
        match attempt(connection, watcher, self.me, &statement).await? {
            LockAttempt::Locked => {
                let locked = Instant::now();
                sqlx::raw_sql("RELEASE SAVEPOINT attempt").execute(&mut *connection).await?;
                self.set_timeout(connection).await?;
                Ok(Some(locked))
            }
            LockAttempt::Blocked(blockers) => {
                self.pause(blockers, progress).await?;
                Ok(None)
            }
        }
    }

    /// The sessions that hold a lock on the tables or on what reads them and wait for another lock.
    async fn waiting_holders(
        &self,
        connection: &mut PgConnection,
        relations: &[String],
    ) -> Result<String, sqlx::Error> {
        let relations: Vec<&String> = self.tables.iter().chain(relations).collect();
        let waiting: Vec<String> = sqlx::query_scalar(
            "SELECT pg_catalog.format('server process %s (user %s, %s), which waits for another lock', a.pid, a.usename,
                        coalesce(nullif(a.application_name, ''), 'no application name'))
               FROM pg_catalog.pg_stat_activity a
              WHERE a.pid IN (SELECT held.pid FROM pg_catalog.pg_locks held
                                JOIN pg_catalog.pg_locks wanted ON wanted.pid = held.pid AND NOT wanted.granted
                               WHERE held.granted AND held.pid <> pg_catalog.pg_backend_pid() AND held.locktype = 'relation'
                                 AND held.relation IN (SELECT pg_catalog.to_regclass(r.name)::pg_catalog.oid
                                                         FROM pg_catalog.unnest($1::pg_catalog.text[]) r(name))
                                 AND held.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                                       WHERE d.datname = pg_catalog.current_database()))
              ORDER BY a.pid",
        )
        .bind(relations)
        .fetch_all(connection)
        .await?;
        Ok(waiting.join("; "))
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
    async fn set_timeout(&self, connection: &mut PgConnection) -> Result<(), MigratorError> {
        let rest = self.limit.saturating_sub(self.begun.elapsed()).max(Duration::from_secs(1));
        sqlx::raw_sql(&format!("SET LOCAL lock_timeout = {}", rest.as_millis())).execute(connection).await?;
        Ok(())
    }
}
