//! End to end: databases go into the log and come back.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests say what they expect by panicking"
)]

mod again;
mod commands;
mod deadlocks;
mod edits;
mod encodings;
mod fit;
mod foreign_code;
mod hostile_writer;
mod hot_rows;
mod house;
mod locks;
mod machine;
mod minors;
mod original;
mod others_rows;
mod postgres_es;
mod projection;
mod quarantine;
mod real_database;
mod rebuild;
mod refusals;
mod restarts;
mod round_trip;
mod select_only;
mod sessions;
mod support;
mod takeover;
mod tampering;
mod verification;
mod writers;
