//! The log against a real PostgreSQL.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod append_checks;
mod append_only;
mod command_events;
mod copy_format;
mod fixture;
mod hashes;
mod installation;
mod moments;
mod ordering;
mod parallel;
mod statement;
mod versions;
