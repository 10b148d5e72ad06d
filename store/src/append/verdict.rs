//! What became of appended commands.

use chrono::{DateTime, Utc};

/// The outcome of one command of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its events are in the log.
    Appended(Appended),
    /// The stream is at another version than it expected; nothing was written.
    Conflict {
        /// The version that the stream has.
        actual: i64,
    },
    /// The same request was executed before, under this key; nothing was written.
    Repeated(EarlierResult),
    /// Its key was used before, for another request; nothing was written.
    KeyReused,
    /// The project has other dates than the command was decided on, or is gone; nothing was written.
    DatesChanged,
    /// The log accepts no commands; nothing was written.
    NotAccepting,
}

/// The result of the first request with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierResult {
    /// The stream's version after it.
    pub version: i64,
    /// The number of its events.
    pub events: i64,
}

/// The outcome of a batch.
#[derive(Clone, Debug)]
pub struct BatchResult {
    /// One per command, in order.
    pub verdicts: Vec<Verdict>,
    /// The locations of the rows that the projection wrote, as JSON.
    pub row_locations: Option<String>,
}

/// The result of an appended command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream's version now.
    pub version: i64,
    /// The position of its last event.
    pub position: i64,
    /// The time under which the events were recorded.
    pub recorded_at: DateTime<Utc>,
}
