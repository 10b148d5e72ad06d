//! The service over real sockets, on a real database.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod altered_log;
mod assignment_counts;
mod auth;
mod authz;
mod base_path;
mod command_queue;
mod connection_limit;
mod contract;
mod cors;
mod deleted_projects;
mod fixture;
mod foreign_functions;
mod hardening;
mod health;
mod history;
mod idempotency;
mod key_sets;
mod legacy_contract;
mod legacy_defects;
mod legacy_validation;
mod limits;
mod log;
mod middleware;
mod moments;
mod openapi;
mod page;
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
mod page_days;
mod pages;
mod pages_browser;
mod pages_draft;
mod pages_drift;
mod pages_log;
mod pages_portfolio;
mod pages_project;
mod pages_runs;
mod pages_session;
mod phases;
mod planner_schema;
mod pooler;
mod portfolio;
mod problem;
mod project_dates;
mod proxy_rules;
mod quarantine;
mod query;
mod readiness;
mod restore;
mod service;
mod stalled_clients;
mod standby;
mod subjects;
mod test_keys;
mod timeline;
mod timeline_states;
mod two_services;
