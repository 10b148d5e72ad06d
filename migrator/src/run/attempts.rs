//! The attempts of a run. A migration and a rollback differ in their steps only.

use super::session::{Attempt, HeldLocks, RunContext, RunSession};
use crate::database;
use crate::definition::{DefinitionError, event_triggers};
use crate::error::MigratorError;
use phaseline_store::{SqlState, StoreError, read};
use sqlx::PgConnection;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

/// The consequence of an inspection for a run.
pub(crate) enum Judgement<Prepared, Report> {
    /// The database has the shape already.
    Already(Report),
    Ready(Box<Prepared>),
}

/// The journal's record of a run's beginning.
pub(crate) struct Beginning {
    pub plan_digest: Option<String>,
    pub options: serde_json::Value,
}

/// The steps of one direction.
pub(crate) trait RunSteps {
    /// The result of an inspection that the steps need.
    type Prepared;
    /// The result of the steps.
    type Carried;
    /// The run's result.
    type Report;

    /// Attempts that lock nothing while they read and build.
    const UNLOCKED_ATTEMPTS: u32;
    /// The locks of the attempt after these.
    const LAST: HeldLocks;
    /// The first step.
    const READING: &'static str;
    /// Settings of the transaction that writes, as SQL.
    const SETTINGS: Option<&'static str>;

    /// Reads the database, and fails if the run must not continue.
    async fn inspect(
        &self,
        connection: &mut PgConnection,
        run: &RunContext<'_>,
    ) -> Result<Judgement<Self::Prepared, Self::Report>, MigratorError>;

    /// The journal's record before anything else is written.
    fn beginning(&self, prepared: &Self::Prepared) -> Result<Beginning, MigratorError>;

    /// Takes the attempt's locks before anything is read.
    async fn lock_before_reading(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
    ) -> Result<(), MigratorError>;

    /// All steps but the commit.
    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
        prepared: Self::Prepared,
        held: HeldLocks,
    ) -> Result<Attempt<Self::Carried>, MigratorError>;

    /// The result, after the commit.
    fn report(&self, carried: Self::Carried, run: &RunContext<'_>) -> Self::Report;
}

/// Repeats the attempt until no change in between needs another one.
pub(crate) async fn run_attempts<S: RunSteps>(
    session: &mut RunSession<'_>,
    steps: &S,
) -> Result<S::Report, MigratorError> {
    let mut held = HeldLocks::None;
    loop {
        match attempt(session, steps, held).await {
            Ok(Attempt::Done(report)) => return Ok(report),
            Ok(Attempt::Changed(what)) => {
                held = session.run.after_change(Some(&what), S::UNLOCKED_ATTEMPTS, S::LAST)?;
            }
            Ok(Attempt::Blocked) => {
                held = session.run.after_change(None, S::UNLOCKED_ATTEMPTS, S::LAST)?;
            }
            Err(error) => return Err(with_event_trigger(&mut session.connection, error).await),
        }
    }
}

/// The error of PostgreSQL in an error, if it is one.
fn of_database(error: &MigratorError) -> Option<&sqlx::Error> {
    match error {
        MigratorError::Ddl { source, .. }
        | MigratorError::Database(source)
        | MigratorError::Definition(DefinitionError::Database(source))
        | MigratorError::Store(
            StoreError::Database(source)
            | StoreError::Schema(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)),
        ) => Some(source),
        _ => None,
    }
}

/// The same error, with the event trigger that raised it, if one may have.
async fn with_event_trigger(connection: &mut PgConnection, error: MigratorError) -> MigratorError {
    let Some(source) = of_database(&error) else { return error };
    let is_raised = SqlState::of(source) == Some(SqlState::RaisedException);
    let context = source.as_database_error().and_then(|error| {
        error.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::r#where).map(str::to_owned)
    });
    if !is_raised {
        return error;
    }
    match event_triggers::suspects(connection, context.as_deref().unwrap_or_default()).await {
        Ok(triggers) if !triggers.is_empty() => {
            MigratorError::EventTrigger { triggers, source: Box::new(error) }
        }
        _ => error,
    }
}

/// One attempt; unless it is done, its transaction is rolled back.
async fn attempt<S: RunSteps>(
    session: &mut RunSession<'_>,
    steps: &S,
    held: HeldLocks,
) -> Result<Attempt<S::Report>, MigratorError> {
    let RunSession { connection, run } = session;
    run.start_attempt(held);
    run.step(S::READING, None);
    let mut ready = None;
    if held == HeldLocks::None {
        // One snapshot: otherwise a concurrent command would make log and tables seem to differ.
        let mut snapshot = read::snapshot(connection).await?;
        let judgement = steps.inspect(&mut snapshot, run).await?;
        snapshot.rollback().await?;
        let prepared = match judgement {
            Judgement::Already(report) => return Ok(Attempt::Done(report)),
            Judgement::Ready(prepared) => prepared,
        };
        run.check_interrupt()?;
        // Creates missing objects of the log's schema again.
        let Beginning { plan_digest, options } = steps.beginning(&prepared)?;
        run.start_journal(connection, plan_digest, options).await?;
        ready = Some(prepared);
    }
    let mut transaction = database::read_write(connection).await?;
    if let Some(settings) = S::SETTINGS {
        sqlx::raw_sql(settings).execute(&mut *transaction).await?;
    }
    let prepared = match ready {
        Some(prepared) => prepared,
        None => {
            steps.lock_before_reading(&mut transaction, run).await?;
            match steps.inspect(&mut transaction, run).await? {
                Judgement::Already(report) => return Ok(Attempt::Done(report)),
                Judgement::Ready(prepared) => prepared,
            }
        }
    };
    run.check_interrupt()?;
    match steps.carry_out(&mut transaction, run, *prepared, held).await? {
        Attempt::Changed(what) => Ok(Attempt::Changed(what)),
        Attempt::Blocked => Ok(Attempt::Blocked),
        Attempt::Done(carried) => {
            run.check_interrupt()?;
            transaction.commit().await?;
            Ok(Attempt::Done(steps.report(carried, run)))
        }
    }
}
