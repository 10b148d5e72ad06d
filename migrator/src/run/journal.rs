//! The journal of runs. A run's beginning is committed before its work, a failure after the rollback of its work. A run without an end and
//! without a living process was killed.

use super::lock;
use super::operator::Operator;
use crate::database::{self, Database};
use crate::error::MigratorError;
use crate::log::events::{Direction, FailureKind, RunEvent, RunFailed};
use crate::log::history::stream_of;
use phaseline_store::{Import, NewEvent};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use uuid::Uuid;

/// The timeout for recording a failure.
const PATIENCE: Duration = Duration::from_secs(5);

/// A run that has begun.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The run's id.
    pub run: Uuid,
    /// The metadata of its events, as JSON.
    pub metadata: String,
    /// The log's last position before the run.
    pub after: i64,
    /// The position of `RunStarted`.
    pub position: i64,
    /// The run's last version in its stream.
    version: i64,
}

impl Journal {
    /// Forgets the events of a transaction that was rolled back.
    pub(crate) const fn undo(&mut self) {
        self.version = 1;
    }

    /// The run's last version in its stream.
    pub(crate) const fn version(&self) -> i64 {
        self.version
    }

    /// Forgets the events behind this version, which were rolled back to a savepoint.
    pub(crate) const fn undo_to(&mut self, version: i64) {
        self.version = version;
    }

    /// The next version in the run's stream.
    pub(crate) fn next(&mut self) -> i64 {
        self.version += 1;
        self.version
    }

    /// Adds one of the run's events to an import.
    pub(crate) async fn push(
        &mut self,
        import: &mut Import<'_>,
        event: &RunEvent,
    ) -> Result<(), MigratorError> {
        let new: NewEvent = event.to_new()?;
        import.push(stream_of(self.run), self.next(), &new, &self.metadata).await?;
        Ok(())
    }
}

/// A run that begins.
#[derive(Debug)]
pub(crate) struct NewRun<'a> {
    pub operator: &'a Operator,
    pub direction: Direction,
    pub plan_digest: Option<String>,
    pub options: serde_json::Value,
    /// How long to wait for the log's head.
    pub lock_timeout: Duration,
}

impl Journal {
    /// Records that the run begins, in a transaction of its own on `connection`; `watcher` is another connection that sees
    /// what blocks it if the log's head is held. Installs the log if it is missing.
    pub(crate) async fn start(
        new_run: NewRun<'_>,
        connection: &mut PgConnection,
        watcher: &mut PgConnection,
    ) -> Result<Self, MigratorError> {
        let NewRun { operator, direction, plan_digest, options, lock_timeout } = new_run;
        let run = Uuid::now_v7();
        let metadata = operator.metadata(run).to_json()?;
        let mut transaction = database::read_write(connection).await?;
        phaseline_projections::install(&mut transaction).await?;
        lock::lock_head(&mut transaction, watcher, lock_timeout).await?;
        let started = operator.started(&mut transaction, direction, plan_digest, options).await?;
        let mut import = Import::begin(&mut transaction).await?;
        import.push(stream_of(run), 1, &RunEvent::Started(started).to_new()?, &metadata).await?;
        let imported = import.finish().await?;
        transaction.commit().await?;
        Ok(Self { run, metadata, after: imported.after, position: imported.position, version: 1 })
    }
}

/// Records why a run ended without a change, after the rollback of its transaction on `connection`. If it cannot be recorded (the
/// connection may have failed), the run will appear as killed.
pub(crate) async fn record_failure(
    database: &Database,
    connection: &mut PgConnection,
    journal: &Journal,
    error: &MigratorError,
) {
    // The next statement on a connection rolls back its dropped transaction, which releases the log's head.
    let _ = tokio::time::timeout(PATIENCE, connection.ping()).await;
    let outcome = match error {
        MigratorError::Interrupted => FailureKind::Interrupted,
        MigratorError::Refused(_)
        | MigratorError::RollbackRefused(_)
        | MigratorError::WouldLose { .. }
        | MigratorError::StalePlan { .. }
        | MigratorError::LockTimeout { .. } => FailureKind::Refused,
        _ => FailureKind::Failed,
    };
    let event = RunEvent::Failed(RunFailed { outcome, error: error.to_string() });
    // The operator waits for the error, so the journal has a timeout.
    let _ = tokio::time::timeout(PATIENCE, record(database, journal, &event)).await;
}

async fn record(database: &Database, journal: &Journal, event: &RunEvent) -> Result<(), MigratorError> {
    let mut connection = database.connect("phaseline journal").await?;
    let mut transaction = database::read_write(&mut connection).await?;
    let mut import = Import::begin(&mut transaction).await?;
    import.push(stream_of(journal.run), 2, &event.to_new()?, &journal.metadata).await?;
    import.finish().await?;
    transaction.commit().await?;
    Ok(())
}
