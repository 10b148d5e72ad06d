//! Choices that are the same in every run.

use phaseline_migrator::sample::SplitMix64;
use uuid::Uuid;

/// Choices from a seed.
pub(super) struct DemoRandom(SplitMix64);

impl DemoRandom {
    /// A generator with this seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// From 0 up to, but not including, `limit`, which is at least 1.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.0.number() % limit.max(1) as u64) as usize
    }

    /// From `low` to `high`, both included.
    pub(super) fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.0.number() % (high - low).max(0).cast_unsigned().saturating_add(1)).cast_signed()
    }

    /// True in `percent` of all cases.
    pub(super) fn hits(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these elements.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, these: [T; N]) -> T {
        these[self.below(N)]
    }

    /// Puts the elements into a random order.
    pub(super) fn shuffle<T>(&mut self, these: &mut [T]) {
        for at in (1..these.len()).rev() {
            these.swap(at, self.below(at + 1));
        }
    }

    /// A fresh id (version 4).
    pub(super) fn id(&mut self) -> Uuid {
        let bytes = (u128::from(self.0.number()) << 64) | u128::from(self.0.number());
        uuid::Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }
}
