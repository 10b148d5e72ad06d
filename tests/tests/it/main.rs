//! End to end: databases go into the log and come back.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests say what they expect by panicking"
)]

mod deadlocks;
mod edits;
mod locks;
mod original;
mod postgres_es;
mod projection;
mod real_database;
mod refusals;
mod restarts;
mod round_trip;
mod select_only;
mod support;
mod verification;
mod writers;
