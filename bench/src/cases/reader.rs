//! A concurrent reader of the tables, which records its longest wait.

use crate::error::{BenchError, Result};
use crate::server::{connect, run};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The two tables of the planner that a migration rewrites.
const READ: &str =
    "SELECT 1 FROM public.project_phases LIMIT 1; SELECT 1 FROM public.resource_assignments LIMIT 1";
/// The reader's pause between queries.
const PAUSE: Duration = Duration::from_millis(2);

/// A reader in its own thread, so that other work in this process does not delay it.
pub(super) struct WaitingReader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Duration>>,
}

impl WaitingReader {
    pub(super) fn start(url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (url, stopped) = (url.to_owned(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(BenchError::io("cannot start the reader's runtime"))?;
            runtime.block_on(async {
                let mut connection = connect(&url).await?;
                let mut longest = Duration::ZERO;
                while !stopped.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    run(&mut connection, READ).await?;
                    longest = longest.max(begun.elapsed());
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(longest)
            })
        });
        Self { stop, thread }
    }

    /// Stops reading; returns the longest duration of a query.
    pub(super) fn longest(self) -> Result<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| BenchError::Failed("the reader's thread ended early".to_owned()))?
    }
}
