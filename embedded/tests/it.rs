//! The crate against a real PostgreSQL. What a test says about other processes it tries with other
//! processes: this program, run again in a role (`role.rs`).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails")]

#[path = "it/binaries.rs"]
mod binaries;
#[path = "it/clients.rs"]
mod clients;
#[path = "it/probe.rs"]
mod probe;
#[path = "it/role.rs"]
mod role;
#[path = "it/server.rs"]
mod server;
#[path = "it/sharing.rs"]
mod sharing;
#[path = "it/throwaway.rs"]
mod throwaway;
