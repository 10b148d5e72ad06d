//! What is counters while clients are at work, in a memory that does not grow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Steps of a doubling: a latency is known within 5 %.
const STEPS: f64 = 16.0;
const BUCKETS: usize = 512;

/// ResponseCounts: how many, how late, and what they were. Taken out sample by sample.
#[derive(Debug)]
pub(crate) struct Counters {
    by_latency: [AtomicU64; BUCKETS],
    statuses: Mutex<BTreeMap<u16, u64>>,
}

/// The answers of a while.
#[derive(Clone, Debug)]
pub(crate) struct ResponseCounts {
    by_latency: Vec<u64>,
}

impl Default for Counters {
    fn default() -> Self {
        Self { by_latency: [const { AtomicU64::new(0) }; BUCKETS], statuses: Mutex::default() }
    }
}

impl Counters {
    pub(crate) fn count(&self, latency: Duration, status: u16) {
        let microseconds = (latency.as_micros() as f64).max(1.0);
        let bucket = (microseconds.log2() * STEPS) as usize;
        self.by_latency[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        *self.statuses.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// What came since this was last called.
    pub(crate) fn take(&self) -> ResponseCounts {
        ResponseCounts {
            by_latency: self.by_latency.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect(),
        }
    }

    /// How often each status came since the beginning; 0 is none.
    pub(crate) fn statuses(&self) -> BTreeMap<u16, u64> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResponseCounts {
    pub(crate) fn count(&self) -> u64 {
        self.by_latency.iter().sum()
    }

    /// The latency that so many of a hundred answers did not exceed, in milliseconds.
    pub(crate) fn percentile(&self, percent: u64) -> f64 {
        let wanted = self.count() * percent / 100;
        let mut passed = 0;
        for (bucket, count) in self.by_latency.iter().enumerate() {
            passed += count;
            if passed > wanted {
                return ((bucket as f64 + 0.5) / STEPS).exp2() / 1000.0;
            }
        }
        0.0
    }

    /// Several of them as one.
    pub(crate) fn merged<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = vec![0; BUCKETS];
        for answers in all {
            sum.iter_mut().zip(&answers.by_latency).for_each(|(sum, count)| *sum += count);
        }
        Self { by_latency: sum }
    }
}
