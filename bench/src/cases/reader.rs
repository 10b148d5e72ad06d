//! A concurrent reader of the tables, which records its longest wait.

use crate::error::{BenchError, Result};
use crate::meter::{Meter, ProcessorTime};
use crate::server::{connect, number, run};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The two tables of the planner that a migration rewrites.
const READ: &str =
    "SELECT 1 FROM public.project_phases LIMIT 1; SELECT 1 FROM public.resource_assignments LIMIT 1";
/// The reader's pause between queries.
const PAUSE: Duration = Duration::from_millis(2);

/// What a reader found.
pub(super) struct Observed {
    /// The longest duration of a query.
    pub(super) longest: Duration,
    /// The processor time of its own queries, which do not belong to the work beside them.
    pub(super) own: ProcessorTime,
}

/// A reader in its own thread, so that other work in this process does not delay it.
pub(super) struct WaitingReader {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Observed>>,
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
                let backend = number(&mut connection, "SELECT pg_backend_pid()::bigint").await?;
                let backend = u32::try_from(backend).unwrap_or_default();
                let before = Meter::observer_time(backend);
                let mut longest = Duration::ZERO;
                while !stopped.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    run(&mut connection, READ).await?;
                    longest = longest.max(begun.elapsed());
                    tokio::time::sleep(PAUSE).await;
                }
                let own = before.zip(Meter::observer_time(backend)).map(|(before, after)| after - before);
                Ok(Observed { longest, own: own.unwrap_or_default() })
            })
        });
        Self { stop, thread }
    }

    /// Stops reading.
    pub(super) fn stop(self) -> Result<Observed> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| BenchError::Failed("the reader's thread ended early".to_owned()))?
    }
}
