//! The planner's own division of a project's dates among its phases.

use crate::DateRange;
use chrono::Days;

/// Splits a range of dates into `parts` ranges in order, as evenly as whole days allow: the first (days mod parts) get
/// the extra day. For two parts that is the planner's own midpoint, start + floor((end - start) / 2). `None` if there are more
/// parts than days, or none.
pub fn split(range: DateRange, parts: usize) -> Option<Vec<DateRange>> {
    let days = u64::try_from(range.days()).ok()?;
    let parts = u64::try_from(parts).ok()?;
    if parts == 0 || parts > days {
        return None;
    }
    let (each, extra) = (days / parts, days % parts);
    let mut start = range.start();
    (0..parts)
        .map(|part| {
            let length = each + u64::from(part < extra);
            let end = start.checked_add_days(Days::new(length - 1))?;
            let piece = DateRange::new(start, end).ok()?;
            start = end.checked_add_days(Days::new(1))?;
            Some(piece)
        })
        .collect()
}
