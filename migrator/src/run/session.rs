//! A run from its lock to its end: two connections, the journal, progress, durations. Each direction adds only its own steps.

use super::cut_over::ReaderLocks;
use super::journal::{self, Journal, NewRun};
use super::lock::{self, HeadLock, LockTargets};
use super::operator::Operator;
use super::swap_locks::SwapLocks;
use crate::database::Database;
use crate::definition::QualifiedName;
use crate::error::MigratorError;
use crate::log::events::Direction;
use crate::progress::Progress;
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The parameters of every run.
#[derive(Clone, Copy)]
pub(crate) struct RunParameters<'a> {
    pub database: &'a Database,
    pub operator: &'a Operator,
    pub direction: Direction,
    /// The limit of the wait for the tables, and for the log's head.
    pub lock_timeout: Duration,
    pub progress: &'a dyn Progress,
}

/// A run that holds the lock against other runs.
pub(crate) struct RunSession<'a> {
    /// The connection of the work, in one transaction per attempt.
    pub connection: PgConnection,
    pub run: RunContext<'a>,
}

/// The context of a run's steps, beside the connection of the work.
pub(crate) struct RunContext<'a> {
    parameters: RunParameters<'a>,
    /// Sees what blocks the other connection while that waits, and reads while it writes.
    pub watcher: PgConnection,
    journal: Option<Journal>,
    started: Instant,
    locked: Option<Instant>,
    attempts: u32,
    held: HeldLocks,
    /// The locks of an attempt that keeps writers out from its beginning.
    kept: Option<SwapLocks>,
}

/// The locks that an attempt holds while it reads and builds: none, so that other sessions continue; or more, after changes that need
/// another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldLocks {
    None,
    /// Those that keep writers out; others read.
    Writers,
    All,
}

/// How an attempt ended.
pub(crate) enum Attempt<T> {
    Done(T),
    /// Changes between reading and locking need another attempt; the transaction is rolled back.
    Changed(String),
    /// Writers were kept out, but readers could not be; the transaction is rolled back.
    Blocked,
}

impl<T> Attempt<T> {
    /// The same with another result.
    pub(crate) fn map<U>(self, with: impl FnOnce(T) -> U) -> Attempt<U> {
        match self {
            Self::Done(done) => Attempt::Done(with(done)),
            Self::Changed(what) => Attempt::Changed(what),
            Self::Blocked => Attempt::Blocked,
        }
    }
}

impl<'a> RunSession<'a> {
    /// Connects, and takes the lock against other runs.
    pub(crate) async fn open(parameters: RunParameters<'a>) -> Result<Self, MigratorError> {
        let started = Instant::now();
        let purpose = parameters.operator.purpose(parameters.direction);
        let (connection, watcher) = tokio::join!(
            parameters.database.connect(&purpose),
            parameters.database.connect("phaseline watcher")
        );
        let mut connection = connection?;
        lock::lock_run(&mut connection, parameters.operator, parameters.progress).await?;
        let watcher = watcher?;
        Ok(Self {
            connection,
            run: RunContext {
                parameters,
                watcher,
                journal: None,
                started,
                locked: None,
                attempts: 0,
                held: HeldLocks::None,
                kept: None,
            },
        })
    }

    /// Records a failure in the journal, and releases the lock. Returns the given result.
    pub(crate) async fn finish<T>(mut self, done: Result<T, MigratorError>) -> Result<T, MigratorError> {
        if let (Err(error), Some(journal)) = (&done, &self.run.journal) {
            journal::record_failure(self.run.parameters.database, &mut self.connection, journal, error).await;
        }
        lock::release_run(&mut self.connection).await;
        done
    }
}

