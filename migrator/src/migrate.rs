//! Migration: legacy rows into the log, the new projection in place of the old one. One transaction: the database is
//! in the legacy shape or in the timeline shape, never between them.
//!
//! The long steps run while users read and write: the events are copied into the log, and the new table is built in its own schema. Then
//! writers are kept out while changes since are looked for and everything is checked that grows with the rows, and at last readers, for
//! the swap. Changes of assignments in between are added; if anything else changed, or if a plan's digest is expected, everything is
//! rolled back and repeated from the start: once more like this, then with writers kept out from the beginning.

mod catch_up;
mod cut_over;
mod import;
mod judgement;
mod options;
mod shadow;
mod takeover;

use crate::database::Database;
use crate::definition::{self, TableDefinition};
use crate::error::MigratorError;
use crate::log::events::{Direction, LegacySchemaRecorded};
use crate::plan::{MigrationInspection, PreparedMigration, Takeover, new_phases, prepare};
use crate::progress::Progress;
pub use crate::report::Migrated;
use crate::report::{Counts, Plan, PlanOptions};
use crate::run::attempts::{Beginning, Judgement, RunSteps, run_attempts};
use crate::run::cut_over::{REBUILT, ReaderLocks, with_own_tables};
use crate::run::lock::HeadLock;
use crate::run::session::{Attempt, HeldLocks, RunContext, RunParameters, RunSession};
use crate::shape;
use catch_up::{ChangesSinceSnapshot, NewerAssignments, changed};
use cut_over::{Swap, readers_to_lock};
use judgement::{judge, migrated};
pub use options::MigrateOptions;
use phaseline_store::{read, schema};
use sqlx::PgConnection;

/// Migrates.
///
/// # Errors
/// After any error nothing was written: [`MigratorError::Refused`] with the whole plan,
/// [`MigratorError::StalePlan`], [`MigratorError::Locked`], [`MigratorError::LockTimeout`] and the database's own.
pub async fn migrate(
    database: &Database,
    options: &MigrateOptions,
    progress: &dyn Progress,
) -> Result<Migrated, MigratorError> {
    let MigrateOptions { operator, lock_timeout, .. } = options;
    let (direction, lock_timeout) = (Direction::Migrate, *lock_timeout);
    let mut session =
        RunSession::open(RunParameters { database, operator, direction, lock_timeout, progress }).await?;
    let done = migrate_in(&mut session, options).await;
    session.finish(done).await
}

async fn migrate_in(
    session: &mut RunSession<'_>,
    options: &MigrateOptions,
) -> Result<Migrated, MigratorError> {
    if options.plan.adopt_migrated
        && let Some(found) = foreign_migration(session, &options.plan).await?
    {
        return takeover::take_over(session, &found, options).await;
    }
    run_attempts(session, &Migration { options }).await
}

/// The plan of a takeover, if the planner's own migration moved the database.
async fn foreign_migration(
    session: &mut RunSession<'_>,
    options: &PlanOptions,
) -> Result<Option<Takeover>, MigratorError> {
    let progress = session.run.progress();
    progress.step("checking for a migration by another program", None);
    let mut snapshot = read::snapshot(&mut session.connection).await?;
    let found = shape::find(&mut snapshot).await?;
    if found.shape != shape::Shape::Timelines {
        return Ok(None);
    }
    let inspection = prepare(&mut snapshot, None, options, progress).await?;
    snapshot.rollback().await?;
    Ok(if let MigrationInspection::Takeover(takeover) = inspection { Some(*takeover) } else { None })
}

/// The steps of a migration.
struct Migration<'a> {
    options: &'a MigrateOptions,
}

