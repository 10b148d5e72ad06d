//! Events: new ones, and those that the log has.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt};
use uuid::Uuid;

/// The stream type of timelines.
pub const TIMELINE: &str = "Timeline";

/// Names a stream by its kind and the id of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The kind, such as `Timeline`.
    pub stream_type: &'static str,
    /// The id of the subject.
    pub id: Uuid,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}/{}", self.stream_type, self.id)
    }
}

/// Actor, reason and source of an event, stored with it as a flat JSON object of strings without absent fields. The order of the
/// fields is that of the stored text, which `store/sql/schema/check_events.sql` compares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The actor's name at that time; absent if the actor is a name already, or its name is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// The reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The source: `cli`, `api`, `migration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// One id for all events of one command, so that one save is visible as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// One id for all commands of one purpose; for a migration, the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The distributed trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The position whose timeline the command restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<String>,
}

impl Metadata {
    /// The JSON text that is stored and hashed. A NUL character, which the database cannot return as text, becomes the
    /// replacement character.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let text = serde_json::to_string(self)?;
        Ok(if text.contains("\\u0000") { text.replace("\\u0000", "\u{fffd}") } else { text })
    }

    /// Reads stored metadata: its content, or the default value and why it cannot be read.
    pub(crate) fn read(json: &str) -> (Self, Option<String>) {
        match serde_json::from_str(json) {
            Ok(metadata) => (metadata, None),
            Err(error) => (Self::default(), Some(error.to_string())),
        }
    }

    /// Fails as [`Self::read`] does. Most metadata has no escaped character, and is not copied.
    pub(crate) fn check(json: &str) -> Result<(), serde_json::Error> {
        if serde_json::from_str::<PlainMetadata<'_>>(json).is_ok() {
            return Ok(());
        }
        serde_json::from_str::<Self>(json).map(|_| ())
    }

    /// The same for events that a repair adds for a project without phases, with that reason.
    #[must_use]
    pub fn of_repair(&self) -> Self {
        let repair = "repair: the project had no phase";
        let reason = match &self.reason {
            Some(reason) => format!("{repair} ({reason})"),
            None => repair.to_owned(),
        };
        Self { reason: Some(reason), ..self.clone() }
    }

    /// The metadata of events by which a timeline follows dates that the planner gave its project, found by a command with this
    /// metadata. The planner's tables do not name who changed them.
    #[must_use]
    pub fn of_planner(&self) -> Self {
        Self {
            actor: None,
            actor_name: None,
            reason: Some("the project's dates changed in public.projects".to_owned()),
            source: Some("planner".to_owned()),
            restored_from: None,
            ..self.clone()
        }
    }

    /// The same as a map, for `cqrs-es`.
    pub fn into_map(self) -> HashMap<String, String> {
        let fields = [
            ("actor", self.actor),
            ("actor_name", self.actor_name),
            ("reason", self.reason),
            ("source", self.source),
            ("command_id", self.command_id),
            ("correlation_id", self.correlation_id),
            ("request_id", self.request_id),
            ("trace_id", self.trace_id),
            ("restored_from", self.restored_from),
        ];
        fields.into_iter().filter_map(|(name, value)| value.map(|value| (name.to_owned(), value))).collect()
    }

    /// From the map of `cqrs-es`; unknown keys are dropped.
    pub fn from_map(mut map: HashMap<String, String>) -> Self {
        Self {
            actor: map.remove("actor"),
            actor_name: map.remove("actor_name"),
            reason: map.remove("reason"),
            source: map.remove("source"),
            command_id: map.remove("command_id"),
            correlation_id: map.remove("correlation_id"),
            request_id: map.remove("request_id"),
            trace_id: map.remove("trace_id"),
            restored_from: map.remove("restored_from"),
        }
    }
}

/// Metadata whose values need not be copied.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only whether they can be read matters")]
struct PlainMetadata<'a> {
    actor: Option<&'a str>,
    actor_name: Option<&'a str>,
    reason: Option<&'a str>,
    source: Option<&'a str>,
    command_id: Option<&'a str>,
    correlation_id: Option<&'a str>,
    request_id: Option<&'a str>,
    trace_id: Option<&'a str>,
    restored_from: Option<&'a str>,
}

