//! Takes over a database that the planner's own migration moved to the timeline shape: adopts its phases unchanged, under the tables'
//! lock, and changes nothing else.

use super::judgement::{ensure_ready, migrated};
use super::options::MigrateOptions;
use crate::database;
use crate::error::MigratorError;
use crate::log::events::{LegacySchemaRecorded, MigrationCompleted, RunEvent};
use crate::plan::{Takeover, prepare_takeover};
use crate::report::{Migrated, Plan, Source};
use crate::run::cut_over::with_own_tables;
use crate::run::lock::HeadLock;
use crate::run::session::{RunContext, RunSession};
use phaseline_projections::{PhaseRow, project_phases};
use phaseline_store::{Import, NewEvent, schema, stream};
use sqlx::PgConnection;

/// The objects of the planner's tables that its own migration dropped, as its revision 976e6adbac6f defines them.
const PLANNERS_OWN: &str = include_str!("takeover/legacy_schema.json");

/// Executes the plan `early`, if the database has not changed since.
pub(super) async fn take_over(
    session: &mut RunSession<'_>,
    early: &Takeover,
    options: &MigrateOptions,
) -> Result<Migrated, MigratorError> {
    let RunSession { connection, run } = session;
    ensure_ready(&early.plan, options)?;
    run.check_interrupt()?;
    let plan_options = serde_json::to_value(&early.plan.options)?;
    run.start_journal(connection, early.plan.digest.clone(), plan_options).await?;

    let mut transaction = database::read_write(connection).await?;
    run.step("locking the tables", None);
    run.lock_tables(&mut transaction, &with_own_tables(Vec::new()), HeadLock::WithTables).await?;
    let now = plan_again(&mut transaction, early, options).await?;
    run.step("writing the log", Some(now.plan.counts.timeline_events));
    let (plan, position) = write(&mut transaction, run, now, options).await?;
    schema::set_accepts_commands(&mut transaction, true).await?;
    run.check_interrupt()?;
    transaction.commit().await?;
    Ok(migrated(plan, run, position))
}

/// The plan under the lock.
///
/// # Errors
/// [`MigratorError::StalePlan`] if it differs.
async fn plan_again(
    connection: &mut PgConnection,
    early: &Takeover,
    options: &MigrateOptions,
) -> Result<Takeover, MigratorError> {
    let found = crate::shape::find(connection).await?;
    let blank = Plan::empty(&found, &options.plan);
    let now = prepare_takeover(connection, &options.plan, blank, &found).await?;
    if now.plan.digest == early.plan.digest {
        return Ok(now);
    }
    Err(MigratorError::StalePlan {
        expected: early.plan.digest.clone().unwrap_or_default(),
        found: now.plan.digest.unwrap_or_default(),
    })
}

/// Writes the timelines' events and the run's, and the rows of supplied phases. Returns the log's last position.
async fn write(
    connection: &mut PgConnection,
    run: &mut RunContext<'_>,
    takeover: Takeover,
    options: &MigrateOptions,
) -> Result<(Plan, i64), MigratorError> {
    let journal = run.journal()?;
    let recorded: LegacySchemaRecorded = serde_json::from_str(PLANNERS_OWN)?;
    let metadata = options.operator.metadata(journal.run);
    let Takeover { plan, adoption, known, mut log } = takeover;
    let mut import = Import::begin(connection).await?;
    journal.push(&mut import, &RunEvent::LegacySchema(recorded)).await?;
    adoption.write(&mut import, &mut log, &metadata).await?;
    let mut rows: Vec<PhaseRow> = Vec::new();
    let (own, of_repair) = (metadata.to_json()?, metadata.of_repair().to_json()?);
    for project in &known {
        let stream = stream::stream_of(project.id);
        let folded = log.timelines.entry(project.id).or_default();
        let metadata = if project.source == Source::Repair { &of_repair } else { &own };
        for event in &project.events {
            folded.version += 1;
            import.push(stream, folded.version, &NewEvent::timeline(event)?, metadata).await?;
            folded.apply(event, import.recorded_at().naive_utc());
        }
        if project.source == Source::Repair {
            rows.extend(project_phases::rows(folded));
        }
    }
    let completed = MigrationCompleted { counts: plan.counts, budgets: plan.budgets_before };
    journal.push(&mut import, &RunEvent::Migrated(completed)).await?;
    let imported = import.finish().await?;
    adoption.write_rows(connection, &log).await?;
    project_phases::insert(connection, &rows).await?;
    run.progress().advance(plan.counts.timeline_events);
    Ok((plan, imported.position))
}
