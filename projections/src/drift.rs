//! Drift: differences between the planner's tables and the log.

mod dates_to_follow;
mod listed;
mod project;

pub use dates_to_follow::DatesToFollow;
pub use listed::{DriftedProject, find_drift_among};
pub use project::{Finding, ProjectDrift, ProjectDriftKind, Remedy, find_drift, find_drift_watched};

use crate::live_row::LiveRow;
use crate::planner_view::{self, FEW};
use crate::project_phases::FoldedRow;
use crate::{Access, FoldedLog, PhaseRow, project_phases, refuse_foreign_code};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::StoreError;
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

/// The positions of the two ids among the columns.
const ID: usize = 4;
const PROJECT_ID: usize = 0;

/// Rows between two reports of progress.
const REPORT_EVERY: u64 = 4096;

/// One difference between a live row and the fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The project.
    pub project_id: ProjectId,
    /// The phase.
    pub phase_id: PhaseId,
    /// The difference.
    pub kind: DriftKind,
    /// The whole row, where the log has no phase to compare it with, or one for several rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<LiveRow>,
}

/// The kind of a row's difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DriftKind {
    /// The log has the phase, the table has not.
    Missing,
    /// The table has a row of a phase that the log does not have, of a project that the log has.
    Unknown,
    /// The table has a row of a project that the log does not have.
    UnknownProject,
    /// A column has another value.
    Field {
        /// The column.
        column: &'static str,
        /// The value in the log.
        log: String,
        /// The value in the table.
        table: String,
    },
    /// Only `updated_at` differs, and is later: another program saved the row without a change. A note, not drift.
    SavedLater {
        /// The value in the log.
        log: String,
        /// The value in the table.
        table: String,
    },
    /// The table has the phase more than once, which is possible only without its primary key: this is one of the rows.
    Duplicate,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "phase {} of project {}: ", self.phase_id, self.project_id)?;
        match &self.kind {
            DriftKind::Missing => write!(f, "in the log, but not in project_phases"),
            DriftKind::Unknown => write!(f, "in project_phases, but not in the log"),
            DriftKind::UnknownProject => {
                write!(f, "in project_phases, but the log does not know the project")
            }
            DriftKind::Field { column, log, table } => {
                write!(f, "{column} is {table} in project_phases, {log} in the log")
            }
            DriftKind::SavedLater { log, table } => {
                write!(
                    f,
                    "saved without a change at {table} by another program; the log's last change is of {log}"
                )
            }
            DriftKind::Duplicate => write!(f, "more than once in project_phases"),
        }
    }
}

/// Every difference between the live rows and the fold, by project and phase, but for timelines in quarantine. Does not depend on the session's settings.
pub async fn compare_rows(connection: &mut PgConnection, log: &FoldedLog) -> Result<Vec<Drift>, StoreError> {
    compare_rows_watched(connection, log, |_| ()).await
}

/// The same; `read` gets the number of rows read so far, from time to time.
pub async fn compare_rows_watched(
    connection: &mut PgConnection,
    log: &FoldedLog,
    read: impl Fn(u64) + Send,
) -> Result<Vec<Drift>, StoreError> {
    refuse_foreign_code(connection, Access::Read).await?;
    let live = LiveTable::read(connection, log, None, |_| false, read).await?;
    Ok(differences(log, |project| !log.quarantined.contains_key(project), |_| false, live))
}

/// The state of the comparison of a row of the fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowState {
    /// No row was found yet.
    NotFound,
    /// An equal row was found.
    Equal,
    /// A row that differs, that was requested, or that is a second one: it is among the others.
    ReadAgain,
}

/// The live table compared with the fold.
struct LiveTable<'a> {
    /// The fold's rows.
    folded: HashMap<PhaseId, (FoldedRow<'a>, RowState)>,
    /// The rows that differ from the fold in any byte, and the requested ones.
    others: Vec<LiveRow>,
}

