//! Where the phases of a project meet: in the middle, or where the fewest assignments change their phase.

use super::split::split;
use crate::DateRange;
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the phases of a legacy project share its dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// As evenly as whole days allow, see [`split`]; for two phases that is the planner's own midpoint.
    #[default]
    Midpoint,
    /// So that the fewest assignments lie outside their own phase, see [`fit`].
    Fit,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Midpoint => "midpoint",
            Self::Fit => "fit",
        })
    }
}

/// The value of a boundary at a date; the greatest is the best: assignments gained, then the negated distance from the even split.
type BoundaryValue = (i64, i64);

/// Splits a range of dates into as many ranges as there are phases, in order, each of at least one day, so that the fewest
/// assignments lie outside their own phase. `assigned` has the dates of each phase's assignments, in any order; those
/// outside `range` lie outside every phase, independent of the split. `None` if there are more phases than days, or none.
///
/// Of several such splits it is the one nearest to the even one ([`split`]), in days over all inner boundaries; of several
/// of these, the one whose boundaries are the earliest, the first boundary first.
///
/// Takes time and memory in proportion to the phases and to the days of `range`, or to the dates with assignments and the
/// square of the phases if that is less.
pub fn fit(range: DateRange, assigned: &[&[NaiveDate]]) -> Option<Vec<DateRange>> {
    let even = split(range, assigned.len())?;
    if even.len() < 2 {
        return Some(even);
    }
    // A boundary's offset is the number of the range's days before it. Its gain there: the earlier assignments of the phase that ends
    // at it, minus those of the phase that begins at it. The sum of all gains is the number of assignments inside their own phase,
    // except for a constant.
    let even_at: Vec<i64> =
        even.iter().skip(1).map(|piece| (piece.start() - range.start()).num_days()).collect();
    let mut assignments: Vec<(i64, usize)> = assigned
        .iter()
        .enumerate()
        .flat_map(|(phase, dates)| dates.iter().map(move |date| (*date, phase)))
        .filter(|(date, _)| range.contains(*date))
        .map(|(date, phase)| ((date - range.start()).num_days(), phase))
        .collect();
    assignments.sort_unstable();
    let offsets = offsets(range.days(), &assignments, &even_at);
    let values = values(&offsets, &assignments, &even_at);

    // From the last boundary to the first. `best[boundary][at]` is the best sum of the values of this boundary and all later ones, if
    // this one is at `offsets[at]` or later; none if they do not fit.
    let mut best: Vec<Vec<Option<BoundaryValue>>> = Vec::with_capacity(values.len());
    for own in values.iter().rev() {
        let later = best.last();
        let mut from = vec![None; offsets.len() + 1];
        for (at, value) in own.iter().enumerate().rev() {
            from[at] = with_later_boundaries(*value, later, at).max(from[at + 1]);
        }
        best.push(from);
    }
    best.reverse();

    // For each boundary the earliest offset that reaches the best sum.
    let mut pieces = Vec::with_capacity(even.len());
    let (mut at, mut start) = (0, range.start());
    for (boundary, own) in values.iter().enumerate() {
        let wanted = *best[boundary].get(at)?;
        at +=
            own.iter().enumerate().skip(at).position(|(at, value)| {
                with_later_boundaries(*value, best.get(boundary + 1), at) == wanted
            })?;
        let next = range.start().checked_add_days(Days::new(u64::try_from(*offsets.get(at)?).ok()?))?;
        pieces.push(DateRange::new(start, next.pred_opt()?).ok()?);
        start = next;
        at += 1;
    }
    pieces.push(DateRange::new(start, range.end()).ok()?);
    Some(pieces)
}

/// A boundary's value at an offset plus the best sum of the later ones; none if these do not fit behind it.
fn with_later_boundaries(
    value: BoundaryValue,
    later: Option<&Vec<Option<BoundaryValue>>>,
    at: usize,
) -> Option<BoundaryValue> {
    let Some(later) = later else { return Some(value) };
    let (gain, distance) = later.get(at + 1).copied().flatten()?;
    Some((value.0 + gain, value.1 + distance))
}

/// The offsets that the best split can use, ascending. Marks are the begin and the end of each date with assignments, the boundaries
/// of the even split, and the first and the last offset. Boundaries on consecutive days, none of them at a mark, could move together
/// by one day in either direction with the same gain. One direction would bring the split nearer to the even one, or earlier at the
/// same distance. So the best split has a mark in each such group, and no boundary is farther from a mark than the number of the
/// other boundaries.
fn offsets(days: i64, assignments: &[(i64, usize)], even_at: &[i64]) -> Vec<i64> {
    let between = even_at.len() as i64 - 1;
    let inner = |offset: &i64| (1..days).contains(offset);
    let same_day = |one: &(i64, usize), other: &(i64, usize)| one.0 == other.0;
    let assigned_days = assignments.chunk_by(same_day).filter_map(<[_]>::first);
    let mut marks: Vec<i64> = assigned_days.flat_map(|(day, _)| [*day, day + 1]).collect();
    if marks.len() as i64 * (2 * between + 1) >= days {
        return (1..days).collect();
    }
    marks.extend(even_at.iter().chain(&[1, days - 1]));
    let mut offsets: Vec<i64> = marks
        .into_iter()
        .flat_map(|mark| mark.saturating_sub(between)..=mark.saturating_add(between))
        .filter(inner)
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

/// The value of each boundary at each offset.
fn values(offsets: &[i64], assignments: &[(i64, usize)], even_at: &[i64]) -> Vec<Vec<BoundaryValue>> {
    let boundary = |(boundary, even): (usize, &i64)| {
        let mut gain = 0;
        let mut before = assignments.iter().peekable();
        let value = |offset: &i64| {
            while let Some((_, phase)) = before.next_if(|(day, _)| day < offset) {
                gain += i64::from(*phase == boundary) - i64::from(*phase == boundary + 1);
            }
            (gain, -(offset - even).abs())
        };
        offsets.iter().map(value).collect()
    };
    even_at.iter().enumerate().map(boundary).collect()
}
