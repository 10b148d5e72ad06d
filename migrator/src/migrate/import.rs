//! Writes the log, while users read and write.

use super::catch_up::{self, NewerAssignments};
use super::options::MigrateOptions;
use crate::error::MigratorError;
use crate::log::events::{LegacySchemaRecorded, MigrationCompleted, RunEvent};
use crate::log::link_events;
use crate::plan::PreparedMigration;
use crate::report::{Counts, Source};
use crate::run::Journal;
use crate::run::session::RunContext;
use phaseline_projections::{PhaseRow, project_phases};
use phaseline_store::{Import, NewEvent, stream};
use sqlx::PgConnection;

/// Writes the events of the run, the timelines and the links. Returns the new table's rows in the old table's order.
pub(super) async fn import(
    connection: &mut PgConnection,
    prepared: &PreparedMigration,
    legacy_schema: &LegacySchemaRecorded,
    options: &MigrateOptions,
    run: &mut RunContext<'_>,
) -> Result<Vec<PhaseRow>, MigratorError> {
    let plan = &prepared.plan;
    let total = plan.counts.timeline_events + plan.counts.link_events;
    run.step("writing the log", Some(total));
    let journal = run.journal()?;
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
            run.progress().advance(done);
            run.check_interrupt()?;
        }
    }
    for project in &prepared.translation.links {
        let stream = link_events::stream_of(project.project);
        let links = prepared.translation.links_of(project, &prepared.tables)?;
        for (event, version) in link_events::events(links)?.iter().zip(project.version + 1..) {
            import.push(stream, version, event, &metadata).await?;
            done += 1;
        }
        if done % 1000 < 3 {
            run.progress().advance(done);
            run.check_interrupt()?;
        }
    }
    import.finish().await?;
    run.progress().advance(total);
    rows.sort_by_key(|(ordinal, _)| *ordinal);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Writes the links that changed meanwhile, and the run's completion. Returns the log's last position, and the total counts.
pub(super) async fn complete(
    connection: &mut PgConnection,
    prepared: &PreparedMigration,
    newer: NewerAssignments,
    journal: &mut Journal,
) -> Result<(i64, Counts), MigratorError> {
    let mut counts = prepared.plan.counts;
    counts.links += newer.links.values().map(|links| links.len() as u64).sum::<u64>();
    counts.link_events +=
        newer.links.values().map(|links| link_events::event_count(links.len())).sum::<u64>();
    counts.assignments = newer.assignments.unwrap_or(counts.assignments);
    let mut import = Import::begin(connection).await?;
    catch_up::write(&mut import, prepared, newer.links, journal).await?;
    let completed = MigrationCompleted { counts, budgets: prepared.plan.budgets_before };
    journal.push(&mut import, &RunEvent::Migrated(completed)).await?;
    Ok((import.finish().await?.position, counts))
}
