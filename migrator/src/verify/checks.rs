//! The checks of a verification, as they are collected and reported.

use crate::shape::Shape;
use phaseline_store::LogHead;
use serde::Serialize;
use sqlx::PgConnection;

/// The origin of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckGroup {
    /// The users' runbook.
    Runbook,
    /// The comparison with the log.
    Beyond,
}

/// One line under a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// Whether it holds.
    pub passed: bool,
    /// The result, with its figure.
    pub text: String,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its origin.
    pub group: CheckGroup,
    /// Its number, continued over both groups.
    pub number: u8,
    /// The subject of the check.
    pub title: String,
    /// Whether all its lines hold.
    pub passed: bool,
    /// Its results.
    pub lines: Vec<CheckLine>,
    /// All violations.
    pub details: Vec<String>,
}

/// The result of a verification.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// `phaseline.verify/1`
    pub format: &'static str,
    /// The shape that was verified.
    pub shape: Shape,
    /// Whether every check passed.
    pub passed: bool,
    /// The log's end, for later verifications; none without a log.
    pub head: Option<LogHead>,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// Remarks that are not failures.
    pub notes: Vec<String>,
}

/// Collects checks and numbers them.
#[derive(Debug, Default)]
pub(super) struct Checks {
    checks: Vec<Check>,
    pub notes: Vec<String>,
    pub head: Option<LogHead>,
}

impl Checks {
    pub(super) fn add(
        &mut self,
        group: CheckGroup,
        title: &str,
        lines: Vec<CheckLine>,
        details: Vec<String>,
    ) {
        self.checks.push(Check {
            group,
            number: u8::try_from(self.checks.len() + 1).unwrap_or(u8::MAX),
            title: title.to_owned(),
            passed: lines.iter().all(|line| line.passed),
            lines,
            details,
        });
    }

    /// The result.
    pub(super) fn verification(self, shape: Shape) -> Verification {
        Verification {
            format: "phaseline.verify/1",
            shape,
            passed: self.checks.iter().all(|check| check.passed),
            head: self.head,
            checks: self.checks,
            notes: self.notes,
        }
    }

    /// A check of the runbook.
    pub(super) fn runbook(&mut self, title: &str, passed: bool, good: &str, bad: &str, details: Vec<String>) {
        let text = if passed { good } else { bad }.to_owned();
        self.add(CheckGroup::Runbook, title, vec![CheckLine { passed, text }], details);
    }

    /// A check beyond the runbook: passed without violations.
    pub(super) fn beyond(&mut self, title: &str, good: String, details: Vec<String>) {
        let passed = details.is_empty();
        let text = if passed {
            good
        } else {
            match details.len() {
                1 => "1 difference".to_owned(),
                differences => format!("{differences} differences"),
            }
        };
        self.add(CheckGroup::Beyond, title, vec![CheckLine { passed, text }], details);
    }
}

/// Whether `public.table` has a column.
pub(super) async fn has_column(
    connection: &mut PgConnection,
    table: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
          WHERE c.relnamespace = 'public'::regnamespace AND c.relname = $1 AND a.attname = $2
            AND a.attnum > 0 AND NOT a.attisdropped)",
    )
    .bind(table)
    .bind(column)
    .fetch_one(connection)
    .await
}
