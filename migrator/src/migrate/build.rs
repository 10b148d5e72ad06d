//! Writes the log and builds the new table beside the old one, while users read and write.

use super::catch_up::{self, Newer};
use super::{MigrateOptions, stop_if_asked};
use crate::ddl;
use crate::definition::TableDefinition;
use crate::error::MigratorError;
use crate::journal::Journal;
use crate::links;
use crate::plan::{Counts, Prepared, SHADOW, Source};
use crate::progress::Progress;
use crate::run::{LegacySchemaRecorded, MigrationCompleted, RunEvent};
use phaseline_projections::{Access, PhaseRow, project_phases, refuse_foreign_code};
use phaseline_store::{Import, NewEvent, stream};
use sqlx::PgConnection;

/// Writes the run's events, the timelines' and the links'. Returns the new table's rows in the old table's order.
pub(super) async fn import(
    connection: &mut PgConnection,
    prepared: &Prepared,
    legacy_schema: &LegacySchemaRecorded,
    journal: &mut Journal,
    options: &MigrateOptions,
    progress: &dyn Progress,
) -> Result<Vec<PhaseRow>, MigratorError> {
    let plan = &prepared.plan;
    let total = plan.counts.timeline_events + plan.counts.link_events;
    progress.step("writing the log", Some(total));
    let metadata = journal.metadata.clone();
    let repair = options.operator.metadata(journal.run).of_repair().to_json()?;
    let mut import = Import::begin(connection).await?;
    journal.push(&mut import, &RunEvent::LegacySchema(legacy_schema.clone())).await?;

    let recorded_at = import.recorded_at().naive_utc();
    let mut done = 0;
    let mut rows: Vec<(i64, PhaseRow)> = Vec::new();
    for project in &prepared.translation.projects {
        let mut folded = prepared.log.timelines.get(&project.project).cloned().unwrap_or_default();
        let stream = stream::stream_of(project.project);
        let metadata = if project.source == Source::Repair { &repair } else { &metadata };
        for (event, version) in project.events.iter().zip(project.version + 1..) {
            import.push(stream, version, &NewEvent::timeline(event)?, metadata).await?;
            folded.apply(event, recorded_at);
            done += 1;
        }
        let ordinal = |row: &PhaseRow| {
            folded
                .timeline
                .phase(row.id)
                .and_then(|phase| phase.legacy)
                .map_or(i64::MAX, |legacy| legacy.ordinal)
        };
        rows.extend(project_phases::rows(&folded).into_iter().map(|row| (ordinal(&row), row)));
        if done % 1000 < 3 {
            progress.advance(done);
            stop_if_asked(progress)?;
        }
    }
    for project in &prepared.translation.links {
        let stream = links::stream_of(project.project);
        for (event, version) in links::events(project.links.clone())?.iter().zip(project.version + 1..) {
            import.push(stream, version, event, &metadata).await?;
            done += 1;
        }
        if done % 1000 < 3 {
            progress.advance(done);
            stop_if_asked(progress)?;
        }
    }
    import.finish().await?;
    progress.advance(total);
    rows.sort_by_key(|(ordinal, _)| *ordinal);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Writes what users did to assignments meanwhile, and that the run is done. Returns the log's last position, and what was
/// carried over in all.
pub(super) async fn complete(
    connection: &mut PgConnection,
    prepared: &Prepared,
    newer: Newer,
    journal: &mut Journal,
) -> Result<(i64, Counts), MigratorError> {
    let mut counts = prepared.plan.counts;
    counts.links += newer.links.values().map(|links| links.len() as u64).sum::<u64>();
    counts.link_events += newer.links.values().map(|links| links::event_count(links.len())).sum::<u64>();
    counts.assignments = newer.assignments.unwrap_or(counts.assignments);
    let mut import = Import::begin(connection).await?;
    catch_up::write(&mut import, prepared, newer.links, journal).await?;
    let completed = MigrationCompleted { counts, budgets: prepared.plan.budgets_before };
    journal.push(&mut import, &RunEvent::Migrated(completed)).await?;
    Ok((import.finish().await?.position, counts))
}

pub(super) async fn build_shadow(
    connection: &mut PgConnection,
    definition: &TableDefinition,
    given_options: &[String],
    rows: &[PhaseRow],
) -> Result<(), MigratorError> {
    sqlx::raw_sql(&format!("CREATE SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    ddl::run(connection, &definition.create_in(SHADOW)).await?;
    project_phases::load_new(connection, &format!("{SHADOW}.project_phases"), rows).await?;
    ddl::run(connection, &definition.index_in(SHADOW)).await?;
    refuse_foreign_code(connection, Access::Build).await?;
    ddl::run(connection, &definition.validate_in(SHADOW)).await?;
    // Only now, so that what was loaded stands close.
    ddl::run(connection, &definition.set_in(SHADOW, given_options)).await?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.project_phases")).execute(connection).await?;
    Ok(())
}
