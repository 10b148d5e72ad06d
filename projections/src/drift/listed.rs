//! Drift of the projects of a list, for a service: its role has no rights on the planner's tables, and reads each project's rows by a
//! function of schema `phaseline`.

use super::project::all_findings;
use super::{Finding, LiveTable, RowState};
use crate::FoldedLog;
use crate::planner_view::{ProjectDates, rows_of_projects};
use crate::project_phases::FoldedRow;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::timeline_states::{ProjectSelection, SelectedStates, changed_between, each_at};
use phaseline_store::{StoreError, schema};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How often a project is compared that commands change meanwhile.
const ATTEMPTS: usize = 3;

/// A project that differs from the log, or whose events are not the recorded ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftedProject {
    /// The differences; none if events are not the recorded ones, since the log's side is unknown then.
    pub findings: Vec<Finding>,
    /// The positions of events that cannot be read.
    pub unreadable: Vec<i64>,
    /// The positions of the first events that were altered after they were recorded.
    pub altered: Vec<i64>,
    /// Whether commands changed it during each comparison, so that it was not compared.
    pub is_busy: bool,
}

/// Those of these projects that differ from the log at its end. All their events are read and compared with their hashes. A row that
/// another program gave to a project that is not among these is missing here.
///
/// # Errors
/// [`StoreError::NotAccepting`] while the log accepts no commands; [`StoreError::VersionGap`] if the log is damaged; the database's own.
pub async fn find_drift_among(
    connection: &mut PgConnection,
    projects: &[ProjectId],
) -> Result<BTreeMap<ProjectId, DriftedProject>, StoreError> {
    let mut found = BTreeMap::new();
    let mut projects = projects.to_vec();
    for _ in 0..ATTEMPTS {
        if projects.is_empty() {
            return Ok(found);
        }
        let position = schema::tip(connection).await?.position;
        let mut compared = compare(connection, &projects, position).await?;
        // In a snapshot none; else the rows may be those after a command, and the timeline that before it.
        let tip = schema::tip(connection).await?.position;
        let changed = match tip > position {
            true => changed_between(connection, position, tip).await?,
            false => Vec::new(),
        };
        let changed: HashSet<ProjectId> = changed.into_iter().collect();
        compared.retain(|project, _| !changed.contains(project));
        found.extend(compared);
        projects.retain(|project| changed.contains(project));
    }
    found.extend(
        projects.into_iter().map(|project| (project, DriftedProject { is_busy: true, ..Default::default() })),
    );
    Ok(found)
}

async fn compare(
    connection: &mut PgConnection,
    projects: &[ProjectId],
    position: i64,
) -> Result<BTreeMap<ProjectId, DriftedProject>, StoreError> {
    let mut found: BTreeMap<ProjectId, DriftedProject> = BTreeMap::new();
    let mut streams = Vec::with_capacity(projects.len());
    let selection = ProjectSelection::These(projects.to_vec());
    each_at(connection, &selection, position, SelectedStates::None, |stream| {
        let (unreadable, altered) = (stream.unreadable(), stream.altered.positions().to_vec());
        if !unreadable.is_empty() || !altered.is_empty() {
            let damaged = DriftedProject { unreadable, altered, ..DriftedProject::default() };
            found.insert(stream.project, damaged);
        }
        streams.push(stream);
        Ok(())
    })
    .await?;
    let log = FoldedLog::of_streams(position, streams);
    let mut dates = BTreeMap::new();
    let mut others = Vec::new();
    for project in rows_of_projects(connection, projects).await? {
        dates.extend(project.dates.map(|dates| (project.project_id, ProjectDates::of(dates))));
        others.extend(project.rows);
    }
    let rows = log.timelines.values().flat_map(FoldedRow::of);
    let folded: HashMap<PhaseId, (FoldedRow<'_>, RowState)> =
        rows.map(|row| (row.id(), (row, RowState::NotFound))).collect();
    let among: HashSet<ProjectId> = projects.iter().copied().collect();
    let requested = |project: &ProjectId| among.contains(project) && !found.contains_key(project);
    let live = LiveTable { folded, others };
    for finding in all_findings(&log, &dates, requested, &HashSet::new(), live) {
        let project = finding.project_id();
        if among.contains(&project) {
            found.entry(project).or_default().findings.push(finding);
        }
    }
    Ok(found)
}
