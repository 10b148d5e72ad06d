//! Seeded random choices.

use phaseline_migrator::sample::SplitMix64;
use uuid::Uuid;

/// Choices from a seed.
#[derive(Clone, Debug)]
pub struct SeededRandom(SplitMix64);

impl SeededRandom {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed))
    }

    /// From 0 up to, but not including, `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0.number() % limit.max(1)
    }

    /// From `low` to `high`, both included.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// True in `percent` of all cases.
    pub fn hits(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these elements, if there are any.
    pub fn one_of<T: Clone>(&mut self, these: &[T]) -> Option<T> {
        let at = self.below(these.len() as u64) as usize;
        these.get(at).cloned()
    }

    /// One of these elements.
    pub fn pick<T: Clone, const N: usize>(&mut self, these: [T; N]) -> T {
        these[self.below(N as u64) as usize].clone()
    }

    /// One of these elements, by weight.
    pub fn weighted<T: Copy>(&mut self, these: &[(u64, T)]) -> T {
        let mut left = self.below(these.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in these {
            if left < *weight {
                return *one;
            }
            left -= weight;
        }
        these[0].1
    }

    /// A fresh id (version 4).
    pub fn id(&mut self) -> Uuid {
        let bytes = (u128::from(self.0.number()) << 64) | u128::from(self.0.number());
        uuid::Builder::from_random_bytes(bytes.to_be_bytes()).into_uuid()
    }
}
