//! Rollback: the legacy shape, computed from the log. One transaction, like a migration; what takes long happens while
//! users read and write, and what they change meanwhile is brought in under the lock.

mod assignments;
mod cut_over;
mod inspect;
mod loss;
mod pending;
mod phases;
mod record;

use crate::database::{self, Database};
use crate::definition::{self, QualifiedName, TableDefinition};
use crate::error::MigratorError;
use crate::log::events::Direction;
use crate::progress::Progress;
use crate::report::RollbackCompleted;
pub use crate::report::{Edit, Loss, LossItem, RollbackPlan, RolledBack};
use crate::run::Operator;
use crate::run::cut_over::{SHADOW, with_own_tables};
use crate::run::lock::Head;
use crate::run::session::{Attempt, Hold, RunContext, RunParameters, RunSession};
use assignments::BuildError;
use inspect::{Inspection, Prepared, inspect};
use phaseline_store::read;
use phases::{build_phases, changed, check_built};
use sqlx::{PgConnection, Postgres, Transaction};
use std::time::Duration;

/// How to roll back.
#[derive(Clone, Debug)]
pub struct RollbackOptions {
    /// How long to wait for the tables in all.
    pub lock_timeout: Duration,
    /// Who runs it.
    pub operator: Operator,
    /// The digest of the loss that is accepted; if there is another loss, nothing is written.
    pub accept_loss: Option<String>,
}

/// Attempts that lock nothing while they read and build. To hold the log's head alone would not do: a command that waits for it
/// is in the way of the tables.
const UNLOCKED_ATTEMPTS: u32 = 3;

/// What changed if an assignment has no phase to point at.
const ASSIGNMENT_WITHOUT_PHASE: &str = "the assignments of a project without phases";

