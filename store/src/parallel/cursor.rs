//! Hands out the chunks of a log, one after the other.

use std::sync::{Mutex, PoisonError};

/// The positions behind `after` up to `last`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Its place among all chunks, from 0 without gaps.
    pub(super) number: u64,
    pub(super) after: i64,
    pub(super) last: i64,
}

/// Where the next chunk begins.
#[derive(Debug)]
pub(super) struct Cursor {
    size: i64,
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
    pub(super) fn new(size: i64, up_to: i64) -> Self {
        Self { size, up_to, next: Mutex::default() }
    }

    /// The next chunk; none behind the last position.
    pub(super) fn take(&self) -> Option<Chunk> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.after >= self.up_to {
            return None;
        }
        let last = next.after.saturating_add(self.size).min(self.up_to);
        let chunk = Chunk { number: next.number, after: next.after, last };
        *next = NextChunk { number: next.number + 1, after: last };
        Some(chunk)
    }

    /// Leaves out positions before this one that no chunk has yet.
    pub(super) fn skip_to(&self, position: i64) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.after = next.after.max(position.saturating_sub(1));
    }
}
