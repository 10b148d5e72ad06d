//! All drift, of rows and of whole projects, each with its remedy.

use super::{DatesToFollow, Drift, DriftKind, LiveTable, differences};
use crate::live_row::LiveRow;
use crate::planner_view::{ProjectDates, project_dates};
use crate::{Access, FoldedLog, refuse_foreign_code};
use chrono::NaiveDate;
use phaseline_domain::ProjectId;
use phaseline_store::StoreError;
use phaseline_store::progress::{Progress, Silent};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A difference from the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Finding {
    /// A row of `project_phases`.
    Row(Drift),
    /// A project as a whole.
    Project(ProjectDrift),
}

/// A project that differs from the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectDrift {
    /// The project.
    pub project_id: ProjectId,
    /// The difference.
    pub kind: ProjectDriftKind,
}

/// The kind of a project's difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ProjectDriftKind {
    /// The log has an open timeline, `public.projects` has no such project.
    ProjectGone {
        /// Rows that it still has in `project_phases`, past its foreign key.
        rows: Vec<LiveRow>,
    },
    /// `public.projects` has other dates than the timeline.
    ProjectDates {
        /// The dates in the log.
        log: String,
        /// The dates in the table.
        table: String,
        /// Whether the phases can follow: then the next command takes the dates in.
        can_follow: bool,
    },
    /// Neither the log nor `project_phases` has a phase of a project in `public.projects`.
    ProjectWithoutPhases,
}

/// The remedy of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The log is written into the table: `phaseline drift --repair`.
    Repair,
    /// The log adopts the rows: `phaseline adopt`.
    Adopt,
    /// The project gets a default phase: `phaseline adopt --repair`.
    AdoptRepair,
    /// The timeline is closed: by the service, by the project's next command, or by `phaseline adopt`.
    Close,
    /// None is needed: the project's next command takes its dates in.
    NextCommand,
    /// None is needed: another program saved a row without a change.
    None,
    /// A complete list of phases over the project's dates, or other dates: the phases cannot follow.
    Reschedule,
}

impl Finding {
    /// The project.
    pub const fn project_id(&self) -> ProjectId {
        match self {
            Self::Row(drift) => drift.project_id,
            Self::Project(drift) => drift.project_id,
        }
    }

    /// Whether it is a note only: the planner did what it may do, and the log will take it in.
    pub fn is_note(&self) -> bool {
        matches!(self.remedy(), Remedy::Close | Remedy::NextCommand | Remedy::None)
    }

    /// The remedy of a finding.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Row(Drift { kind: DriftKind::UnknownProject, .. }) => Remedy::Adopt,
            Self::Row(Drift { kind: DriftKind::SavedLater { .. }, .. }) => Remedy::None,
            Self::Row(_) => Remedy::Repair,
            Self::Project(drift) => match drift.kind {
                ProjectDriftKind::ProjectGone { ref rows } if rows.is_empty() => Remedy::Close,
                ProjectDriftKind::ProjectGone { .. } => Remedy::Repair,
                ProjectDriftKind::ProjectDates { can_follow: true, .. } => Remedy::NextCommand,
                ProjectDriftKind::ProjectDates { can_follow: false, .. } => Remedy::Reschedule,
                ProjectDriftKind::ProjectWithoutPhases => Remedy::AdoptRepair,
            },
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let drift = match self {
            Self::Row(drift) => return drift.fmt(f),
            Self::Project(drift) => drift,
        };
        write!(f, "project {}: ", drift.project_id)?;
        match &drift.kind {
            ProjectDriftKind::ProjectGone { rows } if rows.is_empty() => {
                write!(f, "was deleted from public.projects; its timeline in the log is still open")
            }
            ProjectDriftKind::ProjectGone { rows } => write!(
                f,
                "has a timeline in the log, but is not in public.projects, and still has {} in project_phases",
                match rows.len() {
                    1 => "1 row".to_owned(),
                    rows => format!("{rows} rows"),
                }
            ),
            ProjectDriftKind::ProjectDates { log, table, can_follow } => {
                write!(f, "is {table} in public.projects, ")?;
                let dates: Vec<Option<NaiveDate>> = table.split(" to ").map(|day| day.parse().ok()).collect();
                match dates.as_slice() {
                    [Some(_), Some(_)] if *can_follow => write!(f, "{log} in the log"),
                    [Some(_), Some(_)] => write!(f, "{log} in the log, and its phases cannot follow"),
                    _ => write!(f, "which is not a range of dates, {log} in the log"),
                }
            }
            ProjectDriftKind::ProjectWithoutPhases => {
                write!(f, "has no phase, neither in project_phases nor in the log")
            }
        }
    }
}

