//! The entry at one position, as folds need it.

use crate::UnreadableEvent;
use crate::stream::TIMELINE;
use crate::unreadable::{self, EventHeader};
use chrono::{DateTime, Utc};
use phaseline_domain::TimelineEvent;
use uuid::Uuid;

/// One position of the log, with its event if that is a timeline's.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// The position.
    pub position: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The event, if it is a timeline's.
    pub timeline: Option<TimelineEntry<'a>>,
    /// Whether the event does not fit its hash; never, unless hashes are compared ([`Readers::comparing_hashes`](super::Readers::comparing_hashes)).
    pub is_altered: bool,
}

/// A timeline's event as far as folds need it.
#[derive(Clone, Copy, Debug)]
pub struct TimelineEntry<'a> {
    /// The project.
    pub stream_id: Uuid,
    /// Its position in its stream, from 1 without gaps.
    pub version: i64,
    /// Its type's name.
    pub event_type: &'a str,
    /// The payload's schema version.
    pub schema_version: i32,
    /// JSON text, byte for byte as written.
    pub payload: &'a str,
    /// JSON text: a flat object of strings.
    pub metadata: &'a str,
}

impl LogEntry<'_> {
    /// The decoded event, or why it cannot be read. Does not check whether the event is possible at its version.
    pub fn decode(&self) -> Option<Result<TimelineEvent, Box<UnreadableEvent>>> {
        let found = self.timeline?;
        let header = EventHeader {
            position: self.position,
            stream_type: TIMELINE,
            stream_id: found.stream_id,
            version: found.version,
            event_type: found.event_type,
            schema_version: found.schema_version,
        };
        Some(unreadable::decode(header, found.payload, found.metadata))
    }
}
