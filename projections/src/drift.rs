//! Drift: where the live `project_phases` is not what the log says.

use crate::{FoldedLog, PhaseRow, project_phases};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::{StoreError, copy};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::HashMap;

/// One difference between a live row and the fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The project.
    pub project_id: ProjectId,
    /// The phase.
    pub phase_id: PhaseId,
    /// What differs.
    pub kind: DriftKind,
}

/// In which way a row differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DriftKind {
    /// The log has the phase, the table has not.
    Missing,
    /// The table has a row of a project that the log knows, but not this phase.
    Unknown,
    /// The table has a row of a project that the log does not know.
    UnknownProject,
    /// A column holds something else.
    Field {
        /// The column.
        column: &'static str,
        /// What the log says.
        log: String,
        /// What the table says.
        table: String,
    },
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
        }
    }
}

/// A row as the live table has it: as text, so that whatever stands there can be compared and shown.
#[derive(Debug)]
pub struct LiveRow {
    /// The columns in the table's order, see [`project_phases::COLUMNS`].
    values: Vec<Option<String>>,
}

/// Reads the live table.
pub async fn live_rows(
    connection: &mut PgConnection,
) -> Result<HashMap<PhaseId, (ProjectId, LiveRow)>, StoreError> {
    let query = "SELECT id, project_id, project_id::text, capital_budget::text, expense_budget::text, \
                 total_budget::text, id::text, created_at::text, updated_at::text, name::text, start_date::text, \
                 end_date::text, description::text FROM public.project_phases";
    let mut live = HashMap::new();
    copy::read(connection, query, |row| {
        let values = (2..13)
            .map(|index| Ok(row.nullable(index)?.map(|bytes| String::from_utf8_lossy(bytes).into_owned())))
            .collect::<Result<Vec<_>, copy::CopyError>>()?;
        live.insert(row.uuid(0)?.into(), (row.uuid(1)?.into(), LiveRow { values }));
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(live)
}

/// Every difference between the live table and the fold, by project and phase. The session must print dates in ISO
/// form, which is PostgreSQL's default.
pub async fn compare(connection: &mut PgConnection, log: &FoldedLog) -> Result<Vec<Drift>, StoreError> {
    let mut live = live_rows(connection).await?;
    let mut drift = Vec::new();
    for (project_id, folded) in &log.timelines {
        for row in project_phases::rows(folded) {
            match live.remove(&row.id) {
                None => {
                    drift.push(Drift { project_id: *project_id, phase_id: row.id, kind: DriftKind::Missing });
                }
                Some((_, live)) => drift.extend(fields(&row, &live)),
            }
        }
    }
    drift.extend(live.into_iter().map(|(phase_id, (project_id, _))| Drift {
        project_id,
        phase_id,
        kind: if log.timelines.contains_key(&project_id) {
            DriftKind::Unknown
        } else {
            DriftKind::UnknownProject
        },
    }));
    drift.sort_by_key(|found| (found.project_id, found.phase_id));
    Ok(drift)
}

fn fields<'a>(row: &'a PhaseRow, live: &'a LiveRow) -> impl Iterator<Item = Drift> + 'a {
    let expected = [
        Some(row.project_id.to_string()),
        Some(row.capital_budget.to_string()),
        Some(row.expense_budget.to_string()),
        Some(row.total_budget.to_string()),
        Some(row.id.to_string()),
        Some(timestamp_text(row.created_at)),
        Some(timestamp_text(row.updated_at)),
        Some(row.name.clone()),
        Some(row.start_date.to_string()),
        Some(row.end_date.to_string()),
        row.description.clone(),
    ];
    project_phases::COLUMNS
        .iter()
        .zip(expected)
        .zip(&live.values)
        .filter(|((_, log), table)| log != *table)
        .map(|((column, log), table)| Drift {
            project_id: row.project_id,
            phase_id: row.id,
            kind: DriftKind::Field {
                column,
                log: log.unwrap_or_else(|| "NULL".to_owned()),
                table: table.clone().unwrap_or_else(|| "NULL".to_owned()),
            },
        })
}

/// A timestamp as PostgreSQL prints it: fractions without trailing zeros.
pub fn timestamp_text(time: chrono::NaiveDateTime) -> String {
    let text = time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
