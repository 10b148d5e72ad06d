//! Counts the bytes that another thread reads, for a progress.

use std::future::Future;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Interval of the reports.
const EVERY: Duration = Duration::from_millis(200);

/// A reader whose bytes are counted.
pub(super) struct CountedReader<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R> CountedReader<R> {
    /// Counts in `read`.
    pub(super) fn new(inner: R, read: &Arc<AtomicU64>) -> Self {
        Self { inner, read: Arc::clone(read) }
    }
}

impl<R: Read> Read for CountedReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Waits for the work; `report` gets the count from time to time.
pub(super) async fn reported<T>(work: impl Future<Output = T>, count: &AtomicU64, report: impl Fn(u64)) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(EVERY) => report(count.load(Ordering::Relaxed)),
        }
    }
}
