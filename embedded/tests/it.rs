//! The crate against a real PostgreSQL. Tests of several processes start this program again in a role (`child_process.rs`).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot continue fails")]

#[path = "it/binaries.rs"]
mod binaries;
#[path = "it/child_process.rs"]
mod child_process;
#[path = "it/clients.rs"]
mod clients;
#[path = "it/probe.rs"]
mod probe;
#[path = "it/server.rs"]
mod server;
#[path = "it/sharing.rs"]
mod sharing;
#[path = "it/test_cluster.rs"]
mod test_cluster;
