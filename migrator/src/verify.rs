//! Verification: the checks of the users' runbook in its layout, and checks against the log.
//!
//! All checks use one read-only snapshot, so a verification may run while others write.

mod checks;
mod expected;
mod fitness;
mod legacy_shape;
mod log;
mod readers;
mod runbook;
mod seen;
mod timeline_shape;

use crate::error::MigratorError;
use crate::progress::Progress;
use crate::shape::{self, Shape};
pub use checks::{Check, CheckGroup, CheckLine, Verification};
use checks::{Checks, has_column};
use phaseline_projections::{Access, refuse_foreign_code};
use phaseline_store::schema::version::VERSION;
use phaseline_store::{LogHead, Quarantine, chain, read, schema};
use readers::SnapshotReaders;
use sqlx::PgConnection;

/// Verifies the database in its current shape.
///
/// # Errors
/// [`MigratorError::WrongShape`] if it is in neither shape; the database's own. A failed check is not an
/// error: see [`Verification::passed`].
pub async fn verify(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<Verification, MigratorError> {
    verify_expecting(connection, Vec::new(), &[], progress).await
}

/// The same, and checks that the log has these heads, which were noted down. `readers` read the log at the same time, on the
/// snapshot of `connection`; without them `connection` does. The result is the same.
///
/// # Errors
/// Those of [`verify`].
pub async fn verify_expecting(
    connection: &mut PgConnection,
    readers: Vec<PgConnection>,
    expected: &[LogHead],
    progress: &dyn Progress,
) -> Result<Verification, MigratorError> {
    let mut transaction = read::snapshot(connection).await?;
    let readers = SnapshotReaders::begin(&mut transaction, readers).await?;
    refuse_foreign_code(&mut transaction, Access::Read).await?;
    let found = shape::find(&mut transaction).await?;
    let mut checks = Checks::default();
    // The checks find a mixture of both shapes: with dates it is checked as the timeline shape, with a type only as the legacy shape.
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
        let is_current = schema::version(&mut transaction).await?.is_some_and(|version| version >= VERSION);
        if is_current && !read::has_all_columns(&mut transaction).await? {
            checks.beyond("Checking the log's table has its columns...", String::new(), lost);
            checks.notes.push("The log cannot be read, so nothing was compared with it.".to_owned());
            expected::refuse(expected, &mut checks);
            transaction.rollback().await?;
            return Ok(checks.verification(shape));
        }
    }
    match shape {
        Shape::Timelines => {
            timeline_shape::verify(&mut transaction, readers, &found, &mut checks, progress).await?
        }
        Shape::Legacy => {
            legacy_shape::verify(&mut transaction, readers, &found, &mut checks, progress).await?
        }
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
        checks.head = LogHead::current(&mut transaction).await?;
    }
    expected::check(&mut transaction, expected, &mut checks).await?;
    transaction.rollback().await?;
    Ok(checks.verification(shape))
}

/// Detects that the clock jumped ahead: later events get the timestamp of the last one until the clock has reached it.
async fn note_time_ahead(connection: &mut PgConnection, checks: &mut Checks) -> Result<(), MigratorError> {
    let ahead = chain::seconds_ahead(connection).await?;
    if ahead > chain::TOLERATED_SECONDS_AHEAD {
        checks.notes.push(format!(
            "The last event was recorded {ahead:.0} s ahead of the database's clock. Until the clock reaches that, all events get \
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
    Ok(log::read_log(connection, None, progress).await?.map(|reading| reading.unreadable))
}
