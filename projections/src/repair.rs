//! Repair: makes the planner's tables agree with the log, after recording the overwritten values in the log.

use crate::altered::refuse_altered_findings;
use crate::drift::{DriftKind, Finding, ProjectDriftKind, Remedy, find_drift};
use crate::{Access, FoldedLog, PhaseRow, bulk_insert, project_phases, refuse_foreign_code, row_writer};
use chrono::{DateTime, Utc};
use phaseline_domain::event::TimelineClosed;
use phaseline_domain::{PhaseId, ProjectId, TimelineEvent};
use phaseline_store::progress::{Progress, Silent};
use phaseline_store::{Import, Metadata, NewEvent, StoreError, StreamId, stream};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The stream type of repairs; each repair has its own stream.
pub const DRIFT_REPAIR: &str = "DriftRepair";
/// The greatest number of differences per event, which limits the size of events.
const DIFFERENCES_PER_EVENT: usize = 1000;

/// `DriftRepaired`: the repaired differences. Very many missing rows, such as all, are counted instead of listed: no value is
/// overwritten, and the log has the rows.
#[derive(Debug, Serialize)]
struct DriftRepaired<'a> {
    differences: &'a [&'a Finding],
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_rows: Option<u64>,
}

/// The result of a repair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// The repair's stream in the log; none if there was nothing to repair.
    pub repair_id: Option<Uuid>,
    /// The log's last position.
    pub position: i64,
    /// Rows that were missing in the table.
    pub inserted: u64,
    /// Rows with other values.
    pub updated: u64,
    /// Rows that the log does not have.
    pub deleted: u64,
    /// Closed timelines of deleted projects.
    pub closed: u64,
    /// The repaired findings, as found under the lock.
    pub findings: Vec<Finding>,
    /// The remaining findings of these projects, with other remedies.
    pub left: Vec<Finding>,
    /// Events that others appended since the log was read; they are included.
    pub caught_up: u64,
    /// The compared projects.
    pub compared: BTreeSet<ProjectId>,
}

/// Makes the rows of these projects agree with the log, and closes the timelines of deleted ones, in one short transaction that compares
/// everything again under the locks. `log` is an earlier fold, which is brought up to date. Commands wait meanwhile, and events that
/// they wrote before are included. The caller has compared the events of these projects with their hashes
/// ([`refuse_altered_findings`]), on the snapshot of the fold: a repair of many projects would hold the lock for it.
///
/// # Errors
/// [`StoreError::NotAccepting`] in the legacy shape; [`StoreError::SelfCheck`] if the written rows differ from the intended ones, such
/// as by a trigger; the database's own. Then nothing was written.
pub async fn repair(
    connection: &mut PgConnection,
    log: &mut FoldedLog,
    projects: &[ProjectId],
    metadata: &Metadata,
) -> Result<Repaired, StoreError> {
    let wanted = |finding: &Finding| matches!(finding.remedy(), Remedy::Repair | Remedy::Close);
    repair_where(connection, log, projects, metadata, wanted, &Silent).await
}

/// Repairs only the wanted findings. `progress` gets a note if readers will wait.
pub(crate) async fn repair_where(
    connection: &mut PgConnection,
    log: &mut FoldedLog,
    projects: &[ProjectId],
    metadata: &Metadata,
    wanted: impl Fn(&Finding) -> bool,
    progress: &dyn Progress,
) -> Result<Repaired, StoreError> {
    let mut transaction =
        connection.begin_with("BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE").await?;
    let connection = &mut *transaction;
    refuse_foreign_code(connection, Access::Write).await?;
    row_writer::lock(connection, projects, &phases_of(log, projects)).await?;
    let read = log.position;
    log.catch_up(connection).await?;
    let caught_up = (log.position - read).unsigned_abs();
    let compared: BTreeSet<ProjectId> = projects.iter().copied().collect();
    let (findings, left): (Vec<Finding>, Vec<Finding>) =
        find_drift(connection, log, Some(projects)).await?.into_iter().partition(&wanted);
    let elsewhere: Vec<Finding> =
        findings.iter().filter(|finding| !compared.contains(&finding.project_id())).cloned().collect();
    refuse_altered_findings(connection, log, &elsewhere, &Silent).await?;
    if findings.is_empty() {
        transaction.rollback().await?;
        return Ok(Repaired { position: log.position, left, caught_up, compared, ..Repaired::default() });
    }
    let repair_id = Uuid::now_v7();
    let writes = Writes::of(&findings, log);
    record(connection, log, repair_id, &findings, &writes.closed, metadata).await?;
    let deleted = row_writer::delete(connection, &writes.deleted).await?;
    let updated = row_writer::update(connection, &writes.updated).await?;
    let inserted = bulk_insert::insert(connection, &writes.inserted, progress).await?;
    // If only missing rows were written, and nothing else could change them, comparing the whole table again would take longer than writing
    // it, while readers wait for the commit.
    let left = if inserted.as_given && writes.deleted.is_empty() && writes.updated.is_empty() {
        left
    } else {
        compare_again(connection, log, projects, &findings, wanted).await?
    };
    transaction.commit().await?;
    Ok(Repaired {
        repair_id: Some(repair_id),
        position: log.position,
        inserted: inserted.rows,
        updated,
        deleted,
        closed: writes.closed.len() as u64,
        findings,
        left,
        caught_up,
        compared,
    })
}

