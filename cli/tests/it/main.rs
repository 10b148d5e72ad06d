//! Tests of the program as a process: its output and exit codes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "in helpers of tests too: a failed expectation panics"
)]

mod adopt;
mod after_a_rollback;
mod altered_log;
mod arguments;
mod boundaries;
mod boundary_fit;
mod completions;
mod concurrent_clients;
mod config;
mod connection;
mod cut_connections;
mod demo;
mod demo_serve;
mod deploy;
mod diff;
mod doctor;
mod drift;
mod dry_run;
mod edits;
mod effect;
mod exit_codes;
mod export;
mod failover;
mod help;
mod json;
mod jsonl;
mod killed_runs;
mod log;
mod man;
mod managed;
mod migrate;
mod not_found;
mod older_pg_dump;
mod place;
mod planner_form;
mod planner_schema;
mod pooler;
mod portfolio;
mod program;
mod projects;
mod quarantine;
mod rebuild;
mod rehearse;
mod restore;
mod runbook;
mod serve;
mod serve_auth;
mod several_servers;
mod signals;
mod superuser;
mod terminal;
mod terminal_width;
mod token;
mod upgrade;
mod verify;
