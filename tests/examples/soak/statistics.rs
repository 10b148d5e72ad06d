//! Counts responses in memory of fixed size.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Steps of a doubling: a latency is known within 5 %.
const STEPS: f64 = 16.0;
const BUCKETS: usize = 512;

/// Responses by latency and status.
#[derive(Debug)]
pub(crate) struct Counters {
    by_latency: [AtomicU64; BUCKETS],
    statuses: Mutex<BTreeMap<u16, u64>>,
}

/// The responses of one sample.
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

    /// The responses since the last call.
    pub(crate) fn take(&self) -> ResponseCounts {
        ResponseCounts {
            by_latency: self.by_latency.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect(),
        }
    }

    /// Responses per status since the beginning; 0 is a request without response.
    pub(crate) fn statuses(&self) -> BTreeMap<u16, u64> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResponseCounts {
    pub(crate) fn count(&self) -> u64 {
        self.by_latency.iter().sum()
    }

    /// A percentile of the latency, in milliseconds.
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

    /// The sum of several samples.
    pub(crate) fn merged<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = vec![0; BUCKETS];
        for responses in all {
            sum.iter_mut().zip(&responses.by_latency).for_each(|(sum, count)| *sum += count);
        }
        Self { by_latency: sum }
    }
}
