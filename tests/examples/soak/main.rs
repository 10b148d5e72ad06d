//! Sixty-four clients change timelines over HTTP for half an hour; compares the service's rates and memory at the end with
//! those at the beginning. Run by `make soak`. Exits with 1 if a limit is exceeded.
//!
//! `PHASELINE_SOAK_SECONDS` is the length of each of the three parts (600).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program to look at, not to live with"
)]

mod clients;
mod part;
mod statistics;

use part::Part;
use phaseline_embedded::testing::{TestCluster, TestOptions};
use std::process::ExitCode;
use std::time::Duration;

/// The three parts. A snapshot that is held keeps every dead row version; 16 hot projects have many of each row.
const PARTS: [Part; 3] = [
    Part { name: "a", projects: 10_000, holds_a_snapshot: false, least_rate: 0.8, limits_latency: true },
    Part { name: "b", projects: 10_000, holds_a_snapshot: true, least_rate: 0.9, limits_latency: true },
    Part { name: "c", projects: 16, holds_a_snapshot: true, least_rate: 0.5, limits_latency: false },
];

fn seconds() -> Duration {
    let variable = std::env::var("PHASELINE_SOAK_SECONDS").ok();
    Duration::from_secs(
        variable.map_or(600, |variable| variable.parse().expect("PHASELINE_SOAK_SECONDS is a number")),
    )
}

#[tokio::main]
async fn main() -> ExitCode {
    let cluster = TestCluster::start(TestOptions::durable());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let database = cluster.database();
    println!("{}", database.psql("SELECT version()"));
    println!(
        "fsync {}, synchronous_commit {}, autovacuum {}, shared_buffers {}; load average before: {}",
        database.psql("SHOW fsync"),
        database.psql("SHOW synchronous_commit"),
        database.psql("SHOW autovacuum"),
        database.psql("SHOW shared_buffers"),
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    );
    let mut broken = Vec::new();
    for part in PARTS {
        broken.extend(part.run(&cluster, seconds()).await);
    }
    if broken.is_empty() {
        println!("\nAll promises hold.");
        return ExitCode::SUCCESS;
    }
    println!("\nBROKEN:");
    broken.iter().for_each(|promise| println!("  {promise}"));
    ExitCode::FAILURE
}
