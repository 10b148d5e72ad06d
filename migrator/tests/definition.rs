//! The definition of a table: captured, transformed and replayed on a real server, compared by `pg_dump`.
#![expect(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "definition/fixture.rs"]
mod fixture;
#[path = "definition/obstacles.rs"]
mod obstacles;
#[path = "definition/privileges.rs"]
mod privileges;
#[path = "definition/rebuild.rs"]
mod rebuild;
#[path = "definition/round_trip.rs"]
mod round_trip;
#[path = "definition/sequences.rs"]
mod sequences;
#[path = "definition/since_18.rs"]
mod since_18;
#[path = "definition/takeover.rs"]
mod takeover;
#[path = "definition/unknown.rs"]
mod unknown;
