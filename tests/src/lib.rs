//! What the end-to-end tests share: generators of whole legacy databases, of what hangs on their tables and of what
//! a migration must refuse, and the comparison of dumps that the round trip is judged by.
//!
//! - [`legacy`] makes small databases of the planner's, legal and odd.
//! - [`table_objects`] is what administrators hang on tables; a round trip brings all of it back.
//! - [`refusals`] is what neither a plan nor a migration may pass over.
//! - [`protocol_proxy`] stops a client at any of its statements, [`crash_recovery`] checks what must hold then.
//! - [`unreadable_events`] puts events into a log that cannot be read.
//! - [`owners`] gives the planner's tables to a role.
//! - [`http`] asks the HTTP service.
//! - [`script`] runs statements, [`dump`] compares databases, [`roles`] are the roles that all of them use, [`random`] is
//!   what a seed decides.
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
pub mod table_objects;
pub mod unreadable_events;
