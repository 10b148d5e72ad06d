//! Marks: later events that leave an unreadable one out. Every reader of the log ignores a marked event, which keeps its position, its
//! version and its position in the chain of hashes.
//!
//! Marks have their own stream type, which `phaseline.append` does not write: a role that may only execute commands cannot leave out
//! events.

use crate::{Import, Metadata, NewEvent, RecordedEvent, StoreError, StreamId, UnreadableEvent, read};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::HashSet;
use uuid::Uuid;

/// The stream type of marks; the stream's id is that of the marked event's stream.
pub const SKIPPED_EVENTS: &str = "SkippedEvents";
/// The event's type.
const EVENT_SKIPPED: &str = "EventSkipped";
/// The payload's schema version.
const VERSION: i32 = 1;

/// The stream of the marks on a stream's events.
pub const fn stream_of(marked: Uuid) -> StreamId {
    StreamId { stream_type: SKIPPED_EVENTS, id: marked }
}

/// `EventSkipped`: which event is left out, and why it could not be read.
#[derive(Serialize, Deserialize)]
struct EventSkipped {
    position: i64,
    stream_type: String,
    version: i64,
    event_type: String,
    schema_version: i32,
    fault: String,
}

/// An event that is left out, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedEvent {
    /// The position of the event that is left out.
    pub position: i64,
    /// Its stream's type.
    pub stream_type: String,
    /// Its stream's id: the project, if it is a timeline's.
    pub stream_id: Uuid,
    /// Its position in its stream.
    pub version: i64,
    /// Its type's name.
    pub event_type: String,
    /// The payload's schema version.
    pub schema_version: i32,
    /// Why it could not be read.
    pub fault: String,
    /// The position of the mark.
    pub skipped_at_position: i64,
    /// When it was marked (UTC).
    pub skipped_at: DateTime<Utc>,
    /// Who marked it, as the writer claimed.
    pub actor: Option<String>,
    /// The login that marked it, as the database recorded it.
    pub login: Option<String>,
    /// Why it is left out.
    pub reason: Option<String>,
}

/// Reads a mark.
///
/// # Errors
/// The mark's own event cannot be read; then it marks nothing.
pub fn decode(recorded: &RecordedEvent) -> Result<SkippedEvent, Box<UnreadableEvent>> {
    let unreadable = |fault: &dyn std::fmt::Display| Box::new(UnreadableEvent::at(recorded, fault));
    let (event_type, schema_version) = (recorded.event_type.as_str(), recorded.schema_version);
    if (event_type, schema_version) != (EVENT_SKIPPED, VERSION) {
        return Err(unreadable(&format!("{event_type:?} of schema version {schema_version} is not a mark")));
    }
    if let Some(error) = &recorded.metadata_error {
        return Err(unreadable(&crate::unreadable::metadata_fault(error)));
    }
    let mark: EventSkipped = serde_json::from_str(&recorded.payload)
        .map_err(|error| unreadable(&format!("payload of {EVENT_SKIPPED} cannot be read: {error}")))?;
    Ok(SkippedEvent {
        position: mark.position,
        stream_type: mark.stream_type,
        stream_id: recorded.stream_id,
        version: mark.version,
        event_type: mark.event_type,
        schema_version: mark.schema_version,
        fault: mark.fault,
        skipped_at_position: recorded.position,
        skipped_at: recorded.recorded_at,
        actor: recorded.metadata.actor.clone(),
        login: recorded.login.clone(),
        reason: recorded.metadata.reason.clone(),
    })
}

/// The marks on one stream's events, wherever they are in the log: an event that is left out now is left out at every earlier position.
pub async fn of_stream(connection: &mut PgConnection, marked: Uuid) -> Result<Vec<SkippedEvent>, StoreError> {
    let recorded = read::stream(connection, stream_of(marked), None).await?;
    Ok(recorded.iter().filter_map(|recorded| decode(recorded).ok()).collect())
}

/// All marks, in order of their own positions.
pub async fn all(connection: &mut PgConnection) -> Result<Vec<SkippedEvent>, StoreError> {
    let recorded = read::of_type(connection, SKIPPED_EVENTS).await?;
    Ok(recorded.iter().filter_map(|recorded| decode(recorded).ok()).collect())
}

/// All marks of a log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// The positions of the events that are left out.
    pub(crate) positions: HashSet<i64>,
    /// The ids of the streams with marks, also with those that cannot be read.
    pub(crate) streams: HashSet<Uuid>,
}

/// All marks, and the streams that have some.
pub(crate) async fn marks(connection: &mut PgConnection) -> Result<Marks, StoreError> {
    let recorded = read::of_type(connection, SKIPPED_EVENTS).await?;
    let decoded = recorded.iter().filter_map(|recorded| decode(recorded).ok());
    Ok(Marks {
        positions: decoded.map(|mark| mark.position).collect(),
        streams: recorded.iter().map(|recorded| recorded.stream_id).collect(),
    })
}

/// The positions of all events that are left out.
pub async fn positions(connection: &mut PgConnection) -> Result<HashSet<i64>, StoreError> {
    Ok(marks(connection).await?.positions)
}

/// Marks events of one stream, so that they are left out. Must run inside a transaction at READ COMMITTED that holds the
/// log's head, under which the events were found unreadable.
pub async fn mark(
    connection: &mut PgConnection,
    events: &[UnreadableEvent],
    metadata: &Metadata,
) -> Result<(), StoreError> {
    let Some(first) = events.first() else { return Ok(()) };
    let stream = stream_of(first.stream_id);
    let before: i64 = sqlx::query_scalar(
        "SELECT coalesce(max(version), 0) FROM phaseline.events WHERE stream_type = $1 AND stream_id = $2",
    )
    .bind(stream.stream_type)
    .bind(stream.id)
    .fetch_one(&mut *connection)
    .await?;
    let metadata = metadata.to_json()?;
    let mut import = Import::begin(connection).await?;
    for (version, event) in (before + 1..).zip(events) {
        let payload = serde_json::to_string(&EventSkipped {
            position: event.position,
            stream_type: event.stream_type.clone(),
            version: event.version,
            event_type: event.event_type.clone(),
            schema_version: event.schema_version,
            fault: event.fault.clone(),
        })?;
        // A payload must not have characters that PostgreSQL cannot return as text.
        let payload = payload.replace("\\u0000", "\u{fffd}");
        import.push(stream, version, &NewEvent::new(EVENT_SKIPPED, VERSION, payload), &metadata).await?;
    }
    import.finish().await?;
    Ok(())
}
