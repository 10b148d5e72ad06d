//! Rollback: computes the legacy shape from the log, in one transaction, as a migration does. The long steps run while users read and
//! write; changes in between are added under the lock.

mod assigned;
mod assignments;
mod catch_up;
mod cut_over;
mod index_progress;
mod inspect;
mod log_read;
mod loss;
mod pending;
mod phases;
mod record;
mod restored;

use crate::database::Database;
use crate::ddl;
use crate::definition::{self, EarlyKeys, QualifiedName, TableDefinition};
use crate::error::MigratorError;
use crate::log::events::Direction;
use crate::progress::{Progress, Silent};
use crate::report::RollbackCompleted;
pub use crate::report::{
    BudgetSums, Loss, LossItem, PhaseFate, RestoredPhase, RollbackPlan, RolledBack, TimelineEdit,
};
use crate::run::Operator;
use crate::run::attempts::{Beginning, Judgement, RunSteps, run_attempts};
use crate::run::cut_over::{ReaderLocks, SHADOW, with_own_tables};
use crate::run::lock::HeadLock;
use crate::run::session::{Attempt, HeldLocks, RunContext, RunParameters, RunSession};
use assignments::{BuildError, Built};
use inspect::{PreparedRollback, RollbackInspection, inspect};
use phaseline_store::read;
use phases::{ChangeSince, build_phases, changed, check_built};
use sqlx::PgConnection;
use std::time::Duration;

/// The options of a rollback.
#[derive(Clone, Debug)]
pub struct RollbackOptions {
    /// The limit of the whole wait for the tables' locks.
    pub lock_timeout: Duration,
    /// The operator.
    pub operator: Operator,
    /// The digest of the accepted loss; with another loss nothing is written.
    pub accept_loss: Option<String>,
}

/// The step that reads everything.
const READING: &str = "reading the log";

/// The reason for another attempt if an assignment has no phase to refer to.
const ASSIGNMENT_WITHOUT_PHASE: &str = "the assignments of a project without phases";

/// Plans a rollback in its own transaction, which is rolled back.
pub async fn plan(connection: &mut PgConnection) -> Result<RollbackPlan, MigratorError> {
    plan_watched(connection, &Silent).await
}

/// The same with progress.
pub async fn plan_watched(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<RollbackPlan, MigratorError> {
    progress.step(READING, None);
    let mut transaction = read::snapshot(connection).await?;
    let inspection = inspect(&mut transaction, progress).await?;
    transaction.rollback().await?;
    Ok(match inspection {
        RollbackInspection::Report(plan) => *plan,
        RollbackInspection::Prepared(prepared) => prepared.plan,
    })
}

/// Rolls back.
///
/// # Errors
/// After any error nothing was written: [`MigratorError::WouldLose`] with the values that the legacy schema cannot hold,
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
    // The catalogue's queries are run several times, and to plan them takes longer than to run them.
    sqlx::raw_sql("SET plan_cache_mode = force_generic_plan").execute(&mut session.connection).await?;
    let done = run_attempts(&mut session, &Rollback { options }).await;
    session.finish(done).await
}

/// The steps of a rollback.
struct Rollback<'a> {
    options: &'a RollbackOptions,
}

impl RunSteps for Rollback<'_> {
    type Prepared = PreparedRollback;
    /// The executed plan, and the restored rows.
    type Carried = (RollbackPlan, RollbackCompleted);
    type Report = RolledBack;

    /// The log's head alone is not enough: a command that waits for it holds locks of the tables.
    const UNLOCKED_ATTEMPTS: u32 = 3;
    const LAST: HeldLocks = HeldLocks::All;
    const READING: &'static str = READING;
    const SETTINGS: Option<&'static str> =
        Some("SET LOCAL work_mem = '128MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL jit = off");

    async fn inspect(
        &self,
        connection: &mut PgConnection,
        run: &RunContext<'_>,
    ) -> Result<Judgement<PreparedRollback, RolledBack>, MigratorError> {
        match inspect(connection, run.progress()).await? {
            RollbackInspection::Prepared(prepared) => {
                ensure_ready(&prepared.plan, self.options)?;
                Ok(Judgement::Ready(prepared))
            }
            RollbackInspection::Report(plan) if plan.already => {
                Ok(Judgement::Already(already_rolled_back(plan, run)))
            }
            RollbackInspection::Report(plan) => Err(MigratorError::RollbackRefused(plan)),
        }
    }

    fn beginning(&self, _: &PreparedRollback) -> Result<Beginning, MigratorError> {
        let options = serde_json::json!({ "accept_loss": self.options.accept_loss });
        Ok(Beginning { plan_digest: None, options })
    }

    async fn lock_before_reading(
        &self,
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
        run.lock_tables(connection, &with_own_tables(tables), HeadLock::WithTables).await
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
        prepared: PreparedRollback,
        held: HeldLocks,
    ) -> Result<Attempt<(RollbackPlan, RollbackCompleted)>, MigratorError> {
        run.step("building the legacy project_phases", Some(prepared.plan.phases));
        sqlx::raw_sql(&format!("CREATE SCHEMA {SHADOW}")).execute(&mut *connection).await?;
        let phases = build_phases(connection, &prepared).await?;
        run.progress().advance(prepared.plan.phases);
        run.check_interrupt()?;
        let built = Built::new(&prepared, phases);
        let swap = self.build_and_lock(connection, run, prepared, built, held).await;
        let (prepared, swap) = match swap {
            Ok(Attempt::Done(swap)) => swap,
            Ok(Attempt::Changed(what)) => return Ok(Attempt::Changed(what)),
            Ok(Attempt::Blocked) => return Ok(Attempt::Blocked),
            Err(BuildError::AssignmentWithoutPhase) => {
                return Ok(Attempt::Changed(ASSIGNMENT_WITHOUT_PHASE.to_owned()));
            }
            Err(BuildError::Failed(error)) => return Err(error),
        };
        run.step("cutting over", None);
        cut_over::cut_over(connection, &prepared, &swap.keys).await?;
        Ok(Attempt::Done((prepared.plan, swap.completed)))
    }

    fn report(
        &self,
        (plan, completed): (RollbackPlan, RollbackCompleted),
        run: &RunContext<'_>,
    ) -> RolledBack {
        RolledBack {
            plan,
            run: run.id(),
            completed: Some(completed),
            took_ms: run.took_ms(),
            locked_ms: run.locked_ms(),
        }
    }
}

