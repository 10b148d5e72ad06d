//! Work that would hold a thread on which others wait: it is done on threads of its own.
//!
//! A worker's thread serves all connections in turn, so nothing may hold it for more than some 10 ms. What takes longer (reading
//! a large body, deciding about thousands of phases) goes through [`aside`] to tokio's threads for blocking work. The kernel
//! shares the processors between these and the workers, whatever the work is; a yield inside it would have to stand in every
//! loop of `serde_json` and of the domain. What is done piece by piece anyway (rows of the database, chunks of an answer) yields
//! by [`phaseline_store::Pace`] instead.

use crate::problem::{Problem, internal};

/// From this many bytes on JSON is read aside. In 10 ms a worker reads and checks some 300 kB; a thread costs 20 us.
pub(crate) const LARGE: usize = 64 * 1024;

/// From this many phases on a comparison of timelines is made aside.
pub(crate) const MANY: usize = 256;

/// Does work on a thread for blocking work. A panic is an internal problem, and the panic hook has logged it.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<Problem>> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.map_err(|_| Box::new(internal()))
}

/// The same only if it is worth it.
pub(crate) async fn aside_if<T: Send + 'static>(
    large: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<Problem>> {
    if large { aside(work).await } else { Ok(work()) }
}
