//! The timeline that a project had at an earlier position of the log.

use crate::{FoldedTimeline, RecordedTimeline, StoreError, stream};
use phaseline_domain::{ProjectId, Timeline};
use sqlx::PgConnection;

/// A timeline as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierTimeline {
    /// The timeline; without project and dates if it was closed.
    pub timeline: Timeline,
    /// The position whose timeline this is: the requested one, or the end of the command that it is inside.
    pub position: i64,
}

/// The timeline of a project at a position of the log; none if the project had no event by then. A position inside a command means
/// its end, since rules hold after commands only.
///
/// # Errors
/// [`StoreError::Altered`] or [`StoreError::Quarantined`] for a history that cannot be trusted, or not be read, as a whole.
pub async fn timeline_at(
    connection: &mut PgConnection,
    project: ProjectId,
    position: i64,
) -> Result<Option<EarlierTimeline>, StoreError> {
    let history = stream::history(connection, project, None).await?;
    let until = end_of_command(&history, position);
    let Some(last) = until.checked_sub(1).and_then(|last| history.get(last)) else { return Ok(None) };
    let position = position.max(last.recorded.position);
    let earlier = history.get(..until).unwrap_or_default();
    Ok(Some(EarlierTimeline { timeline: FoldedTimeline::of(earlier).timeline, position }))
}

/// The number of events up to a position, with the others of the command that the last one belongs to.
fn end_of_command(history: &[RecordedTimeline], position: i64) -> usize {
    let until = history.partition_point(|event| event.recorded.position <= position);
    let command = until.checked_sub(1).and_then(|last| command_of(history.get(last)?));
    if command.is_none() {
        return until;
    }
    let rest = history.iter().skip(until);
    until + rest.take_while(|event| command_of(event) == command).count()
}

fn command_of(event: &RecordedTimeline) -> Option<&str> {
    event.recorded.metadata.command_id.as_deref()
}