/// All differences from the log, by project; of some projects only, if requested; never of timelines in quarantine. Reads the tables in
/// several statements: for a consistent result call it in the snapshot of the log's fold, or under the log's lock. Does not depend on the
/// session's settings.
pub async fn find_drift(
    connection: &mut PgConnection,
    log: &FoldedLog,
    only: Option<&[ProjectId]>,
) -> Result<Vec<Finding>, StoreError> {
    find_drift_watched(connection, log, only, &Silent).await
}

/// The same, with progress of the current step: of the rows that the log expects.
pub async fn find_drift_watched(
    connection: &mut PgConnection,
    log: &FoldedLog,
    only: Option<&[ProjectId]>,
    progress: &dyn Progress,
) -> Result<Vec<Finding>, StoreError> {
    let expected = log.timelines.values().map(|folded| folded.timeline.phases().len() as u64).sum::<u64>();
    let read = |rows: u64| progress.advance(rows.min(expected));
    if only.is_none() {
        progress.total(expected);
    }
    refuse_foreign_code(connection, Access::Read).await?;
    let only: Option<HashSet<ProjectId>> = only.map(|only| only.iter().copied().collect());
    let dates = project_dates(connection, only.as_ref()).await?;
    let requested = |project: &ProjectId| {
        only.as_ref().is_none_or(|only| only.contains(project)) && !log.quarantined.contains_key(project)
    };
    let gone =
        |project: &ProjectId| requested(project) && log.knows(*project) && !dates.contains_key(project);
    let live = LiveTable::read(connection, log, only.as_ref(), &gone, read).await?;
    if only.is_none() {
        progress.advance(expected);
    }
    let away = gone_holders(connection, &live, requested).await?;
    Ok(all_findings(log, &dates, requested, &away, live))
}

/// The differences of the requested projects, whose dates these are, by project and phase. Deleted projects that are `away` were not
/// requested.
pub(super) fn all_findings(
    log: &FoldedLog,
    dates: &BTreeMap<ProjectId, ProjectDates>,
    requested: impl Fn(&ProjectId) -> bool,
    away: &HashSet<ProjectId>,
    mut live: LiveTable<'_>,
) -> Vec<Finding> {
    let gone =
        |project: &ProjectId| requested(project) && log.knows(*project) && !dates.contains_key(project);
    let with_rows: HashSet<ProjectId> = live.others.iter().map(|row| row.project_id).collect();
    let mut left: HashMap<ProjectId, Vec<LiveRow>> = HashMap::new();
    // A deleted project is one finding, with its rows.
    for row in live.others.extract_if(.., |row| gone(&row.project_id)) {
        left.entry(row.project_id).or_default().push(row);
    }
    let rows = differences(
        log,
        |project| requested(project) && !gone(project),
        |project| gone(project) || away.contains(project),
        live,
    );
    let to_follow = DatesToFollow::among(log, dates);
    let rows = to_follow.explain(rows);
    let mut findings: Vec<Finding> = rows.into_iter().map(Finding::Row).collect();
    for (project_id, folded) in log.timelines.iter().filter(|(project, _)| requested(project)) {
        let Some(range) = folded.timeline.range() else { continue };
        let kind = match dates.get(project_id) {
            None => {
                let mut rows = left.remove(project_id).unwrap_or_default();
                rows.sort_by_key(|row| row.id);
                ProjectDriftKind::ProjectGone { rows }
            }
            Some(dates) if dates.range() == Some(range) => continue,
            Some(dates) => ProjectDriftKind::ProjectDates {
                log: range.to_string(),
                table: dates.to_string(),
                can_follow: to_follow.contains(*project_id),
            },
        };
        findings.push(Finding::Project(ProjectDrift { project_id: *project_id, kind }));
    }
    let bare = dates.keys().filter(|project| !log.knows(**project) && !with_rows.contains(project));
    findings.extend(bare.map(|project| {
        Finding::Project(ProjectDrift { project_id: *project, kind: ProjectDriftKind::ProjectWithoutPhases })
    }));
    findings.sort_by_key(|finding| match finding {
        Finding::Project(drift) => (drift.project_id, None),
        Finding::Row(drift) => (drift.project_id, Some(drift.phase_id)),
    });
    findings
}

/// Deleted projects that were not requested, but have rows under a requested one.
async fn gone_holders(
    connection: &mut PgConnection,
    live: &LiveTable<'_>,
    requested: impl Fn(&ProjectId) -> bool,
) -> Result<HashSet<ProjectId>, StoreError> {
    let holder = |row: &LiveRow| live.folded.get(&row.id).map(|(folded, _)| folded.project_id);
    let mut holders: HashSet<ProjectId> =
        live.others.iter().filter_map(holder).filter(|project| !requested(project)).collect();
    if !holders.is_empty() {
        let there = project_dates(connection, Some(&holders)).await?;
        holders.retain(|project| !there.contains_key(project));
    }
    Ok(holders)
}
