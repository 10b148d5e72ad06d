//! The service over real sockets, on a real database.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what they expect by panicking"
)]

mod auth;
mod authz;
mod bounds;
mod connection_limit;
mod deleted_projects;
mod fixture;
mod foreign_functions;
mod hardening;
mod health;
mod history;
mod idempotency;
mod keys;
mod legacy_contract;
mod legacy_defects;
mod legacy_shape;
mod middleware;
mod openapi;
mod phases;
mod planner_schema;
mod problem;
mod quarantine;
mod queue;
mod ready;
mod service;
mod stalled;
mod timeline;
mod two_services;
