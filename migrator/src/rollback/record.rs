//! The events of a rollback.

use super::assignments::Built;
use super::inspect::PreparedRollback;
use crate::error::MigratorError;
use crate::log::events::{LegacyRowsWritten, LossAccepted, ROWS_WRITTEN_CHUNK, RunEvent};
use crate::log::{link_events, rows_digest};
use crate::report::RollbackCompleted;
use crate::run::Journal;
use phaseline_projections::legacy_phases;
use phaseline_store::{Import, NewEvent, stream};
use sqlx::PgConnection;

/// Writes the rollback's own events: those of timelines, the digests of the rows, the loss, and the completion.
pub(super) async fn record(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    journal: &mut Journal,
    built: &Built,
) -> Result<RollbackCompleted, MigratorError> {
    let metadata = journal.metadata.clone();
    let completed = built.completed(prepared)?;
    let mut import = Import::begin(connection).await?;
    for pending in &prepared.pending {
        let stream = stream::stream_of(pending.project);
        for (event, version) in pending.events.iter().zip(pending.version + 1..) {
            import.push(stream, version, &NewEvent::timeline(event)?, &metadata).await?;
        }
    }
    for found in built.assigned.by_project() {
        let (project, links) = found?;
        let version = prepared.log_read.links.versions.get(&project).copied().unwrap_or_default();
        for (event, version) in link_events::events(links)?.iter().zip(version + 1..) {
            import.push(link_events::stream_of(project), version, event, &metadata).await?;
        }
    }
    let mut projects: Vec<_> =
        prepared.log.timelines.iter().filter(|(_, folded)| folded.timeline.project().is_some()).collect();
    projects.sort_by_key(|(project, _)| **project);
    for chunk in projects.chunks(ROWS_WRITTEN_CHUNK) {
        let digests = chunk
            .iter()
            .map(|(project, folded)| (**project, rows_digest::of_written(&legacy_phases::rows(folded))));
        let event = RunEvent::RowsWritten(LegacyRowsWritten { digests: digests.collect() });
        journal.push(&mut import, &event).await?;
    }
    if let Some(digest) = &prepared.plan.loss.digest {
        let items = serde_json::to_value(&prepared.plan.loss.items)?;
        journal
            .push(&mut import, &RunEvent::LossAccepted(LossAccepted { digest: digest.clone(), items }))
            .await?;
    }
    journal.push(&mut import, &RunEvent::RolledBack(completed.clone())).await?;
    import.finish().await?;
    Ok(completed)
}
