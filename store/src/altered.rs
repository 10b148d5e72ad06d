//! Events of one stream that do not fit their hashes. Every reader of one stream checks them, since that costs one look-up in an index
//! and one hash an event; the chain of the whole log is checked by [`crate::chain`].

use crate::RecordedEvent;
use phaseline_domain::ProjectId;
use std::fmt;

/// The altered events of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlteredEvents {
    project: ProjectId,
    /// The positions of the first ones, in the stream's order.
    positions: Vec<i64>,
    count: u64,
}

impl AlteredEvents {
    /// How many positions are listed; the others are only counted.
    pub const MAX_LISTED: usize = 100;

    /// None yet, of this project's timeline.
    pub const fn none_of(project: ProjectId) -> Self {
        Self { project, positions: Vec::new(), count: 0 }
    }

    /// Adds the next event of the stream, if it is altered.
    pub fn see(&mut self, recorded: &RecordedEvent) {
        if recorded.is_altered {
            self.add(recorded.position);
        }
    }

    /// Adds the altered event at a position, which is behind those before.
    pub fn add(&mut self, position: i64) {
        self.count += 1;
        if self.positions.len() < Self::MAX_LISTED {
            self.positions.push(position);
        }
    }

    /// The positions of the first [`Self::MAX_LISTED`] events.
    pub fn positions(&self) -> &[i64] {
        &self.positions
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for AlteredEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, positions, count } = self;
        let first = positions.first().copied().unwrap_or_default();
        match count {
            1 => write!(
                f,
                "the event at position {first} of project {project} does not fit its hash: it, or the event before it in the log, was \
                 altered after it was recorded"
            ),
            _ => write!(
                f,
                "{count} events of project {project}, the first at position {first}, do not fit their hashes: each of them, or the event \
                 before it in the log, was altered after it was recorded"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AlteredEvents;

    #[test]
    fn several_altered_events_are_named_in_whole_sentences() {
        let mut altered = AlteredEvents { project: uuid::Uuid::nil().into(), positions: vec![3], count: 1 };
        assert!(altered.to_string().contains("position 3 of project"), "{altered}");
        assert!(
            altered
                .to_string()
                .ends_with("hash: it, or the event before it in the log, was altered after it was recorded")
        );
        altered.count = 2;
        let several =
            "hashes: each of them, or the event before it in the log, was altered after it was recorded";
        assert!(altered.to_string().ends_with(several), "{altered}");
    }
}
