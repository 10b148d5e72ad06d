//! The timeline that a project had at an earlier moment of the log.

use crate::{FoldedTimeline, ResolvedMoment, StoreError, stream};
use phaseline_domain::{ProjectId, Timeline};
use sqlx::PgConnection;

/// The timeline of a project at a moment; none if the project had no event by then. It has neither project nor dates if it was closed.
///
/// # Errors
/// [`StoreError::Altered`] or [`StoreError::Quarantined`] for a history that cannot be trusted, or not be read, as a whole.
pub async fn timeline_at(
    connection: &mut PgConnection,
    project: ProjectId,
    moment: ResolvedMoment,
) -> Result<Option<Timeline>, StoreError> {
    let history = stream::history(connection, project, None).await?;
    let until = history.partition_point(|event| event.recorded.position <= moment.position);
    let earlier = history.get(..until).unwrap_or_default();
    Ok((!earlier.is_empty()).then(|| FoldedTimeline::of(earlier).timeline))
}