/// What a rollback would do, in a transaction of its own that is rolled back.
pub async fn plan(connection: &mut PgConnection) -> Result<RollbackPlan, MigratorError> {
    let mut transaction = read::snapshot(connection).await?;
    let inspection = inspect(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(match inspection {
        Inspection::Report(plan) => *plan,
        Inspection::Prepared(prepared) => prepared.plan,
    })
}

/// Rolls back.
///
/// # Errors
/// After any error nothing was written: [`MigratorError::WouldLose`] naming what the legacy schema cannot hold,
/// [`MigratorError::RollbackRefused`], [`MigratorError::Locked`], [`MigratorError::LockTimeout`], the database's own.
pub async fn rollback(
    database: &Database,
    options: &RollbackOptions,
    progress: &dyn Progress,
) -> Result<RolledBack, MigratorError> {
    let RollbackOptions { operator, lock_timeout, .. } = options;
    let (direction, lock_timeout) = (Direction::Rollback, *lock_timeout);
    let mut session =
        RunSession::open(RunParameters { database, operator, direction, lock_timeout, progress }).await?;
    let done = rollback_in(&mut session, options).await;
    session.finish(done).await
}

async fn rollback_in(
    session: &mut RunSession<'_>,
    options: &RollbackOptions,
) -> Result<RolledBack, MigratorError> {
    let mut hold = Hold::Nothing;
    loop {
        match attempt(session, options, hold).await? {
            Attempt::Done(done) => return Ok(done),
            Attempt::Changed(what) => hold = session.run.after_change(&what, hold, UNLOCKED_ATTEMPTS)?,
        }
    }
}

/// One attempt; unless it is done, its transaction is rolled back.
async fn attempt(
    session: &mut RunSession<'_>,
    options: &RollbackOptions,
    hold: Hold,
) -> Result<Attempt<RolledBack>, MigratorError> {
    let RunSession { connection, run } = session;
    run.start_attempt();
    run.step("reading the log", None);
    let mut ready = None;
    if hold == Hold::Nothing {
        // One moment: log and tables, read one after the other, would seem to differ beside a command.
        let mut snapshot = read::snapshot(connection).await?;
        let inspection = inspect(&mut snapshot).await?;
        snapshot.rollback().await?;
        match judge(inspection, options)? {
            Judgement::AlreadyRolledBack(plan) => return Ok(Attempt::Done(already_rolled_back(plan, run))),
            Judgement::Ready(prepared) => ready = Some(prepared),
        }
        run.check_interrupt()?;
    }
    // What is missing of the log's schema is made again by this: the events alone are enough.
    let run_options = serde_json::json!({ "accept_loss": options.accept_loss });
    run.start_journal(connection, None, run_options).await?;
    let mut transaction = begin(connection).await?;
    let prepared = match ready {
        Some(prepared) => prepared,
        None => {
            lock_before_reading(&mut transaction, run).await?;
            match judge(inspect(&mut transaction).await?, options)? {
                Judgement::AlreadyRolledBack(plan) => {
                    return Ok(Attempt::Done(already_rolled_back(plan, run)));
                }
                Judgement::Ready(prepared) => prepared,
            }
        }
    };
    match carry_out(&mut transaction, run, *prepared, hold).await? {
        Attempt::Changed(what) => Ok(Attempt::Changed(what)),
        Attempt::Done((plan, completed)) => {
            run.check_interrupt()?;
            transaction.commit().await?;
            Ok(Attempt::Done(RolledBack {
                plan,
                run: run.id(),
                completed: Some(completed),
                took_ms: run.took_ms(),
                locked_ms: run.locked_ms(),
            }))
        }
    }
}

/// The steps of a rollback, all but the commit. Returns the plan that was carried out, and what came back.
async fn carry_out(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
    prepared: Prepared,
    hold: Hold,
) -> Result<Attempt<(RollbackPlan, RollbackCompleted)>, MigratorError> {
    run.step("building the legacy project_phases", None);
    sqlx::raw_sql(&format!("CREATE SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    build_phases(connection, &prepared).await?;
    run.check_interrupt()?;
    let mut built = match assignments::build(connection, run, &prepared, hold).await {
        Err(BuildError::AssignmentWithoutPhase) => {
            return Ok(Attempt::Changed(ASSIGNMENT_WITHOUT_PHASE.to_owned()));
        }
        Err(BuildError::Failed(error)) => return Err(error),
        Ok(built) => built,
    };
    run.check_interrupt()?;

    if hold == Hold::Nothing {
        run.step("locking the tables", None);
        run.lock_tables(connection, &with_own_tables(tables_to_lock(&prepared)), Head::Too).await?;
    }
    if let Some(what) = changed(connection, &prepared, run.journal()?).await? {
        return Ok(Attempt::Changed(what));
    }

    run.step("cutting over", None);
    let now = prepared.fingerprints.recheck(connection, "resource_assignments").await?;
    if now.changed {
        match assignments::catch_up(connection, &prepared, &mut built, now.rows).await {
            Err(BuildError::AssignmentWithoutPhase) => {
                return Ok(Attempt::Changed(ASSIGNMENT_WITHOUT_PHASE.to_owned()));
            }
            Err(BuildError::Failed(error)) => return Err(error),
            Ok(()) => {}
        }
    }
    check_built(connection, &prepared.plan, built.rows(), now.rows).await?;
    let completed = record::record(connection, &prepared, run.journal()?, &built).await?;
    cut_over::cut_over(connection, &prepared).await?;
    Ok(Attempt::Done((prepared.plan, completed)))
}

/// Begins the transaction of an attempt.
async fn begin(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, MigratorError> {
    let mut transaction = database::read_write(connection).await?;
    sqlx::raw_sql(
        "SET LOCAL work_mem = '128MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL jit = off",
    )
    .execute(&mut *transaction)
    .await?;
    Ok(transaction)
}

/// Locks everything before anything is read.
async fn lock_before_reading(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
) -> Result<(), MigratorError> {
    let mut tables = Vec::new();
    for table in ["project_phases", "resource_assignments"] {
        let definition = definition::capture(connection, "public", table).await?;
        tables.extend(definition.iter().flat_map(TableDefinition::tied_tables));
    }
    tables.sort();
    tables.dedup();
    run.lock_tables(connection, &with_own_tables(tables), Head::Too).await
}

fn tables_to_lock(prepared: &Prepared) -> Vec<QualifiedName> {
    let mut tables: Vec<QualifiedName> =
        prepared.old.iter().chain(&prepared.current).flat_map(TableDefinition::tied_tables).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// What an inspection means for the run.
enum Judgement {
    AlreadyRolledBack(Box<RollbackPlan>),
    Ready(Box<Prepared>),
}

fn judge(inspection: Inspection, options: &RollbackOptions) -> Result<Judgement, MigratorError> {
    match inspection {
        Inspection::Prepared(prepared) => {
            ensure_ready(&prepared.plan, options)?;
            Ok(Judgement::Ready(prepared))
        }
        Inspection::Report(plan) if plan.already => Ok(Judgement::AlreadyRolledBack(plan)),
        Inspection::Report(plan) => Err(MigratorError::RollbackRefused(plan)),
    }
}

/// Fails unless nothing is in the way and nothing is lost but what was accepted.
fn ensure_ready(plan: &RollbackPlan, options: &RollbackOptions) -> Result<(), MigratorError> {
    if plan.anomalies.iter().any(|anomaly| anomaly.refused) || !plan.missing_privileges.is_empty() {
        return Err(MigratorError::RollbackRefused(Box::new(plan.clone())));
    }
    if plan.ready || options.accept_loss.is_some() && options.accept_loss == plan.loss.digest {
        return Ok(());
    }
    Err(MigratorError::WouldLose { plan: Box::new(plan.clone()), accepted: options.accept_loss.clone() })
}

fn already_rolled_back(plan: Box<RollbackPlan>, run: &RunContext<'_>) -> RolledBack {
    RolledBack { plan: *plan, run: None, completed: None, took_ms: run.took_ms(), locked_ms: 0 }
}