/// Fails if a finding was not mended; returns those that are not wanted, or new.
async fn compare_again(
    connection: &mut PgConnection,
    log: &FoldedLog,
    projects: &[ProjectId],
    findings: &[Finding],
    wanted: impl Fn(&Finding) -> bool,
) -> Result<Vec<Finding>, StoreError> {
    // Rows that others added since the comparison are kept.
    let key = |finding: &Finding| match finding {
        Finding::Row(drift) => (drift.project_id, Some(drift.phase_id)),
        Finding::Project(drift) => (drift.project_id, None),
    };
    let set_right: BTreeSet<_> = findings.iter().map(key).collect();
    let (still, left): (Vec<Finding>, Vec<Finding>) = find_drift(connection, log, Some(projects))
        .await?
        .into_iter()
        .partition(|finding| wanted(finding) && set_right.contains(&key(finding)));
    if let Some(first) = still.first() {
        return Err(StoreError::SelfCheck(format!(
            "after the repair {} rows still differ from the log, so it was undone: a trigger or a rule on project_phases \
             changes what is written; the first: {first}",
            still.len()
        )));
    }
    Ok(left)
}

fn phases_of(log: &FoldedLog, projects: &[ProjectId]) -> Vec<PhaseId> {
    projects
        .iter()
        .filter_map(|project| log.timelines.get(project))
        .flat_map(|folded| folded.timeline.phases())
        .map(|phase| phase.id)
        .collect()
}

/// The rows to write and to delete.
#[derive(Debug, Default)]
struct Writes {
    deleted: Vec<PhaseId>,
    updated: Vec<PhaseRow>,
    inserted: Vec<PhaseRow>,
    closed: Vec<ProjectId>,
}

impl Writes {
    fn of(findings: &[Finding], log: &FoldedLog) -> Self {
        let mut writes = Self::default();
        let (mut missing, mut differing) = (BTreeSet::new(), BTreeSet::new());
        for finding in findings {
            match finding {
                Finding::Project(drift) => {
                    if let ProjectDriftKind::ProjectGone { rows } = &drift.kind {
                        writes.closed.push(drift.project_id);
                        writes.deleted.extend(rows.iter().map(|row| row.id));
                    }
                }
                Finding::Row(drift) => match drift.kind {
                    DriftKind::Missing => drop(missing.insert((drift.project_id, drift.phase_id))),
                    DriftKind::Field { .. } | DriftKind::SavedLater { .. } => {
                        let _ = differing.insert((drift.project_id, drift.phase_id));
                    }
                    DriftKind::Unknown => writes.deleted.push(drift.phase_id),
                    DriftKind::UnknownProject => {}
                    // Rows with the same id cannot be distinguished: all are deleted, and the right one is inserted.
                    DriftKind::Duplicate => {
                        writes.deleted.push(drift.phase_id);
                        missing.insert((drift.project_id, drift.phase_id));
                    }
                },
            }
        }
        writes.inserted = rows_of(log, &missing);
        writes.updated = rows_of(log, &differing);
        writes
    }
}

/// The log's rows for these phases.
fn rows_of(log: &FoldedLog, phases: &BTreeSet<(ProjectId, PhaseId)>) -> Vec<PhaseRow> {
    let projects: BTreeSet<ProjectId> = phases.iter().map(|(project, _)| *project).collect();
    projects
        .iter()
        .filter_map(|project| log.timelines.get(project))
        .flat_map(project_phases::rows)
        .filter(|row| phases.contains(&(row.project_id, row.id)))
        .collect()
}

/// Records the findings in the log, and closes the timelines of deleted projects.
async fn record(
    connection: &mut PgConnection,
    log: &mut FoldedLog,
    repair_id: Uuid,
    findings: &[Finding],
    closed: &[ProjectId],
    metadata: &Metadata,
) -> Result<(), StoreError> {
    let metadata = metadata.to_json()?;
    let stream = StreamId { stream_type: DRIFT_REPAIR, id: repair_id };
    let mut import = Import::begin(connection).await?;
    let is_missing =
        |finding: &&Finding| matches!(finding, Finding::Row(drift) if drift.kind == DriftKind::Missing);
    let missing = findings.iter().filter(is_missing).count();
    let counted = missing > DIFFERENCES_PER_EVENT;
    let listed: Vec<&Finding> = findings.iter().filter(|finding| !(counted && is_missing(finding))).collect();
    let mut missing_rows = counted.then_some(missing as u64);
    let mut chunks: Vec<&[&Finding]> = listed.chunks(DIFFERENCES_PER_EVENT).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    for (version, differences) in (1..).zip(chunks) {
        let payload =
            serde_json::to_string(&DriftRepaired { differences, missing_rows: missing_rows.take() })?;
        import.push(stream, version, &NewEvent::new("DriftRepaired", 1, payload), &metadata).await?;
    }
    for project in closed {
        let event = TimelineClosed { project_id: *project }.into();
        push(&mut import, log, *project, &event, &metadata).await?;
    }
    log.position = import.finish().await?.position;
    Ok(())
}

/// Appends one event to a project's timeline, in the log and in the fold.
pub(crate) async fn push(
    import: &mut Import<'_>,
    log: &mut FoldedLog,
    project: ProjectId,
    event: &TimelineEvent,
    metadata: &str,
) -> Result<(), StoreError> {
    let recorded_at: DateTime<Utc> = import.recorded_at();
    let folded = log.timelines.entry(project).or_default();
    let version = folded.version + 1;
    import.push(stream::stream_of(project), version, &NewEvent::timeline(event)?, metadata).await?;
    folded.apply(event, recorded_at.naive_utc());
    folded.version = version;
    folded.position = import.position();
    Ok(())
}
