//! Estimates the duration and size of a run.

use crate::report::{Counts, Estimate};

/// The rates are those of the measurements in `docs/performance.md`: bytes per link, per event and per row with its indexes, and seconds
/// per million rows.
pub(super) fn of_migration(counts: &Counts) -> Estimate {
    let events = counts.timeline_events + counts.link_events;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let millions = (counts.assignments + counts.phases + events) as f64 / 1e6;
    Estimate {
        space_bytes: counts.links * 45 + events * 600 + counts.phases * 250,
        seconds: 0.3 + millions * 4.0,
        // What grows with the rows is done while only writers wait.
        lock_seconds: 0.1 + millions * 0.01,
    }
}

/// Only events are written, under the tables' lock.
pub(super) fn of_takeover(counts: &Counts) -> Estimate {
    let millions = f64::from(u32::try_from(counts.timeline_events).unwrap_or(u32::MAX)) / 1e6;
    Estimate {
        space_bytes: counts.timeline_events * 600,
        seconds: 0.3 + millions * 10.0,
        lock_seconds: 0.1 + millions * 10.0,
    }
}
