//! The commands of a history, as people look back at them: each with its moment, who gave it, and what it did.

use crate::pages::words;
use chrono::{DateTime, Utc};
use phaseline_projections::HistoryEntry;
use serde::Serialize;

/// A command that changed a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CommandView {
    /// The position of its last event.
    pub(crate) position: i64,
    /// When it was recorded.
    #[serde(serialize_with = "as_time")]
    pub(crate) time: DateTime<Utc>,
    /// Who gave it.
    pub(crate) actor: String,
    /// What it did, in short.
    pub(crate) words: String,
    /// What each of its events did.
    #[serde(skip)]
    pub(crate) events: Vec<EventWords>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The position that it restored.
    #[serde(skip)]
    pub(crate) restored_from: Option<String>,
    /// The position of the command before it, for a comparison.
    #[serde(skip)]
    pub(crate) previous: i64,
}

/// What an event did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventWords {
    /// In a sentence.
    pub(crate) words: String,
    /// Whether it cannot be read, was altered, or is left out: then the sentence needs attention.
    pub(crate) is_odd: bool,
}

impl CommandView {
    /// The time as a page shows it.
    pub(crate) fn shown_time(&self) -> String {
        words::time(self.time)
    }

    /// The time for programs.
    pub(crate) fn machine_time(&self) -> String {
        words::machine_time(self.time)
    }
}

fn as_time<S: serde::Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&words::machine_time(*time))
}

/// The commands of a history, oldest first. What a run wrote at one time counts as one; other events without a command's id are one
/// command each.
pub(crate) fn commands(entries: &[HistoryEntry]) -> Vec<CommandView> {
    let same = |a: &HistoryEntry, b: &HistoryEntry| match (&a.metadata.command_id, &b.metadata.command_id) {
        (Some(a), Some(b)) => a == b,
        // A run writes all events of a project at once.
        (None, None) => {
            a.metadata.correlation_id.is_some()
                && (&a.metadata.correlation_id, a.recorded_at) == (&b.metadata.correlation_id, b.recorded_at)
        }
        _ => false,
    };
    let mut previous = 0;
    let mut commands = Vec::new();
    for events in entries.chunk_by(same) {
        let Some(last) = events.last() else { continue };
        commands.push(CommandView { previous, ..command(events, last) });
        previous = last.position;
    }
    commands
}

fn command(events: &[HistoryEntry], last: &HistoryEntry) -> CommandView {
    let metadata = &last.metadata;
    let actor = metadata.actor_name.as_deref().or(metadata.actor.as_deref()).or(last.login.as_deref());
    let words: Vec<EventWords> = events.iter().map(event).collect();
    let short = match (&metadata.restored_from, words.as_slice()) {
        (Some(from), _) => format!("restored the timeline of position {from}"),
        (None, [only]) => only.words.clone(),
        (None, [first, rest @ ..]) => format!("{}, and {} more", first.words, rest.len()),
        (None, []) => String::new(),
    };
    CommandView {
        position: last.position,
        time: last.recorded_at,
        actor: words::shown(actor.unwrap_or("unknown")),
        words: short,
        events: words,
        reason: metadata.reason.as_deref().map(words::shown),
        restored_from: metadata.restored_from.clone(),
        previous: 0,
    }
}

fn event(entry: &HistoryEntry) -> EventWords {
    let is_odd = entry.altered || entry.unreadable.is_some() || entry.skipped.is_some();
    let altered = if entry.altered { "altered after it was recorded: " } else { "" };
    EventWords { words: format!("{altered}{}", words::sentence(&entry.words)), is_odd }
}
