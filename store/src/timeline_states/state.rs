//! The stored text of one state.

use crate::FoldedTimeline;

/// The form of the text, and of the fold that it is the result of. Raise it when a program of the version before would read a
/// state as something else, or when the same events fold into something else.
pub(super) const FORM: i32 = 1;

/// A state is stored at every version of a stream that this number divides: folds of two reads in three are then of fewer than six
/// events, and states of five phases take a quarter of the space of the log.
pub const EVENTS_PER_STATE: i64 = 8;

/// Whether a state is stored at this version.
pub(super) const fn is_due(version: i64) -> bool {
    version % EVENTS_PER_STATE == 0
}

/// The text of a state.
pub(super) fn text(folded: &FoldedTimeline) -> Result<String, serde_json::Error> {
    serde_json::to_string(folded)
}

/// Reads a state; none if that is not possible: then it is not used.
pub(super) fn parse(text: &str, position: i64) -> Option<FoldedTimeline> {
    serde_json::from_str(text).ok().filter(|folded: &FoldedTimeline| folded.position == position)
}
