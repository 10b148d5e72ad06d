//! Verification: the runbook's own checks in its own layout, and the ones that prove something.
//!
//! Everything is looked at in one read-only snapshot, so a verification may run while others write.

mod fitness;
mod log;
mod new_shape;
mod old_shape;

use crate::error::MigratorError;
use crate::progress::Progress;
use crate::session;
use crate::shape::{self, Shape};
pub(crate) use fitness::missing_of_new_shape;
use phaseline_projections::{Access, refuse_foreign_code};
use phaseline_store::{Quarantine, chain, schema};
use serde::Serialize;
use sqlx::PgConnection;

/// Where a check comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckGroup {
    /// The users' runbook has it.
    Runbook,
    /// It compares with the log.
    Beyond,
}

/// One line under a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// Whether it holds.
    pub passed: bool,
    /// What was found, with its figure.
    pub text: String,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Where it comes from.
    pub group: CheckGroup,
    /// Its number, going on through both groups.
    pub number: u8,
    /// What is checked.
    pub title: String,
    /// Whether all its lines hold.
    pub passed: bool,
    /// Its results.
    pub lines: Vec<CheckLine>,
    /// Everything that is not as it must be.
    pub details: Vec<String>,
}

/// What a verification found.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// `phaseline.verify/1`
    pub format: &'static str,
    /// The shape that was verified.
    pub shape: Shape,
    /// Whether every check passed.
    pub passed: bool,
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// Things worth knowing that are no failure.
    pub notes: Vec<String>,
}

/// Collects checks and numbers them.
#[derive(Debug, Default)]
struct Checks {
    checks: Vec<Check>,
    notes: Vec<String>,
}

impl Checks {
    fn add(&mut self, group: CheckGroup, title: &str, lines: Vec<CheckLine>, details: Vec<String>) {
        self.checks.push(Check {
            group,
            number: u8::try_from(self.checks.len() + 1).unwrap_or(u8::MAX),
            title: title.to_owned(),
            passed: lines.iter().all(|line| line.passed),
            lines,
            details,
        });
    }

    /// What was found.
    fn verification(self, shape: Shape) -> Verification {
        Verification {
            format: "phaseline.verify/1",
            shape,
            passed: self.checks.iter().all(|check| check.passed),
            checks: self.checks,
            notes: self.notes,
        }
    }

    /// A check of the runbook's.
    fn runbook(&mut self, title: &str, passed: bool, good: &str, bad: &str, details: Vec<String>) {
        let text = if passed { good } else { bad }.to_owned();
        self.add(CheckGroup::Runbook, title, vec![CheckLine { passed, text }], details);
    }

    /// A check beyond the runbook: passed if nothing is wrong.
    fn beyond(&mut self, title: &str, good: String, details: Vec<String>) {
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

/// Verifies the database in the shape that it is in.
///
/// # Errors
/// [`MigratorError::WrongShape`] if it is in neither shape; the database's own. A check that does not hold is no
/// error: see [`Verification::passed`].
pub async fn verify(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<Verification, MigratorError> {
    let mut transaction = session::read_only(connection).await?;
    refuse_foreign_code(&mut transaction, Access::Read).await?;
    let found = shape::find(&mut transaction).await?;
    let mut checks = Checks::default();
    // Half of each shape is for the checks to find: dates make it the new one, a type alone the old one.
    let whole = found.missing.iter().all(|table| table == "alembic_version");
    let shape = if !whole {
        Shape::Unknown
    } else if has_column(&mut transaction, "project_phases", "start_date").await? {
        Shape::Timelines
    } else if has_column(&mut transaction, "project_phases", "phase_type").await? {
        Shape::Legacy
    } else {
        Shape::Unknown
    };
    if schema::installed(&mut transaction).await? {
        let lost: Vec<String> = fitness::different_schema(&mut transaction).await?;
        if lost.iter().any(|what| what.contains("column phaseline.events.") && what.contains("is missing")) {
            checks.beyond("Checking the log's table has its columns...", String::new(), lost);
            checks.notes.push("The log cannot be read, so nothing was compared with it.".to_owned());
            transaction.rollback().await?;
            return Ok(checks.verification(shape));
        }
    }
    match shape {
        Shape::Timelines => new_shape::verify(&mut transaction, &found, &mut checks, progress).await?,
        Shape::Legacy => old_shape::verify(&mut transaction, &found, &mut checks, progress).await?,
        Shape::Unknown => {
            return Err(MigratorError::WrongShape(format!(
                "the database is in neither shape, so there is nothing to verify{}",
                match found.missing.as_slice() {
                    [] => String::new(),
                    missing => format!("; missing: {}", missing.join(", ")),
                }
            )));
        }
    }
    if schema::installed(&mut transaction).await? {
        note_time_ahead(&mut transaction, &mut checks).await?;
    }
    transaction.rollback().await?;
    Ok(checks.verification(shape))
}

/// A clock that jumped ahead leaves its mark: later events get the time of the last one until the clock is there.
async fn note_time_ahead(connection: &mut PgConnection, checks: &mut Checks) -> Result<(), MigratorError> {
    let ahead = chain::seconds_ahead(connection).await?;
    if ahead > chain::TOLERATED_SECONDS_AHEAD {
        checks.notes.push(format!(
            "The last event was recorded {ahead:.0} s ahead of the database's clock. Until the clock is there, all events get \
             that time, and --as-of cannot tell them apart."
        ));
    }
    Ok(())
}

/// The events of the whole log that cannot be read; none without a log.
pub(crate) async fn unreadable_events(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<Option<Quarantine>, MigratorError> {
    Ok(log::read_log(connection, progress).await?.map(|reading| reading.unreadable))
}

/// Whether `public.table` has a column.
async fn has_column(connection: &mut PgConnection, table: &str, column: &str) -> Result<bool, sqlx::Error> {
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
