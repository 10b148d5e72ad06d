//! The streams of timelines: reads one project's events, and finds the projects that have a phase.

pub use crate::event::TIMELINE;
use crate::unreadable::StreamReader;
use crate::{
    AlteredEvents, Content, Quarantine, RecordedEvent, StoreError, StreamId, UnreadableEvent, read, skip,
};
use phaseline_domain::{PhaseId, ProjectId, Timeline, TimelineEvent};
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// The stream of a project's timeline.
pub fn stream_of(project: ProjectId) -> StreamId {
    StreamId { stream_type: TIMELINE, id: project.uuid() }
}

/// The event at one version of a timeline's stream.
#[derive(Clone, Debug)]
pub struct RecordedTimeline {
    /// The event as recorded.
    pub recorded: RecordedEvent,
    /// Its content.
    pub content: Content,
}

impl RecordedTimeline {
    /// What happened; nothing if the event cannot be read, or is left out.
    pub const fn event(&self) -> Option<&TimelineEvent> {
        match &self.content {
            Content::Event(event) => Some(event),
            Content::Skipped | Content::Unreadable(_) => None,
        }
    }

    /// Whether a mark leaves it out.
    pub(crate) const fn is_skipped(&self) -> bool {
        matches!(self.content, Content::Skipped)
    }
}

/// The adopted phases that belong to another project's timeline, in words. A row that was moved to
/// another project by hand would be in two timelines.
pub(crate) async fn held_elsewhere(
    connection: &mut PgConnection,
    project: ProjectId,
    events: &[TimelineEvent],
) -> Result<Vec<String>, StoreError> {
    let phases: Vec<PhaseId> = events.iter().filter_map(TimelineEvent::phase_id).collect();
    if phases.is_empty() {
        return Ok(Vec::new());
    }
    let mut held = Vec::new();
    for stream in holders(connection, &phases).await?.into_iter().filter(|holder| *holder != project) {
        let history = whole_history(connection, stream, None).await?;
        let timeline = Timeline::fold(history.iter().filter_map(RecordedTimeline::event));
        let current = phases.iter().filter(|id| timeline.phase(**id).is_some());
        held.extend(current.map(|id| format!("phase {id}: belongs to project {stream} in the log")));
    }
    Ok(held)
}

/// The projects whose timelines have, or had, one of these phases. The query's conditions are those of the index `events_phase_id_idx`.
pub async fn holders(
    connection: &mut PgConnection,
    phases: &[PhaseId],
) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<String> = phases.iter().map(ToString::to_string).collect();
    // The text must be that of `events_phase_id_idx`: otherwise the whole log is read.
    let streams: Vec<Uuid> = sqlx::query_scalar(
        r#"SELECT DISTINCT e.stream_id FROM phaseline.events e
            WHERE e.stream_type = 'Timeline'
              AND e.event_type IN ('PhaseCreated', 'PhaseAdopted', 'LegacyPhaseAdopted', 'DefaultPhaseSupplied')
              AND substring(e.payload::text, '"phase_id" *: *"([^"]*)"') = ANY ($1)"#,
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    Ok(streams.into_iter().map(ProjectId::from).collect())
}

/// A project's history up to a position, to be folded, on a connection of the caller.
///
/// # Errors
/// [`StoreError::Quarantined`] if one of its events cannot be read, [`StoreError::Altered`] if one was altered.
pub async fn history(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
) -> Result<Vec<RecordedTimeline>, StoreError> {
    let history = whole_history(connection, project, up_to).await?;
    refuse_altered(project, &history)?;
    let quarantine = quarantine_of(&history);
    if quarantine.is_empty() { Ok(history) } else { Err(StoreError::Quarantined { project, quarantine }) }
}

/// The same with unreadable events.
pub async fn whole_history(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
) -> Result<Vec<RecordedTimeline>, StoreError> {
    let mut events = Vec::new();
    history_each(connection, project, up_to, |event| events.push(event)).await?;
    Ok(events)
}

/// The altered events of a history.
pub fn altered_of(project: ProjectId, history: &[RecordedTimeline]) -> AlteredEvents {
    let mut altered = AlteredEvents::none_of(project);
    history.iter().for_each(|recorded| altered.see(&recorded.recorded));
    altered
}

/// Fails if an event of a history was altered, and no mark leaves it out: then a fold would be about values that were never recorded.
pub fn refuse_altered(project: ProjectId, history: &[RecordedTimeline]) -> Result<(), StoreError> {
    let mut altered = AlteredEvents::none_of(project);
    let read = history.iter().filter(|recorded| !recorded.is_skipped());
    read.for_each(|recorded| altered.see(&recorded.recorded));
    refuse(altered)
}

/// Fails if there is one.
pub(crate) fn refuse(altered: AlteredEvents) -> Result<(), StoreError> {
    if altered.is_empty() { Ok(()) } else { Err(StoreError::Altered(Box::new(altered))) }
}

/// The events of a history that cannot be read.
pub fn quarantine_of(history: &[RecordedTimeline]) -> Quarantine {
    let mut quarantine = Quarantine::default();
    for recorded in history {
        if let Content::Unreadable(event) = &recorded.content {
            quarantine.add(UnreadableEvent::clone(event));
        }
    }
    quarantine
}

/// Calls `each` with a project's history up to a position, oldest first, as it arrives, unreadable events included.
pub async fn history_each(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
    mut each: impl FnMut(RecordedTimeline),
) -> Result<(), StoreError> {
    let mut reader = StreamReader::new(project, false);
    let mut see = |recorded: RecordedEvent, is_skipped: bool| {
        let content = reader.read(&recorded, is_skipped);
        each(RecordedTimeline { recorded, content });
        Ok(())
    };
    let stream = stream_of(project);
    if read::unmarked_stream_each(connection, stream, up_to, |recorded| see(recorded, false)).await? {
        return Ok(());
    }
    let skipped = skipped_of(connection, project).await?;
    read::stream_each(connection, stream, up_to, |recorded| {
        let is_skipped = skipped.contains(&recorded.position);
        see(recorded, is_skipped)
    })
    .await
}

/// The positions of a timeline's events that are left out.
pub(crate) async fn skipped_of(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<HashSet<i64>, StoreError> {
    Ok(skip::of_stream(connection, project.uuid()).await?.into_iter().map(|mark| mark.position).collect())
}

/// The projects with a timeline and with an id in this range, its ends included.
pub async fn projects_between(
    connection: &mut PgConnection,
    [first, last]: [Uuid; 2],
) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT stream_id FROM phaseline.events
          WHERE stream_type = $1 AND stream_id BETWEEN $2 AND $3 ORDER BY stream_id",
    )
    .bind(TIMELINE)
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ProjectId::from).collect())
}

/// The projects whose timelines have events up to a position, in order of id. It reads all these events: for an early one.
pub async fn begun_until(connection: &mut PgConnection, position: i64) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT stream_id FROM phaseline.events WHERE position <= $1 AND stream_type = $2 ORDER BY stream_id",
    )
    .bind(position)
    .bind(TIMELINE)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ProjectId::from).collect())
}

/// The projects whose timelines have events behind a position, or events that were left out behind it.
pub async fn changed_since(
    connection: &mut PgConnection,
    position: i64,
) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT stream_id FROM phaseline.events WHERE position > $1 AND stream_type IN ($2, $3)",
    )
    .bind(position)
    .bind(TIMELINE)
    .bind(skip::SKIPPED_EVENTS)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ProjectId::from).collect())
}
