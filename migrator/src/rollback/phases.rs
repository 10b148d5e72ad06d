//! Builds the legacy `project_phases` beside the current one, and detects changes in between.

use super::RollbackPlan;
use super::inspect::{PreparedRollback, REBUILT};
use crate::ddl;
use crate::definition;
use crate::error::MigratorError;
use crate::run::Journal;
use crate::run::cut_over::SHADOW;
use crate::shape::{self, TIMELINE_REVISION};
use phaseline_projections::{Access, LegacyPhaseRow, legacy_phases, refuse_foreign_code};
use phaseline_store::schema;
use sqlx::PgConnection;

/// The legacy `project_phases`: the fold's rows, in their former order.
pub(super) async fn build_phases(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
) -> Result<Vec<LegacyPhaseRow>, MigratorError> {
    let [phases, _] = &prepared.old;
    ddl::run(connection, &phases.create_in(SHADOW)).await?;
    let rows = legacy_rows(prepared);
    legacy_phases::load_new(connection, &format!("{SHADOW}.project_phases"), &rows).await?;
    ddl::run(connection, &phases.index_in(SHADOW)).await?;
    Ok(rows)
}

/// Checks the rows of the built tables, after the functions that this calls.
pub(super) async fn check_rows(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
) -> Result<(), MigratorError> {
    refuse_foreign_code(connection, Access::Build).await?;
    for table in &prepared.old {
        ddl::run(connection, &table.validate_in(SHADOW)).await?;
    }
    Ok(())
}

/// The fold's rows, in their former order.
pub(super) fn legacy_rows(prepared: &PreparedRollback) -> Vec<LegacyPhaseRow> {
    let mut rows: Vec<_> = prepared.log.timelines.values().flat_map(legacy_phases::rows).collect();
    rows.sort_by_key(|row| row.ordinal);
    rows
}

/// What changed since an inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChangeSince {
    /// Rows of these, which can be read again.
    Rows(&'static str),
    /// A definition, for which everything must be built again.
    Definition(String),
}

/// Changes since the last inspection. Only valid while writers are locked out.
pub(super) async fn changed(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    journal: &Journal,
) -> Result<Option<ChangeSince>, MigratorError> {
    for before in &prepared.current {
        if definition::capture(connection, "public", &before.name).await?.as_ref() != Some(before) {
            return Ok(Some(ChangeSince::Definition(format!("the definition of {}", before.name))));
        }
    }
    if shape::find(connection).await?.revision() != Some(TIMELINE_REVISION) {
        return Ok(Some(ChangeSince::Definition("alembic_version".to_owned())));
    }
    if !definition::obstacles(connection, &REBUILT, &prepared.current.each_ref()).await?.is_empty() {
        return Ok(Some(ChangeSince::Definition("dependent objects".to_owned())));
    }
    if log_gained(connection, prepared, journal).await? {
        return Ok(Some(ChangeSince::Rows("the log")));
    }
    for table in ["projects", "project_phases"] {
        if prepared.fingerprints.recheck(connection, table).await?.changed {
            return Ok(Some(ChangeSince::Rows(table)));
        }
    }
    Ok(None)
}

/// Whether the log gained events since it was read, but for the run's own beginning.
pub(super) async fn log_gained(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    journal: &Journal,
) -> Result<bool, MigratorError> {
    let known = prepared.log_read.log.position;
    let tip = schema::tip(connection).await?.position;
    Ok(tip != journal.position.max(known) || (known != journal.after && known < journal.position))
}

/// Fails unless every restored row was built. Runs under the lock, so that the numbers cannot change.
pub(super) async fn check_built(
    connection: &mut PgConnection,
    plan: &RollbackPlan,
    built: u64,
    assignments: u64,
) -> Result<(), MigratorError> {
    let phases: i64 = sqlx::query_scalar(&format!("SELECT count(*) FROM {SHADOW}.project_phases"))
        .fetch_one(connection)
        .await?;
    if phases.unsigned_abs() == plan.phases && built == assignments {
        return Ok(());
    }
    Err(MigratorError::SelfCheck(format!(
        "{phases} of {} phases and {built} of {assignments} assignments were built",
        plan.phases
    )))
}