impl<'a> LiveTable<'a> {
    /// Reads the live rows; of some projects only, if requested: rows with their ids, and rows of the phases that the log has for
    /// them, under any project. Most rows are equal to the fold: all are compared as bytes while they are read, and only those that
    /// differ, or belong to a project in `whole`, are read again with their values.
    async fn read(
        connection: &mut PgConnection,
        log: &'a FoldedLog,
        only: Option<&HashSet<ProjectId>>,
        whole: impl Fn(&ProjectId) -> bool,
        read: impl Fn(u64),
    ) -> Result<Self, StoreError> {
        let few = only.filter(|only| only.len() <= FEW).map(|only| {
            let phases = only
                .iter()
                .filter_map(|project| log.timelines.get(project))
                .flat_map(|folded| folded.timeline.phases())
                .map(|phase| phase.id);
            (only.iter().copied().collect(), phases.collect())
        });
        let requested = |project: ProjectId| only.is_none_or(|only| only.contains(&project));
        let mut folded: HashMap<PhaseId, (FoldedRow<'a>, RowState)> = log
            .timelines
            .values()
            .flat_map(FoldedRow::of)
            .map(|row| (row.id(), (row, RowState::NotFound)))
            .collect();
        let mut others = Vec::new();
        let mut nameless = false;
        let mut rows = 0;
        planner_view::read_stored_rows(connection, few, |row| {
            rows += 1;
            if rows % REPORT_EVERY == 0 {
                read(rows);
            }
            let Some(id) = row.nullable_uuid(ID)? else {
                nameless = true;
                return Ok(());
            };
            let stored_project = row.nullable_uuid(PROJECT_ID)?.unwrap_or_default();
            let known = folded.get_mut(&id.into());
            if !requested(stored_project.into())
                && !known.as_ref().is_some_and(|(row, _)| requested(row.project_id))
            {
                return Ok(());
            }
            match known {
                Some((expected, state))
                    if *state == RowState::NotFound
                        && expected.matches(&row)
                        && !whole(&expected.project_id) =>
                {
                    *state = RowState::Equal;
                }
                known => {
                    // Without a primary key an id may occur twice: then all its rows are compared.
                    if let Some((_, state)) = known {
                        *state = RowState::ReadAgain;
                    }
                    others.push(id.into());
                }
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        let mut table = Self { folded, others: Vec::new() };
        if nameless || !others.is_empty() {
            table.others = planner_view::live_rows(connection, &others).await?;
        }
        Ok(table)
    }
}

/// The differences between the live rows and the fold, for the requested projects and every phase with a row among them. Projects
/// that are `gone` can have no rows: there the log must change.
fn differences(
    log: &FoldedLog,
    requested: impl Fn(&ProjectId) -> bool,
    gone: impl Fn(&ProjectId) -> bool,
    table: LiveTable<'_>,
) -> Vec<Drift> {
    let mut live: HashMap<PhaseId, Vec<LiveRow>> = HashMap::with_capacity(table.others.len());
    for row in table.others {
        live.entry(row.id).or_default().push(row);
    }
    let mut drift = Vec::new();
    let differing = table.folded.values().filter(|(_, state)| *state != RowState::Equal);
    for (row, _) in differing.filter(|(row, _)| !gone(&row.project_id)) {
        match live.remove(&row.id()) {
            Some(rows) => match rows.as_slice() {
                [only] => drift.extend(fields(&row.row(), only)),
                _ => drift.extend(rows.into_iter().map(|live| Drift {
                    project_id: row.project_id,
                    phase_id: row.id(),
                    kind: DriftKind::Duplicate,
                    row: Some(live),
                })),
            },
            None if requested(&row.project_id) => drift.push(Drift {
                project_id: row.project_id,
                phase_id: row.id(),
                kind: DriftKind::Missing,
                row: None,
            }),
            None => {}
        }
    }
    // A row of a timeline in quarantine may be under any project, and cannot be compared yet.
    let held = log.quarantined_phases();
    let strays =
        live.into_values().flatten().filter(|row| requested(&row.project_id) && !held.contains(&row.id));
    drift.extend(strays.map(|row| {
        let known = log.knows(row.project_id);
        Drift {
            project_id: row.project_id,
            phase_id: row.id,
            kind: if known { DriftKind::Unknown } else { DriftKind::UnknownProject },
            row: Some(row),
        }
    }));
    drift.sort_by_key(|found| (found.project_id, found.phase_id));
    drift
}

fn fields(row: &PhaseRow, live: &LiveRow) -> Vec<Drift> {
    project_phases::COLUMNS
        .iter()
        .zip(row.texts())
        .zip(live.values())
        .filter(|((column, log), table)| log != *table || live.unreadable().contains(*column))
        .map(|((column, log), table)| Drift {
            project_id: row.project_id,
            phase_id: row.id,
            kind: DriftKind::Field {
                column,
                log: log.unwrap_or_else(|| "NULL".to_owned()),
                table: table.clone().unwrap_or_else(|| "NULL".to_owned()),
            },
            row: None,
        })
        .collect()
}
