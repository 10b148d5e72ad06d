//! Whether a phase makes room for another one, and why it does not.

use crate::Violation;
use crate::rule::{Draft, NoRoom, set};

/// Where a phase is, from the requested one.
#[derive(Clone, Copy)]
pub(super) struct Beside {
    may_give_last: bool,
    may_give_first: bool,
    /// The phase after it takes the dates that it gives up at its end.
    has_next: bool,
    /// The phase before it takes those at its start.
    has_previous: bool,
}

impl Beside {
    /// Any phase may make room for a new one. `last` is the last place.
    pub(super) const fn of_new(place: usize, last: usize) -> Self {
        Self { may_give_last: true, may_give_first: true, has_next: place < last, has_previous: place > 0 }
    }

    /// The two phases beside make room for one at the place `at`, which takes the dates.
    pub(super) const fn of_resized(place: usize, at: usize) -> Self {
        let (before, after) = (place + 1 == at, place == at + 1);
        Self { may_give_last: before, may_give_first: after, has_next: before, has_previous: after }
    }
}

/// V5, if the other phase cannot make room by giving up dates at one of the permitted edges.
pub(super) fn overlap_violation(
    requested: &Draft<'_>,
    other: &Draft<'_>,
    beside: Beside,
) -> Option<Violation> {
    if (beside.may_give_last && gives_last_dates(other, requested))
        || (beside.may_give_first && gives_first_dates(other, requested))
    {
        return None;
    }
    let (a, b) = if other.place() <= requested.place() { (other, requested) } else { (requested, other) };
    let violation = set::no_overlap(a, b)?;
    Some(match no_room(requested, other, beside) {
        Some(no_room) => violation.with_no_room(no_room),
        None => violation,
    })
}

fn no_room(requested: &Draft<'_>, other: &Draft<'_>, beside: Beside) -> Option<NoRoom> {
    let (phase_id, name) = (other.id?, other.name.to_owned());
    let keeps_start = other.start_date < requested.start_date;
    let keeps_end = requested.end_date < other.end_date;
    Some(match (keeps_start, keeps_end) {
        (false, false) => NoRoom::Swallowed { phase_id, name },
        (true, true) if beside.may_give_last || beside.may_give_first => {
            let shortened = if beside.has_next {
                Some((other.start_date, requested.end_date))
            } else {
                beside.has_previous.then_some((requested.start_date, other.end_date))
            };
            NoRoom::Split { phase_id, name, shortened }
        }
        _ => NoRoom::NotBeside { name },
    })
}

/// Whether the other phase makes room by ending earlier.
pub(super) fn gives_last_dates(other: &Draft<'_>, requested: &Draft<'_>) -> bool {
    other.start_date < requested.start_date
        && requested.start_date <= other.end_date
        && other.end_date <= requested.end_date
}

/// Whether the other phase makes room by starting later.
pub(super) fn gives_first_dates(other: &Draft<'_>, requested: &Draft<'_>) -> bool {
    requested.start_date <= other.start_date
        && other.start_date <= requested.end_date
        && requested.end_date < other.end_date
}