impl RunSteps for Migration<'_> {
    type Prepared = PreparedMigration;
    /// The executed plan, and the log's last position.
    type Carried = (Plan, i64);
    type Report = Migrated;

    const UNLOCKED_ATTEMPTS: u32 = 2;
    const LAST: HeldLocks = HeldLocks::Writers;
    const READING: &'static str = crate::plan::READING;
    const SETTINGS: Option<&'static str> = None;

    async fn inspect(
        &self,
        connection: &mut PgConnection,
        run: &RunContext<'_>,
    ) -> Result<Judgement<PreparedMigration, Migrated>, MigratorError> {
        let inspection = prepare(connection, run.beside(), &self.options.plan, run.progress()).await?;
        judge(inspection, self.options, run)
    }

    fn beginning(&self, prepared: &PreparedMigration) -> Result<Beginning, MigratorError> {
        let Plan { digest, options, .. } = &prepared.plan;
        Ok(Beginning { plan_digest: digest.clone(), options: serde_json::to_value(options)? })
    }

    /// Looks up the tables to lock first; if some are missing, nothing is locked, and the plan reports them.
    async fn lock_before_reading(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
    ) -> Result<(), MigratorError> {
        let Some(phases) = definition::capture(connection, "public", "project_phases").await? else {
            return Ok(());
        };
        let tables = with_own_tables(phases.tied_tables());
        if run.held() == HeldLocks::Writers {
            let readers = ReaderLocks::find(connection).await?;
            let mut locks = run.swap_locks(connection, &tables, &readers, HeadLock::NotNeeded).await?;
            run.lock_writers(connection, &mut locks).await?;
            run.keep_locks(locks);
            return Ok(());
        }
        run.lock_tables(connection, &tables, HeadLock::NotNeeded).await
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
        prepared: PreparedMigration,
        held: HeldLocks,
    ) -> Result<Attempt<(Plan, i64)>, MigratorError> {
        if log_changed(connection, run, prepared.log.position).await? {
            return Ok(Attempt::Changed("the log".to_owned()));
        }
        let TimelineShape { mut definition, recorded } = timeline_shape(&prepared)?;
        let rows = import::import(connection, &prepared, &recorded, self.options, run).await?;
        phaseline_store::import::analyze(connection).await?;

        run.step("building the new project_phases", Some(rows.len() as u64));
        shadow::build(connection, &definition, &recorded.added_options, &rows).await?;
        run.progress().advance(rows.len() as u64);
        definition.options.extend(recorded.added_options.clone());
        run.check_interrupt()?;

        let (swap, position, counts) = if held == HeldLocks::None {
            run.step("locking the tables", None);
            match self.lock(connection, run, &prepared, &definition, &recorded).await? {
                Attempt::Done(locked) => locked,
                Attempt::Changed(what) => return Ok(Attempt::Changed(what)),
                Attempt::Blocked => return Ok(Attempt::Blocked),
            }
        } else {
            let catalogue = definition::catalogue_state(connection, &REBUILT).await?;
            // Some changes of definitions need no lock that conflicts with the one against writers.
            if held == HeldLocks::Writers
                && let ChangesSinceSnapshot::More(what) = changed(connection, &prepared, self.options).await?
            {
                return Ok(Attempt::Changed(what));
            }
            let column = &recorded.project_phase_id;
            let swap = Swap::prepare(connection, &definition, column, &prepared, catalogue).await?;
            let newer = NewerAssignments::default();
            let (position, counts) = import::complete(connection, &prepared, newer, run.journal()?).await?;
            if let Some(mut locks) = run.kept_locks() {
                run.step("locking the tables", None);
                if !run.lock_readers(connection, &mut locks).await? {
                    return Ok(Attempt::Blocked);
                }
            }
            (swap, position, counts)
        };
        run.step("cutting over", None);
        if !swap.carry_out(connection).await? {
            return Ok(Attempt::Changed("the definition of the tables".to_owned()));
        }
        Ok(Attempt::Done((Plan { counts, ..prepared.plan }, position)))
    }

    fn report(&self, (plan, position): (Plan, i64), run: &RunContext<'_>) -> Migrated {
        migrated(plan, run, position)
    }
}

impl Migration<'_> {
    /// Locks the tables. What grows with the rows is done while only writers wait.
    async fn lock<'d>(
        &self,
        connection: &mut PgConnection,
        run: &mut RunContext<'_>,
        prepared: &PreparedMigration,
        definition: &'d TableDefinition,
        recorded: &'d LegacySchemaRecorded,
    ) -> Result<Attempt<(Swap<'d>, i64, Counts)>, MigratorError> {
        let tables = with_own_tables(prepared.phases.tied_tables());
        let readers = readers_to_lock(connection, prepared).await?;
        let mut locks = run.swap_locks(connection, &tables, &readers, HeadLock::NotNeeded).await?;
        let version = run.journal()?.version();
        let mut noted = false;
        loop {
            run.lock_writers(connection, &mut locks).await?;
            run.journal()?.undo_to(version);
            let catalogue = definition::catalogue_state(connection, &REBUILT).await?;
            let newer = match changed(connection, prepared, self.options).await? {
                ChangesSinceSnapshot::Nothing => NewerAssignments::default(),
                ChangesSinceSnapshot::Assignments(found) => found,
                ChangesSinceSnapshot::More(what) => return Ok(Attempt::Changed(what)),
            };
            if newer.assignments.is_some() && !std::mem::replace(&mut noted, true) {
                run.progress().note("resource_assignments changed during the run; newer rows are copied");
            }
            let column = &recorded.project_phase_id;
            let swap = Swap::prepare(connection, definition, column, prepared, catalogue).await?;
            let (position, counts) = import::complete(connection, prepared, newer, run.journal()?).await?;
            if run.lock_readers(connection, &mut locks).await? {
                return Ok(Attempt::Done((swap, position, counts)));
            }
        }
    }
}

/// The new `project_phases`, and the parts of the legacy definitions that the log keeps.
struct TimelineShape {
    definition: TableDefinition,
    recorded: LegacySchemaRecorded,
}

fn timeline_shape(prepared: &PreparedMigration) -> Result<TimelineShape, MigratorError> {
    let (mut definition, phase_type) = new_phases(&prepared.phases)?;
    let project_phase_id = prepared.assignments.clone().detach_column("project_phase_id")?;
    definition.forget_keys_of(&project_phase_id);
    let added_options = definition.hot_update_options();
    Ok(TimelineShape {
        definition,
        recorded: LegacySchemaRecorded { phase_type, project_phase_id, added_options },
    })
}

/// Whether the log has events beyond those that were read, `known`, and the run's own beginning.
async fn log_changed(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
    known: i64,
) -> Result<bool, MigratorError> {
    let tip = schema::tip(connection).await?.position;
    let journal = run.journal()?;
    Ok(tip != journal.position || (known != journal.after && known != journal.position))
}
