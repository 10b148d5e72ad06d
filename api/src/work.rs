//! Moves long computations off the worker threads.
//!
//! A worker thread serves all connections in turn, so nothing may hold it for more than some 10 ms. What takes longer (reading a
//! large body, deciding about thousands of phases) runs on tokio's threads for blocking work, by [`aside`]. The kernel shares the
//! processors between these and the workers; yields would be needed in every loop of `serde_json` and of the domain. What proceeds
//! in small steps anyway (rows of the database, chunks of a response) yields by [`phaseline_store::Pace`] instead.

use crate::problem::{Problem, internal};

/// From this many bytes on JSON is read on another thread: below it, the change of threads would cost more than a worker's wait.
pub(crate) const LARGE: usize = 64 * 1024;

/// From this many phases on timelines are compared on another thread.
pub(crate) const MANY: usize = 256;

/// Runs work on a thread for blocking work. A panic, which the panic hook has logged, is an internal problem.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<Problem>> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.map_err(|_| Box::new(internal()))
}

/// Runs large work on a thread for blocking work, other work at once.
pub(crate) async fn aside_if<T: Send + 'static>(
    large: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<Problem>> {
    if large { aside(work).await } else { Ok(work()) }
}