/// What the swap needs of the steps before it.
struct PreparedSwap {
    completed: RollbackCompleted,
    keys: EarlyKeys,
}

impl Rollback<'_> {
    /// Everything before the swap; then the tables are locked.
    async fn build_and_lock(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
        mut prepared: PreparedRollback,
        built: Built,
        held: HeldLocks,
    ) -> Result<Attempt<(PreparedRollback, PreparedSwap)>, BuildError> {
        let mut built = assignments::build(connection, run, &prepared, held, built).await?;
        run.check_interrupt()?;
        if held == HeldLocks::All {
            let swap = self.prepare_swap(connection, run, &mut prepared, &mut built).await?;
            return Ok(swap.map(|swap| (prepared, swap)));
        }
        let ready = |plan: &RollbackPlan| ensure_ready(plan, self.options);
        let changed = catch_up::follow_log(connection, run, ready, &mut prepared, &mut built).await?;
        if let Some(what) = changed {
            return Ok(Attempt::Changed(what));
        }
        run.step("locking the tables", None);
        let tables = with_own_tables(tables_to_lock(&prepared));
        let readers = ReaderLocks::find(connection).await?;
        let mut locks = run.swap_locks(connection, &tables, &readers, HeadLock::WithTables).await?;
        loop {
            run.lock_writers(connection, &mut locks).await?;
            // A copy: if readers cannot be locked out, what is built from here is rolled back.
            let mut copy = built.fork();
            let swap = match self.prepare_swap(connection, run, &mut prepared, &mut copy).await? {
                Attempt::Done(swap) => swap,
                Attempt::Changed(what) => return Ok(Attempt::Changed(what)),
                Attempt::Blocked => return Ok(Attempt::Blocked),
            };
            if run.lock_readers(connection, &mut locks).await? {
                return Ok(Attempt::Done((prepared, swap)));
            }
        }
    }

    /// The steps that need the tables without writers, but not without readers: catches up with the last changes, makes the foreign keys,
    /// and records the run.
    async fn prepare_swap(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
        prepared: &mut PreparedRollback,
        built: &mut Built,
    ) -> Result<Attempt<PreparedSwap>, BuildError> {
        match changed(connection, prepared, run.journal()?).await? {
            None => {}
            Some(ChangeSince::Definition(what)) => return Ok(Attempt::Changed(what)),
            Some(ChangeSince::Rows(what)) => {
                run.progress().note(&format!("{what} changed meanwhile; catching up"));
                if !prepared.catch_up(connection).await? {
                    return Ok(Attempt::Changed("the events that are left out".to_owned()));
                }
                ensure_ready(&prepared.plan, self.options)?;
            }
        }
        catch_up::rebuild_changed(connection, prepared, built).await?;
        let now = built.recheck(connection).await?;
        if now.changed {
            catch_up::copy_changed(connection, prepared, built, now.rows).await?;
        }
        check_built(connection, &prepared.plan, built.rows(), now.rows).await?;
        let [phases, assignments] = &prepared.old;
        let keys = EarlyKeys::of(&[phases, assignments], SHADOW);
        ddl::run(connection, &keys.before).await?;
        let completed = record::record(connection, prepared, run.journal()?, built).await?;
        Ok(Attempt::Done(PreparedSwap { completed, keys }))
    }
}

fn tables_to_lock(prepared: &PreparedRollback) -> Vec<QualifiedName> {
    let mut tables: Vec<QualifiedName> =
        prepared.old.iter().chain(&prepared.current).flat_map(TableDefinition::tied_tables).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// Fails if there is an obstacle, or a loss that was not accepted.
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
