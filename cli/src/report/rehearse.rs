//! The report of `phaseline rehearse`: `phaseline.rehearse/1`.

use super::elapsed_ms;
use phaseline_migrator::log::events::Direction;
use phaseline_migrator::verify::Verification;
use serde::Serialize;
use std::time::Instant;

/// The report; the steps fill it.
#[derive(Serialize)]
pub(crate) struct Rehearsal {
    pub(crate) format: &'static str,
    /// Whether the dumps are identical and the verifications passed.
    pub(crate) passed: bool,
    /// The failed check.
    pub(crate) failed: Option<FailedCheck>,
    /// The rehearsed database.
    pub(crate) database: String,
    /// The first direction, which leaves the current shape.
    pub(crate) first: Direction,
    /// The plan's digest, if the database is in the legacy shape and the copy has the same digest.
    pub(crate) digest: Option<String>,
    pub(crate) method: Method,
    /// The copy's name.
    pub(crate) copy: String,
    /// Whether the copy was kept on request.
    pub(crate) kept: bool,
    pub(crate) dropped: bool,
    /// The database's size.
    pub(crate) database_bytes: u64,
    /// The copy's size before the first step.
    pub(crate) copy_bytes: Option<u64>,
    /// The copy's size after the migration.
    pub(crate) migrated_bytes: Option<u64>,
    /// The size of schema `phaseline`, at the end.
    pub(crate) log_bytes: Option<u64>,
    /// The size of the compared dump.
    pub(crate) dump_bytes: Option<u64>,
    /// Whether the dumps are identical; none if they were not compared.
    pub(crate) identical: Option<bool>,
    pub(crate) migrate_locked_ms: Option<u64>,
    pub(crate) rollback_locked_ms: Option<u64>,
    pub(crate) took_ms: u64,
    pub(crate) steps: Vec<RehearsalStep>,
    /// The failed verification.
    pub(crate) verification: Option<Verification>,
    /// The first difference of the dumps.
    pub(crate) difference: Option<DumpDifference>,
    pub(crate) notes: Vec<String>,
}

/// `phaseline.rehearse.preview/1`
#[derive(Serialize)]
pub(crate) struct RehearsalPreview {
    pub(crate) format: &'static str,
    /// The database that would be copied.
    pub(crate) database: String,
    /// Its size, and about that of the copy.
    pub(crate) database_bytes: u64,
    /// The space that the migration needs beyond it; none if the database is migrated.
    pub(crate) migration_bytes: Option<u64>,
    /// The direction that would be tried first.
    pub(crate) first: Direction,
    pub(crate) notes: Vec<String>,
}

/// The failed check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailedCheck {
    /// A verification.
    Verification,
    /// The comparison of the dumps.
    Dumps,
}

/// The method by which the database was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    Template,
    Dump,
}

/// A step of a rehearsal; some occur twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RehearsalStepName {
    Copy,
    Dump,
    Plan,
    Migrate,
    Rollback,
    Verify,
    Compare,
    Drop,
}

impl RehearsalStepName {
    /// The name in the report and on the page.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Dump => "dump",
            Self::Plan => "plan",
            Self::Migrate => "migrate",
            Self::Rollback => "rollback",
            Self::Verify => "verify",
            Self::Compare => "compare",
            Self::Drop => "drop",
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct RehearsalStep {
    pub(crate) name: RehearsalStepName,
    pub(crate) took_ms: u64,
    /// Milliseconds in which the tables could not be read.
    pub(crate) locked_ms: Option<u64>,
}

/// The first difference of two dumps.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DumpDifference {
    /// The line's number, from 1, without the lines that are not compared.
    pub(crate) line: u64,
    /// The object of the dump that contains the line.
    pub(crate) within: Option<String>,
    /// The first lines from there on.
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

impl Rehearsal {
    /// An empty report on a copy of `database` of this size.
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

    /// Records a completed step.
    pub(crate) fn step(&mut self, name: RehearsalStepName, begun: Instant, locked_ms: Option<u64>) {
        self.steps.push(RehearsalStep { name, took_ms: elapsed_ms(begun), locked_ms });
    }

    /// Whether the copy is complete.
    pub(crate) fn whole(&self) -> bool {
        self.copy_bytes.is_some()
    }
}
