//! Closes timelines of projects that the planner deleted.

use crate::append::{Append, append};
use crate::stream::{RecordedTimeline, history, stream_of};
use crate::{FoldedTimeline, InlineProjection, Metadata, NewEvent, SqlState, StoreError, TimelineStore};
use phaseline_domain::event::TimelineClosed;
use phaseline_domain::{ProjectId, TimelineEvent};
use sqlx::PgConnection;

/// Closes the timeline of a project that was deleted together with its phases, on behalf of the one who deleted it. False if there is
/// nothing to close: the project exists or still has rows, its timeline is closed, or another writer changed it meanwhile. The database
/// checks all of this again under the lock of the log, so only one of several simultaneous calls writes.
///
/// # Errors
/// [`StoreError::Quarantined`] if the timeline has an event that cannot be read, [`StoreError::Altered`] if one was altered; the database's own.
pub async fn close_deleted<P: InlineProjection>(
    connection: &mut PgConnection,
    projection: &P,
    project: ProjectId,
) -> Result<bool, StoreError> {
    let Some(metadata) = projection.find_deletion(connection, project).await? else { return Ok(false) };
    let history: Vec<RecordedTimeline> = history(connection, project, None).await?;
    let folded = FoldedTimeline::of(&history);
    if folded.timeline.project().is_none() {
        return Ok(false);
    }
    match append_closing(connection, project, folded.version, metadata).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        // The project or its rows exist again.
        Err(error) if error.sqlstate() == Some(SqlState::DriftedRows) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn append_closing(
    connection: &mut PgConnection,
    project: ProjectId,
    expected: i64,
    metadata: Metadata,
) -> Result<(), StoreError> {
    let event: TimelineEvent = TimelineClosed { project_id: project }.into();
    let closing = Append {
        stream: stream_of(project),
        expected,
        events: vec![NewEvent::timeline(&event)?],
        metadata,
        witness: None,
        row_locations: None,
        key: None,
        project_dates: None,
        following: None,
    };
    append(connection, &[closing]).await?.into_iter().try_for_each(|verdict| verdict.map(|_| ()))
}

impl<P: InlineProjection> TimelineStore<P> {
    /// [`close_deleted`] on a connection of the store; removes the timeline from the cache.
    pub async fn close_deleted(&self, project: ProjectId) -> Result<bool, StoreError> {
        let mut session = self.session().await?;
        let closed = close_deleted(&mut session, &self.projection, project).await;
        let closed = session.settle(closed).await?;
        if closed {
            self.cache().forget(project);
            tracing::info!(%project, "closed the timeline of a deleted project");
        }
        Ok(closed)
    }
}
