//! What a rehearsal found: `phaseline.rehearse/1`.

use super::elapsed_ms;
use phaseline_migrator::verify::Verification;
use serde::Serialize;
use std::time::Instant;

/// The report; it fills while the rehearsal goes on.
#[derive(Serialize)]
pub(crate) struct Rehearsal {
    pub(crate) format: &'static str,
    /// Whether it came back to where it started, through verifications that passed.
    pub(crate) passed: bool,
    /// What did not pass.
    pub(crate) failed: Option<Failed>,
    /// The database that was rehearsed for.
    pub(crate) database: String,
    /// Which way was first.
    pub(crate) first: Direction,
    /// The plan's digest, if the database is to be migrated and the copy has the same.
    pub(crate) digest: Option<String>,
    pub(crate) method: Method,
    /// The copy's name.
    pub(crate) copy: String,
    /// The copy is there still, because that was asked for.
    pub(crate) kept: bool,
    pub(crate) dropped: bool,
    /// The database's size.
    pub(crate) database_bytes: u64,
    /// The copy's size before the first step.
    pub(crate) copy_bytes: Option<u64>,
    /// The copy's size after the migration: what is to be reckoned with.
    pub(crate) migrated_bytes: Option<u64>,
    /// The size of schema `phaseline`, at the end.
    pub(crate) log_bytes: Option<u64>,
    /// The size of the dump that was compared.
    pub(crate) dump_bytes: Option<u64>,
    /// Whether the dumps are the same, byte for byte; none if it did not get so far.
    pub(crate) identical: Option<bool>,
    pub(crate) migrate_locked_ms: Option<u64>,
    pub(crate) rollback_locked_ms: Option<u64>,
    pub(crate) took_ms: u64,
    pub(crate) steps: Vec<Step>,
    /// The verification that failed.
    pub(crate) verification: Option<Verification>,
    /// Where the dumps differ first.
    pub(crate) difference: Option<Difference>,
    pub(crate) notes: Vec<String>,
}

/// What did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failed {
    /// A verification.
    Verification,
    /// The comparison of the dumps.
    Dumps,
}

/// Which way is first: the one that the database has before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Migrate,
    Rollback,
}

/// How the database was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    Template,
    Dump,
}

#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) took_ms: u64,
    /// How long the tables could not be read.
    pub(crate) locked_ms: Option<u64>,
}

/// Where two dumps differ first.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// The line's number, from 1, without the lines that are not compared.
    pub(crate) line: u64,
    /// What the dump says it is part of.
    pub(crate) within: Option<String>,
    /// The lines from there on, a few of them.
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

impl Rehearsal {
    /// An empty report on a copy of `database`, which has so many `bytes`.
    pub(crate) fn of(database: &str, bytes: u64, first: Direction, copy: &str, method: Method) -> Self {
        Self {
            format: "phaseline.rehearse/1",
            passed: false,
            failed: None,
            database: database.to_owned(),
            first,
            digest: None,
            method,
            copy: copy.to_owned(),
            kept: false,
            dropped: false,
            database_bytes: bytes,
            copy_bytes: None,
            migrated_bytes: None,
            log_bytes: None,
            dump_bytes: None,
            identical: None,
            migrate_locked_ms: None,
            rollback_locked_ms: None,
            took_ms: 0,
            steps: Vec::new(),
            verification: None,
            difference: None,
            notes: Vec::new(),
        }
    }

    /// Notes down a step that is done.
    pub(crate) fn step(&mut self, name: &'static str, begun: Instant, locked_ms: Option<u64>) {
        self.steps.push(Step { name, took_ms: elapsed_ms(begun), locked_ms });
    }

    /// Whether the copy is a whole one.
    pub(crate) fn whole(&self) -> bool {
        self.copy_bytes.is_some()
    }
}
