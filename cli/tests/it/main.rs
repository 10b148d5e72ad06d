//! The program as its users meet it: run as a process, judged by what it prints and how it ends.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "in helpers of tests too: a test says what it expects by panicking"
)]

mod adopt;
mod boundaries;
mod completions;
mod config;
mod connection;
mod crowd;
mod cuts;
mod demo;
mod deploy;
mod doctor;
mod drift;
mod edits;
mod exit_codes;
mod fit;
mod help;
mod json;
mod jsonl;
mod kills;
mod man;
mod migrate;
mod older_pg_dump;
mod program;
mod quarantine;
mod rebuild;
mod rehearse;
mod runbook;
mod serve;
mod signals;
mod superuser;
mod terminal;
mod token;
mod upgrade;