/// An event to be written; its stream and version are given beside it.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its own id.
    pub event_id: Uuid,
    /// Its type's name.
    pub event_type: &'static str,
    /// The payload's schema version.
    pub schema_version: i32,
    /// JSON text, kept byte for byte.
    pub payload: String,
}

impl NewEvent {
    /// An event with a fresh id (version 7: sorts by time).
    pub fn new(event_type: &'static str, schema_version: i32, payload: String) -> Self {
        Self { event_id: Uuid::now_v7(), event_type, schema_version, payload }
    }

    /// A timeline's event.
    pub fn timeline(event: &phaseline_domain::TimelineEvent) -> Result<Self, serde_json::Error> {
        Ok(Self::new(event.type_name(), event.schema_version(), event.payload()?))
    }
}

/// A stored event, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct RawEvent<'a> {
    /// Its position in the whole log, from 1 without gaps, in commit order.
    pub position: i64,
    /// Its stream's type.
    pub stream_type: &'a str,
    /// Its stream's id.
    pub stream_id: Uuid,
    /// Its position in its stream, from 1 without gaps.
    pub version: i64,
    /// Its own id.
    pub event_id: Uuid,
    /// Its type's name.
    pub event_type: &'a str,
    /// The payload's schema version.
    pub schema_version: i32,
    /// JSON text, byte for byte as written.
    pub payload: &'a str,
    /// JSON text: a flat object of strings.
    pub metadata: &'a str,
    /// Random bytes that keep the metadata's hash from being guessed.
    pub salt: &'a [u8],
    /// When it was recorded; never falls as position rises.
    pub recorded_at: DateTime<Utc>,
    /// The chain's hash up to here.
    pub hash: [u8; 32],
    /// The database login that wrote it; none in events written before logins were recorded.
    pub login: Option<&'a str>,
}

/// A stored event, owned.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// Its position in the whole log, from 1 without gaps, in commit order.
    pub position: i64,
    /// Its stream's type.
    pub stream_type: String,
    /// Its stream's id.
    pub stream_id: Uuid,
    /// Its position in its stream, from 1 without gaps.
    pub version: i64,
    /// Its own id.
    pub event_id: Uuid,
    /// Its type's name.
    pub event_type: String,
    /// The payload's schema version.
    pub schema_version: i32,
    /// JSON text, byte for byte as written.
    pub payload: String,
    /// Actor, reason and source; empty if they cannot be read.
    pub metadata: Metadata,
    /// Why the metadata cannot be read, if it cannot.
    pub metadata_error: Option<String>,
    /// When it was recorded (UTC).
    pub recorded_at: DateTime<Utc>,
    /// The chain's hash up to here, as it is stored.
    pub hash: [u8; 32],
    /// The database login that wrote it; none in events written before logins were recorded.
    pub login: Option<String>,
    /// Whether a read of its stream found that it does not fit its hash. Other readers do not check that.
    pub is_altered: bool,
}

impl RawEvent<'_> {
    /// Actor, reason and source; empty if they cannot be read.
    pub fn metadata(&self) -> Metadata {
        Metadata::read(self.metadata).0
    }

    /// A copy that outlives the reader's buffer.
    pub fn to_owned_event(&self) -> RecordedEvent {
        let (metadata, metadata_error) = Metadata::read(self.metadata);
        RecordedEvent {
            position: self.position,
            stream_type: self.stream_type.to_owned(),
            stream_id: self.stream_id,
            version: self.version,
            event_id: self.event_id,
            event_type: self.event_type.to_owned(),
            schema_version: self.schema_version,
            payload: self.payload.to_owned(),
            metadata,
            metadata_error,
            recorded_at: self.recorded_at,
            hash: self.hash,
            login: self.login.map(str::to_owned),
            is_altered: false,
        }
    }
}
