//! End-to-end tests of migrations, commands and rollbacks.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

mod boundary_fit;
mod code_structure;
mod commands;
mod concurrent_users;
mod deadlocks;
mod edits;
mod encodings;
mod event_triggers;
mod fixture;
mod foreign_code;
mod foreign_rows;
mod hostile_writer;
mod hot_rows;
mod kept_connections;
mod locks;
mod major_versions;
mod messages;
mod minor_versions;
mod model_based;
mod original_migration;
mod postgres_es;
mod progress;
mod project_dates;
mod projection;
mod quarantine;
mod real_database;
mod rebuild;
mod refusals;
mod remigration;
mod round_trip;
mod search_path;
mod select_only;
mod sequences;
mod server_crashes;
mod since_18;
mod takeover;
mod tampering;
mod timeline_states;
mod verification;
mod views;
