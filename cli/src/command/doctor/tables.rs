//! Checks of the planner's tables: shape and privileges.

use super::report::DoctorReport;
use phaseline_migrator::anomaly::Code;
use phaseline_migrator::shape::{self, FoundShape, LEGACY_REVISION, Shape, TIMELINE_REVISION};
use phaseline_migrator::{MigratorError, definition, status};
use phaseline_projections::planner_schema::{find_changes, in_words};
use sqlx::{Connection, PgConnection};

/// The schema where runs build tables: inside a transaction, so other sessions never see it.
const SHADOW: &str = "phaseline_shadow";

pub(super) async fn check(report: &mut DoctorReport, connection: &mut PgConnection) {
    let shape = match shape::find(connection).await {
        Ok(found) => {
            let revisions =
                if found.revisions.is_empty() { "none".to_owned() } else { found.revisions.join(", ") };
            let expected = match found.shape {
                Shape::Legacy => Some(LEGACY_REVISION),
                Shape::Timelines => Some(TIMELINE_REVISION),
                Shape::Unknown => None,
            };
            match expected {
                None => report.fail(
                    "shape",
                    format!("{}; missing: {}", found.shape, found.missing.join(", ")),
                    "Connect to the planner's database, or fill an empty one with a sample: phaseline sample",
                ),
                Some(_)
                    if found.revision() == Some(TIMELINE_REVISION) || found.newer_revision().is_some() =>
                {
                    check_columns(report, connection, &found).await;
                }
                Some(expected) if found.revision() == Some(expected) => {
                    report.ok("shape", format!("{}, revision {expected}", found.shape));
                }
                Some(expected) => report.fail(
                    "shape",
                    format!("{}, but alembic_version holds {revisions}, not {expected}", found.shape),
                    "Find out who changed tables or revision; restore a backup, or set the revision of the tables.",
                ),
            }
            found.shape
        }
        Err(error) => {
            report.unchecked("shape", error);
            Shape::Unknown
        }
    };
    if shape != Shape::Unknown {
        match missing_privileges(connection).await {
            Ok(missing) if missing.is_empty() => {
                report.ok("privileges", "this role may migrate and roll back")
            }
            Ok(missing) => report.warn(
                "privileges",
                format!("this role may not migrate or roll back: {}", missing.join("; ")),
                "Grant them, or migrate as the tables' owner. Plan, verify and status need SELECT only.",
            ),
            Err(error) => report.unchecked("privileges", error),
        }
        match phaseline_projections::ownership(connection).await {
            Ok(found) if found.dangers.is_empty() => report.ok("owners", found.to_string()),
            Ok(found) => {
                report.warn("owners", found.to_string(), format!("Dangerous: {}.", found.dangers.join("; ")));
            }
            Err(error) => report.unchecked("owners", error),
        }
    }
    match sqlx::query_scalar::<_, bool>(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)",
    )
    .bind(SHADOW)
    .fetch_one(&mut *connection)
    .await
    {
        Ok(true) => report.fail(
            "leftovers",
            format!("schema {SHADOW} exists, which no run of phaseline leaves behind"),
            format!("Check its contents, then run: DROP SCHEMA {SHADOW} CASCADE"),
        ),
        Ok(false) => {}
        Err(error) => report.unchecked("leftovers", error),
    }
    match status::status(connection).await {
        Ok(status) => match status.running {
            Some(holder) => {
                report.warn("runs", format!("one is in progress: {holder}"), "Wait until it ends.")
            }
            None => report.ok("runs", "none in progress"),
        },
        Err(error) => report.unchecked("runs", error),
    }
}

/// The columns that the timeline shape needs: a planner that was upgraded past the last known revision may lack some.
async fn check_columns(report: &mut DoctorReport, connection: &mut PgConnection, found: &FoundShape) {
    let revision = match found.newer_revision() {
        Some(newer) => format!("revision {newer}, newer than the last known one, {TIMELINE_REVISION}"),
        None => format!("revision {TIMELINE_REVISION}"),
    };
    match find_changes(connection).await.map(|changes| in_words(&changes)) {
        Ok(None) => report.ok("shape", format!("{}, {revision}", found.shape)),
        Ok(Some(changes)) => report.fail(
            "shape",
            format!("{}, {revision}: {changes}", found.shape),
            Code::PlannerSchemaChanged.remedy(),
        ),
        Err(error) => report.unchecked("shape", error),
    }
}

async fn missing_privileges(connection: &mut PgConnection) -> Result<Vec<String>, MigratorError> {
    let mut transaction = connection.begin().await?;
    let mut tables = Vec::new();
    for table in ["project_phases", "resource_assignments"] {
        tables.extend(definition::capture(&mut transaction, "public", table).await?);
    }
    let tables: Vec<_> = tables.iter().collect();
    let missing = definition::missing_privileges(&mut transaction, None, SHADOW, &tables).await?;
    transaction.rollback().await?;
    Ok(missing.iter().map(ToString::to_string).collect())
}
