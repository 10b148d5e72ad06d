//! Shared code of the end-to-end tests: generators of legacy databases, of objects on their tables and of cases that a
//! migration must refuse, and the comparison of dumps.
//!
//! - [`legacy`] generates small planner databases, valid and unusual.
//! - [`table_objects`] are objects that administrators add to tables; a round trip restores all of them.
//! - [`refusals`] are cases that plan and migration must refuse.
//! - [`protocol_proxy`] stops a client at any of its statements, [`crash_recovery`] checks the database afterwards.
//! - [`unreadable_events`] inserts unreadable events into a log.
//! - [`owners`] makes a role the owner of the planner's tables.
//! - [`share`] divides the inputs of long tests among the versions of PostgreSQL.
//! - [`http`] is a client of the HTTP service.
//! - [`script`] runs statements, [`dump`] compares databases, [`roles`] are the roles of all tests, [`random`] is
//!   a seeded generator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use it, and a test that cannot be set up can only fail"
)]

pub mod crash_recovery;
pub mod dump;
pub mod http;
pub mod legacy;
pub mod model;
pub mod owners;
pub mod protocol_proxy;
pub mod random;
pub mod refusals;
pub mod roles;
pub mod script;
pub mod share;
pub mod switching_proxy;
pub mod table_objects;
pub mod unreadable_events;
