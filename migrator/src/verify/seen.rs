//! One event of the log as a verification needs it: what can be decoded without the events before it, on any core.

use crate::log::events::{RUN, RunEvent};
use crate::log::link_events::{self, LEGACY_LINKS, Linked};
use chrono::{DateTime, Utc};
use phaseline_domain::StoredEventError;
use phaseline_projections::fold::DecodedEvent;
use phaseline_store::{RawEvent, UnreadableEvent, skip};
use uuid::Uuid;

/// An event, decoded and compared with its hash.
#[derive(Debug)]
pub(super) struct SeenEvent {
    pub position: i64,
    pub recorded_at: DateTime<Utc>,
    pub stream_id: Uuid,
    pub version: i64,
    pub hash: [u8; 32],
    /// Whether it fits its hash.
    pub fits: bool,
    pub content: SeenContent,
}

/// Its content.
#[derive(Debug)]
pub(super) enum SeenContent {
    /// Of a timeline.
    Timeline(DecodedEvent),
    /// Of another stream.
    Other(Box<OtherEvent>),
}

/// An event of a stream of another type.
#[derive(Debug)]
pub(super) struct OtherEvent {
    pub stream_type: String,
    pub event_type: String,
    pub schema_version: i32,
    /// The links of a stream of links.
    pub links: Option<Result<Linked, StoredEventError>>,
    /// Why it cannot be read, unless it is of links.
    pub unreadable: Option<Box<UnreadableEvent>>,
}

impl SeenEvent {
    /// Decodes an event.
    pub(super) fn of(event: &RawEvent<'_>, fits: bool) -> Self {
        let content = match DecodedEvent::of(event) {
            Some(decoded) => SeenContent::Timeline(decoded),
            None => SeenContent::Other(Box::new(OtherEvent {
                stream_type: event.stream_type.to_owned(),
                event_type: event.event_type.to_owned(),
                schema_version: event.schema_version,
                links: (event.stream_type == LEGACY_LINKS)
                    .then(|| link_events::decode(event.event_type, event.schema_version, event.payload)),
                unreadable: unreadable_elsewhere(event).map(Box::new),
            })),
        };
        Self {
            position: event.position,
            recorded_at: event.recorded_at,
            stream_id: event.stream_id,
            version: event.version,
            hash: event.hash,
            fits,
            content,
        }
    }
}

/// Why an event of a stream of another type than timelines and links cannot be read.
fn unreadable_elsewhere(event: &RawEvent<'_>) -> Option<UnreadableEvent> {
    match event.stream_type {
        RUN => {
            let recorded = event.to_owned_event();
            RunEvent::from_recorded(&recorded).err().map(|fault| UnreadableEvent::at(event, fault))
        }
        skip::SKIPPED_EVENTS => skip::decode(&event.to_owned_event()).err().map(|found| *found),
        _ => None,
    }
}