impl<'a> RunContext<'a> {
    pub(crate) const fn progress(&self) -> &'a dyn Progress {
        self.parameters.progress
    }

    /// The database, for sessions that read beside the run's own; none while the tables are locked.
    pub(crate) fn beside(&self) -> Option<&'a Database> {
        (self.held == HeldLocks::None).then_some(self.parameters.database)
    }

    /// Announces a step, with its number of units if that is known.
    pub(crate) fn step(&self, what: &str, total: Option<u64>) {
        self.parameters.progress.step(what, total);
    }

    /// Fails if the operator wants the run to stop.
    pub(crate) fn check_interrupt(&self) -> Result<(), MigratorError> {
        check_interrupt(self.parameters.progress)
    }

    /// Starts an attempt that holds these locks: forgets the events and locks of an earlier one, which was rolled back.
    pub(crate) fn start_attempt(&mut self, held: HeldLocks) {
        self.attempts += 1;
        self.held = held;
        self.locked = None;
        self.kept = None;
        if let Some(journal) = &mut self.journal {
            journal.undo();
        }
    }

    /// The locks of this attempt.
    pub(crate) const fn held(&self) -> HeldLocks {
        self.held
    }

    /// The locks of the next attempt: after `unlocked` attempts without locks those in `last`, after these all.
    pub(crate) fn after_change(
        &self,
        what: Option<&str>,
        unlocked: u32,
        last: HeldLocks,
    ) -> Result<HeldLocks, MigratorError> {
        let (next, how) = match self.held {
            HeldLocks::None if self.attempts < unlocked => (HeldLocks::None, ""),
            HeldLocks::None if last == HeldLocks::Writers => (last, " with writers locked out"),
            HeldLocks::None | HeldLocks::Writers => (HeldLocks::All, " with the tables locked"),
            HeldLocks::All => {
                let what = what.unwrap_or("a lock");
                return Err(MigratorError::SelfCheck(format!(
                    "{what} changed although everything was locked"
                )));
            }
        };
        let why = what.map_or_else(
            || "other sessions use the tables".to_owned(),
            |what| format!("{what} changed meanwhile"),
        );
        self.parameters.progress.note(&format!("{why}; starting again{how}"));
        Ok(next)
    }

    /// Commits the run's beginning, once. Errors before this leave nothing in the log.
    pub(crate) async fn start_journal(
        &mut self,
        connection: &mut PgConnection,
        plan_digest: Option<String>,
        options: serde_json::Value,
    ) -> Result<(), MigratorError> {
        if self.journal.is_some() {
            return Ok(());
        }
        self.step("recording that the run begins", None);
        let RunParameters { operator, direction, lock_timeout, .. } = self.parameters;
        let new_run = NewRun { operator, direction, plan_digest, options, lock_timeout };
        self.journal = Some(Journal::start(new_run, connection, &mut self.watcher).await?);
        Ok(())
    }

    /// The run's journal.
    ///
    /// # Errors
    /// [`MigratorError::SelfCheck`] before [`RunContext::start_journal`].
    pub(crate) fn journal(&mut self) -> Result<&mut Journal, MigratorError> {
        self.journal.as_mut().ok_or_else(|| MigratorError::SelfCheck("the run has no journal".to_owned()))
    }

    /// The run's id in the log; none before [`RunContext::start_journal`].
    pub(crate) fn id(&self) -> Option<Uuid> {
        self.journal.as_ref().map(|journal| journal.run)
    }

    /// Locks tables for the swap; the time in which they cannot be read counts from here.
    pub(crate) async fn lock_tables(
        &mut self,
        connection: &mut PgConnection,
        tables: &[QualifiedName],
        head: HeadLock,
    ) -> Result<(), MigratorError> {
        let readers = ReaderLocks::find(connection).await?;
        let mut locks = self.swap_locks(connection, tables, &readers, head).await?;
        self.locked =
            Some(locks.lock_everyone(connection, &mut self.watcher, self.parameters.progress).await?);
        Ok(())
    }

    /// Keeps the locks of [`RunContext::lock_writers`] until [`RunContext::kept_locks`] takes them.
    pub(crate) fn keep_locks(&mut self, locks: SwapLocks) {
        self.kept = Some(locks);
    }

    /// The locks that were kept.
    pub(crate) fn kept_locks(&mut self) -> Option<SwapLocks> {
        self.kept.take()
    }

    /// The locks for a swap in two steps; nothing is locked yet.
    pub(crate) async fn swap_locks(
        &self,
        connection: &mut PgConnection,
        tables: &[QualifiedName],
        readers: &ReaderLocks,
        head: HeadLock,
    ) -> Result<SwapLocks, MigratorError> {
        let ReaderLocks { views, sequences } = readers;
        let targets = LockTargets { views, tables, sequences, head };
        SwapLocks::begin(connection, &targets, self.parameters.lock_timeout).await
    }

    /// Locks out writers for a swap, after a savepoint.
    pub(crate) async fn lock_writers(
        &mut self,
        connection: &mut PgConnection,
        locks: &mut SwapLocks,
    ) -> Result<(), MigratorError> {
        let progress = self.parameters.progress;
        self.locked = locks.lock_writers(connection, &mut self.watcher, progress).await?;
        Ok(())
    }

    /// Locks out readers, too; the time in which the tables cannot be read counts from here. If it fails, everything since the savepoint
    /// is rolled back.
    pub(crate) async fn lock_readers(
        &mut self,
        connection: &mut PgConnection,
        locks: &mut SwapLocks,
    ) -> Result<bool, MigratorError> {
        let progress = self.parameters.progress;
        let done = locks.lock_readers(connection, &mut self.watcher, progress).await?;
        match &mut self.journal {
            _ if done => self.locked = self.locked.or_else(|| Some(Instant::now())),
            // Its events were rolled back, too.
            Some(journal) => journal.undo(),
            None => {}
        }
        Ok(done)
    }

    /// Milliseconds since the run began.
    pub(crate) fn took_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    /// Milliseconds since the tables were locked.
    pub(crate) fn locked_ms(&self) -> u64 {
        self.locked.map_or(0, |at| millis(at.elapsed()))
    }
}

/// Fails if the operator wants the run to stop.
pub(crate) fn check_interrupt(progress: &dyn Progress) -> Result<(), MigratorError> {
    if progress.interrupted() { Err(MigratorError::Interrupted) } else { Ok(()) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
