//! Checks of the planner's tables: shape and privileges.

use super::report::DoctorReport;
use phaseline_migrator::anomaly::Code;
use phaseline_migrator::definition::MissingPrivilege;
use phaseline_migrator::plan::missing_grants;
use phaseline_migrator::shape::{self, FoundShape, LEGACY_REVISION, Shape, TIMELINE_REVISION};
use phaseline_migrator::status;
use phaseline_projections::planner_schema::{self, find_changes};
use sqlx::PgConnection;

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
        privileges(report, connection).await;
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
    match find_changes(connection).await.map(|changes| planner_schema::in_words(&changes)) {
        Ok(None) => report.ok("shape", format!("{}, {revision}", found.shape)),
        Ok(Some(changes)) => report.fail(
            "shape",
            format!("{}, {revision}: {changes}", found.shape),
            Code::PlannerSchemaChanged.remedy(),
        ),
        Err(error) => report.unchecked("shape", error),
    }
}

/// The privileges for runs, and those for the steps beside them.
async fn privileges(report: &mut DoctorReport, connection: &mut PgConnection) {
    let missing = match missing_grants(connection).await {
        Ok(missing) => missing,
        Err(error) => return report.unchecked("privileges", error),
    };
    if missing.for_runs.is_empty() {
        report.ok("privileges", "this role may migrate and roll back");
    } else {
        let remedy =
            format!("{} Plan, verify and status need SELECT only.", for_an_administrator(&missing.for_runs));
        let reasons = in_words(&missing.for_runs);
        report.warn("privileges", format!("this role may not migrate or roll back: {reasons}"), remedy);
    }
    if !missing.for_other_steps.is_empty() {
        let remedy = for_an_administrator(&missing.for_other_steps);
        report.warn("other steps", in_words(&missing.for_other_steps), remedy);
    }
}

/// What the role cannot do; the statements are in the remedy.
fn in_words(missing: &[MissingPrivilege]) -> String {
    missing.iter().map(|missing| missing.reason.as_str()).collect::<Vec<_>>().join("; ")
}

fn for_an_administrator(missing: &[MissingPrivilege]) -> String {
    let mut statements: Vec<&str> = Vec::new();
    for MissingPrivilege { statement, .. } in missing {
        if !statements.contains(&statement.as_str()) {
            statements.push(statement);
        }
    }
    format!("An administrator of the database grants them: {}.", statements.join("; "))
}
