//! The stored text of one state.

use crate::FoldedTimeline;

/// The form of the text, and of the fold that it is the result of. Raise it when a program of the version before would read a
/// state as something else, or when the same events fold into something else.
pub(super) const FORM: i32 = 1;

/// A state of at most eight phases is stored at every version of a stream that this number divides: folds of two reads in three are
/// then of fewer than six events, and states of five phases take a quarter of the space of the log.
pub const EVENTS_PER_STATE: i64 = 8;

/// Whether a state is stored of this timeline. One with more phases has fewer states: otherwise those of a large timeline would take
/// many times the space of its events.
pub(super) fn is_due(folded: &FoldedTimeline) -> bool {
    folded.version % events_per_state(folded.timeline.phases().len()) == 0
}

/// Twice as many events for twice as many phases: a state has at most as many phases as there are events since the one before.
fn events_per_state(phases: usize) -> i64 {
    let phases = i64::try_from(phases).unwrap_or(i64::MAX / 2);
    let mut events = EVENTS_PER_STATE;
    while events < phases {
        events *= 2;
    }
    events
}

/// The text of a state.
pub(super) fn text(folded: &FoldedTimeline) -> Result<String, serde_json::Error> {
    serde_json::to_string(folded)
}

/// Reads a state; none if that is not possible: then it is not used.
pub(super) fn parse(text: &str, position: i64) -> Option<FoldedTimeline> {
    serde_json::from_str(text).ok().filter(|folded: &FoldedTimeline| folded.position == position)
}

#[cfg(test)]
mod tests {
    use super::events_per_state;

    #[test]
    fn more_phases_have_fewer_states() {
        for (phases, events) in [(0, 8), (8, 8), (9, 16), (16, 16), (60, 64), (5_000, 8_192)] {
            assert_eq!(events_per_state(phases), events, "{phases}");
        }
    }
}
