//! Sentences for the events of all streams but timelines. They use few fields of the payloads: whether an event has all others is
//! checked where it is used.

use crate::repair::DRIFT_REPAIR;
use phaseline_domain::ProjectId;
use phaseline_store::skip::{self, SKIPPED_EVENTS};
use phaseline_store::unreadable::metadata_fault;
use phaseline_store::{RecordedEvent, UnreadableEvent};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeSet, HashMap};

/// The stream type of the links of a project's assignments.
pub(super) const LEGACY_LINKS: &str = "LegacyLinks";
/// The known schema version of these events.
const VERSION: i32 = 1;

#[derive(Deserialize)]
struct Started {
    direction: String,
    program: String,
    host: String,
}

#[derive(Deserialize)]
struct CompletedMigration {
    counts: MigratedRows,
}

#[derive(Deserialize)]
struct MigratedRows {
    projects: u64,
    phases: u64,
    assignments: u64,
}

#[derive(Deserialize)]
struct WrittenRows {
    digests: HashMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct AcceptedLoss {
    digest: String,
}

#[derive(Deserialize)]
struct RolledBackRows {
    phases: u64,
    assignments: u64,
}

#[derive(Deserialize)]
struct FailedRun {
    outcome: String,
    error: String,
}

#[derive(Deserialize)]
struct AssignmentLinks {
    links: Vec<LinksOfPhase>,
}

#[derive(Deserialize)]
struct LinksOfPhase {
    assignment_ids: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct RepairedDifferences {
    #[serde(default)]
    differences: Vec<IgnoredAny>,
    #[serde(default)]
    missing_rows: Option<u64>,
}

/// What an event says, in a sentence; or why it cannot be read.
pub(super) fn words(event: &RecordedEvent) -> Result<String, String> {
    if let Some(error) = &event.metadata_error {
        return Err(metadata_fault(error));
    }
    if event.schema_version != VERSION {
        return Err(format!("{} of schema version {} is not known", event.event_type, event.schema_version));
    }
    match (event.stream_type.as_str(), event.event_type.as_str()) {
        ("Log", "LogOpened") => Ok("log opened".to_owned()),
        (LEGACY_LINKS, "LegacyAssignmentsLinked") => {
            let linked: AssignmentLinks = payload(event)?;
            let assignments = linked.links.iter().map(|link| link.assignment_ids.len() as u64).sum();
            let phases = plural(linked.links.len() as u64, "phase");
            Ok(format!("links of {} to {phases} recorded", plural(assignments, "assignment")))
        }
        (DRIFT_REPAIR, "DriftRepaired") => {
            let repaired: RepairedDifferences = payload(event)?;
            let rows = repaired.differences.len() as u64 + repaired.missing_rows.unwrap_or_default();
            Ok(format!("drift repaired: {} of the planner's tables", plural(rows, "difference")))
        }
        (SKIPPED_EVENTS, _) => {
            let mark = skip::decode(event).map_err(|found| UnreadableEvent::clone(&found).fault)?;
            Ok(format!(
                "event at position {} ({}, version {}) left out: {}",
                mark.position, mark.event_type, mark.version, mark.fault
            ))
        }
        ("MigrationRun", event_type) => run(event, event_type),
        (stream_type, event_type) => Err(format!("{event_type} of a stream {stream_type} is not known")),
    }
}

/// The projects of a repair's differences; none if it counts differences without their projects, or cannot be read.
pub(super) fn repaired_projects(payload: &str) -> Option<BTreeSet<ProjectId>> {
    #[derive(Deserialize)]
    struct OfProject {
        project_id: ProjectId,
    }
    #[derive(Deserialize)]
    struct Named {
        differences: Vec<OfProject>,
        missing_rows: Option<u64>,
    }
    let named: Named = serde_json::from_str(payload).ok()?;
    let is_counted = named.missing_rows.is_some();
    (!is_counted).then(|| named.differences.into_iter().map(|difference| difference.project_id).collect())
}

/// The sentence for a run's event.
fn run(event: &RecordedEvent, event_type: &str) -> Result<String, String> {
    Ok(match event_type {
        "RunStarted" => {
            let Started { direction, program, host } = payload(event)?;
            format!("run began: {direction}, on {host}, by version {program} of the program")
        }
        "LegacySchemaRecorded" => "definitions of the legacy shape recorded".to_owned(),
        "MigrationCompleted" => {
            let CompletedMigration { counts: MigratedRows { projects, phases, assignments } } =
                payload(event)?;
            let (projects, phases) = (plural(projects, "project"), plural(phases, "phase"));
            format!("migration completed: {projects}, {phases}, {}", plural(assignments, "assignment"))
        }
        "LegacyRowsWritten" => {
            let WrittenRows { digests } = payload(event)?;
            format!("digests of the legacy rows of {} recorded", plural(digests.len() as u64, "project"))
        }
        "LossAccepted" => {
            let AcceptedLoss { digest } = payload(event)?;
            format!("loss accepted: {digest}")
        }
        "RollbackCompleted" => {
            let RolledBackRows { phases, assignments } = payload(event)?;
            format!("rollback completed: {}, {}", plural(phases, "phase"), plural(assignments, "assignment"))
        }
        "RunFailed" => {
            let FailedRun { outcome, error } = payload(event)?;
            format!("run ended without effect ({outcome}): {error}")
        }
        other => return Err(format!("{other} of a run is not known")),
    })
}

fn payload<T: for<'de> Deserialize<'de>>(event: &RecordedEvent) -> Result<T, String> {
    serde_json::from_str(&event.payload)
        .map_err(|error| format!("payload of {} cannot be read: {error}", event.event_type))
}

fn plural(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
