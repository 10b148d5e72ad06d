//! Hands out the chunks of a log, one after the other.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

/// The positions behind `after` up to `last`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Its place among all chunks, from 0 without gaps.
    pub(super) number: u64,
    pub(super) after: i64,
    pub(super) last: i64,
}

/// Ranges of positions, in order, in which chunks have another size, since the events there are large.
#[derive(Clone, Debug)]
pub(super) struct LargeEvents {
    pub(super) ranges: Vec<RangeInclusive<i64>>,
    pub(super) size: i64,
}

/// Where the next chunk begins.
#[derive(Debug)]
pub(super) struct Cursor {
    size: i64,
    large: Option<LargeEvents>,
    up_to: i64,
    next: Mutex<NextChunk>,
}

#[derive(Debug, Default)]
struct NextChunk {
    number: u64,
    after: i64,
}

impl Cursor {
    /// Chunks of `size` positions, from the first position to `up_to`.
    pub(super) fn new(size: i64, large: Option<LargeEvents>, up_to: i64) -> Self {
        Self { size, large, up_to, next: Mutex::default() }
    }

    /// The next chunk; none behind the last position.
    pub(super) fn take(&self) -> Option<Chunk> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.after >= self.up_to {
            return None;
        }
        let last = self.last_behind(next.after).min(self.up_to);
        let chunk = Chunk { number: next.number, after: next.after, last };
        *next = NextChunk { number: next.number + 1, after: last };
        Some(chunk)
    }

    /// The last position of a chunk that begins behind `after`.
    fn last_behind(&self, after: i64) -> i64 {
        let whole = after.saturating_add(self.size);
        let Some(large) = &self.large else { return whole };
        match large.ranges.iter().find(|range| *range.end() > after) {
            Some(range) if *range.start() <= after + 1 => after.saturating_add(large.size),
            Some(range) => whole.min(range.start() - 1),
            None => whole,
        }
    }

    /// Leaves out positions before this one that no chunk has yet.
    pub(super) fn skip_to(&self, position: i64) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.after = next.after.max(position.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(large: Option<LargeEvents>) -> Vec<(i64, i64)> {
        let cursor = Cursor::new(10, large, 47);
        std::iter::from_fn(|| cursor.take()).map(|chunk| (chunk.after, chunk.last)).collect()
    }

    #[test]
    fn chunks_are_smaller_where_events_are_large_and_only_there() {
        assert_eq!(chunks(None), [(0, 10), (10, 20), (20, 30), (30, 40), (40, 47)]);
        let large = |ranges: &[RangeInclusive<i64>]| Some(LargeEvents { ranges: ranges.to_vec(), size: 3 });
        assert_eq!(
            chunks(large(&[15..=22])),
            [(0, 10), (10, 14), (14, 17), (17, 20), (20, 23), (23, 33), (33, 43), (43, 47)]
        );
        assert_eq!(chunks(large(&[1..=2])), [(0, 3), (3, 13), (13, 23), (23, 33), (33, 43), (43, 47)]);
        assert_eq!(chunks(large(&[45..=90])), [(0, 10), (10, 20), (20, 30), (30, 40), (40, 44), (44, 47)]);
        assert_eq!(
            chunks(large(&[2..=2, 34..=36])),
            [(0, 1), (1, 4), (4, 14), (14, 24), (24, 33), (33, 36), (36, 46), (46, 47)]
        );
    }
}
