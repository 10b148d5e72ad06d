//! A database in the timeline shape: migrated already, to be taken over, or of a planner that is newer than this program.
//!
//! A newer revision that changed other tables only is accepted: all needed columns must be there, and for a takeover `project_phases`
//! must have no others. A rollback from it is refused, since the planner's revision could not follow.

use super::inspection::MigrationInspection;
use super::privileges::missing_service_privileges;
use super::takeover;
use crate::anomaly::{Code, Findings};
use crate::error::MigratorError;
use crate::report::{Plan, PlanOptions};
use crate::shape::{FoundShape, TIMELINE_REVISION};
use phaseline_projections::planner_schema::{ChangeKind, find_changes};
use phaseline_projections::project_phases;
use sqlx::PgConnection;

/// Inspects inside the caller's transaction. `plan` has the results so far.
pub(super) async fn inspect(
    connection: &mut PgConnection,
    options: &PlanOptions,
    mut plan: Plan,
    found: &FoundShape,
) -> Result<MigrationInspection, MigratorError> {
    let mut findings = Findings::default();
    let foreign = takeover::foreign(connection).await?;
    note_changes(connection, found, foreign.is_some(), &mut findings).await?;
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(MigrationInspection::Report(Box::new(plan)));
    }
    plan.notes.extend(found.note_on_newer());
    let Some(foreign) = foreign else {
        plan.lacks_later(missing_service_privileges(connection, options.role.as_deref()).await?);
        plan.ready = true;
        return Ok(MigrationInspection::Report(Box::new(plan)));
    };
    if options.adopt_migrated {
        let takeover = takeover::prepare_takeover(connection, options, plan, found).await?;
        return Ok(MigrationInspection::Takeover(Box::new(takeover)));
    }
    plan.takeover = true;
    findings.note(Code::MigratedByTheOriginal, "database", "public", foreign);
    plan.anomalies = findings.into_anomalies();
    Ok(MigrationInspection::Report(Box::new(plan)))
}

/// Notes what the planner's tables lack, and a newer revision as the possible cause. Before a takeover from a newer revision columns of
/// `project_phases` that this program does not know are noted, too.
async fn note_changes(
    connection: &mut PgConnection,
    found: &FoundShape,
    takes_over: bool,
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for change in find_changes(connection).await? {
        let id = match &change.column {
            Some(column) => format!("public.{}.{column}", change.table),
            None => format!("public.{}", change.table),
        };
        // A takeover of the known revision has checks of its own, beyond the needs of a running service.
        if found.newer_revision().is_some() || change.kind == ChangeKind::Missing {
            let detail = change.to_string();
            let detail = detail.strip_prefix(&id).map_or(detail.as_str(), str::trim_start).to_owned();
            findings.note(Code::PlannerSchemaChanged, "column", id, detail);
        }
    }
    let Some(revision) = found.newer_revision() else { return Ok(()) };
    if takes_over {
        let unknown: Vec<String> = sqlx::query_scalar(
            "SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = 'public.project_phases'::regclass AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attname <> ALL ($1) ORDER BY a.attnum",
        )
        .bind(project_phases::COLUMNS.map(String::from).to_vec())
        .fetch_all(connection)
        .await?;
        for column in unknown {
            let id = format!("public.project_phases.{column}");
            if !findings.names(&id) {
                findings.note(
                    Code::PlannerSchemaChanged,
                    "column",
                    id,
                    "is new, and this program does not know it",
                );
            }
        }
    }
    if findings.refused() {
        let detail = format!("holds {revision}, which came after {TIMELINE_REVISION}");
        findings.note(Code::NewerRevision, "alembic_version", "version_num", detail);
    }
    Ok(())
}
