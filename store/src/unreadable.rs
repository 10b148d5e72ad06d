//! Events that cannot be read: an unknown type or schema version, a payload or metadata that does not parse, an event that
//! is impossible at that version. The timeline that holds one is in quarantine until a mark leaves the event out
//! ([`crate::skip`]); all other timelines are not affected (`docs/decisions/quarantine.md`).

use crate::event::TIMELINE;
use crate::{Metadata, RawEvent, RecordedEvent};
use phaseline_domain::{ProjectId, StoredEventError, TimelineEvent};
use serde::Serialize;
use std::fmt;
use uuid::Uuid;

/// The shown length of stored text, in characters.
const SHOWN: usize = 200;

/// An event that cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadableEvent {
    /// Its position in the whole log.
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
    /// Why it cannot be read.
    pub fault: String,
    /// Whether the log is damaged there, so that leaving the event out would not help.
    pub damage: bool,
}

impl std::error::Error for UnreadableEvent {}

impl fmt::Display for UnreadableEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, version, event_type, fault, .. } = self;
        write!(f, "event at position {position} (type {event_type:?}, version {version} of ")?;
        if self.stream_type == TIMELINE {
            write!(f, "project {})", self.stream_id)?;
        } else {
            write!(f, "stream {}/{})", self.stream_type, self.stream_id)?;
        }
        if self.damage { write!(f, " {fault}") } else { write!(f, " cannot be read: {fault}") }
    }
}

/// Position and type of an event, for [`UnreadableEvent::at`].
#[derive(Clone, Copy, Debug)]
pub struct EventHeader<'a> {
    /// Its position in the whole log.
    pub position: i64,
    /// Its stream's type.
    pub stream_type: &'a str,
    /// Its stream's id.
    pub stream_id: Uuid,
    /// Its position in its stream.
    pub version: i64,
    /// Its type's name.
    pub event_type: &'a str,
    /// The payload's schema version.
    pub schema_version: i32,
}

impl<'a> From<&RawEvent<'a>> for EventHeader<'a> {
    fn from(event: &RawEvent<'a>) -> Self {
        Self {
            position: event.position,
            stream_type: event.stream_type,
            stream_id: event.stream_id,
            version: event.version,
            event_type: event.event_type,
            schema_version: event.schema_version,
        }
    }
}

impl<'a> From<&'a RecordedEvent> for EventHeader<'a> {
    fn from(event: &'a RecordedEvent) -> Self {
        Self {
            position: event.position,
            stream_type: &event.stream_type,
            stream_id: event.stream_id,
            version: event.version,
            event_type: &event.event_type,
            schema_version: event.schema_version,
        }
    }
}

impl UnreadableEvent {
    /// The event with its fault.
    pub fn at<'a>(header: impl Into<EventHeader<'a>>, fault: impl fmt::Display) -> Self {
        let header = header.into();
        let shown = |text: &str| match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        Self {
            position: header.position,
            stream_type: shown(header.stream_type),
            stream_id: header.stream_id,
            version: header.version,
            event_type: shown(header.event_type),
            schema_version: header.schema_version,
            fault: shown(&fault.to_string()),
            damage: false,
        }
    }

    /// The event in place of another expected version of its stream.
    pub fn out_of_turn<'a>(header: impl Into<EventHeader<'a>>, expected: i64) -> Self {
        let fault = format!("came where version {expected} was expected: the log is damaged");
        Self { damage: true, ..Self::at(header, fault) }
    }
}

/// The error of metadata that cannot be read.
pub fn metadata_fault(error: impl fmt::Display) -> String {
    format!("metadata cannot be read: {error}")
}

/// A timeline's event as it was stored, or why it cannot be read. Does not check whether the event is possible at its version.
pub fn decode(
    header: EventHeader<'_>,
    payload: &str,
    metadata: &str,
) -> Result<TimelineEvent, Box<UnreadableEvent>> {
    let unreadable = |fault: &dyn fmt::Display| Box::new(UnreadableEvent::at(header, fault));
    let event = TimelineEvent::from_stored(header.event_type, header.schema_version, payload)
        .map_err(|error| unreadable(&error))?;
    match Metadata::check(metadata) {
        Ok(()) => Ok(event),
        Err(error) => Err(unreadable(&metadata_fault(error))),
    }
}

/// Events that cannot be read: the first of them in full, and their number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quarantine {
    /// The first of them, in order of position.
    pub events: Vec<UnreadableEvent>,
    /// Their number.
    pub count: u64,
}

impl Quarantine {
    /// How many events are listed; the others are only counted.
    pub const MAX_LISTED: usize = 100;

    /// Adds one.
    pub fn add(&mut self, event: UnreadableEvent) {
        self.count += 1;
        if self.events.len() < Self::MAX_LISTED {
            self.events.push(event);
        }
    }

    /// Adds all of another.
    pub fn extend(&mut self, other: &Self) {
        let room = Self::MAX_LISTED.saturating_sub(self.events.len());
        self.events.extend(other.events.iter().take(room).cloned());
        self.count += other.count;
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The number of events beyond those that are kept.
    pub fn more(&self) -> u64 {
        self.count - self.events.len() as u64
    }
}

impl fmt::Display for Quarantine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.events.first() else { return write!(f, "no event") };
        match self.count {
            1 => write!(f, "{first}"),
            count => write!(f, "{first}, and {} more", count - 1),
        }
    }
}

/// The content of a timeline's stream at one version.
#[derive(Clone, Debug)]
pub enum Content {
    /// What happened.
    Event(TimelineEvent),
    /// A mark leaves the event out.
    Skipped,
    /// The event cannot be read.
    Unreadable(Box<UnreadableEvent>),
}

/// Reads a timeline's stream event by event, and follows whether the timeline is open.
#[derive(Clone, Copy, Debug)]
pub struct StreamReader {
    project: ProjectId,
    open: bool,
}

impl StreamReader {
    /// From the stream's beginning, or from a version at which the timeline is `open`.
    pub const fn new(project: ProjectId, open: bool) -> Self {
        Self { project, open }
    }

    /// The content of the next event.
    pub fn read(&mut self, recorded: &RecordedEvent, skipped: bool) -> Content {
        if skipped {
            return Content::Skipped;
        }
        match self.event(recorded) {
            Ok(event) => {
                self.open = event.leaves_open(self.open);
                Content::Event(event)
            }
            Err(fault) => Content::Unreadable(Box::new(UnreadableEvent::at(recorded, fault))),
        }
    }

    fn event(self, recorded: &RecordedEvent) -> Result<TimelineEvent, String> {
        debug_assert_eq!(recorded.stream_id, self.project.uuid(), "an event of another stream");
        let message = |error: StoredEventError| error.to_string();
        let event =
            TimelineEvent::from_stored(&recorded.event_type, recorded.schema_version, &recorded.payload)
                .map_err(message)?;
        if let Some(error) = &recorded.metadata_error {
            return Err(metadata_fault(error));
        }
        event.belongs_to(self.project, self.open).map_err(message)?;
        Ok(event)
    }
}
