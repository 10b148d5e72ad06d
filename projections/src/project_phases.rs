//! `project_phases` in its new shape: what the users' backend reads.

use crate::FoldedTimeline;
use chrono::{NaiveDate, NaiveDateTime};
use phaseline_domain::{PhaseId, ProjectId};
use rust_decimal::Decimal;
use serde::Serialize;

/// One row; the fields are the table's columns, in the table's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the table's columns")]
pub struct PhaseRow {
    pub project_id: ProjectId,
    pub capital_budget: Decimal,
    pub expense_budget: Decimal,
    pub total_budget: Decimal,
    pub id: PhaseId,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub name: String,
    pub start_date: NaiveDate,
    pub end_date: NaiveDate,
    pub description: Option<String>,
}

impl PhaseRow {
    /// The values in the table's order, as PostgreSQL prints them; None is NULL.
    pub fn texts(&self) -> [Option<String>; 11] {
        [
            Some(self.project_id.to_string()),
            Some(self.capital_budget.to_string()),
            Some(self.expense_budget.to_string()),
            Some(self.total_budget.to_string()),
            Some(self.id.to_string()),
            Some(timestamp_text(self.created_at)),
            Some(timestamp_text(self.updated_at)),
            Some(self.name.clone()),
            Some(self.start_date.to_string()),
            Some(self.end_date.to_string()),
            self.description.clone(),
        ]
    }
}

/// A timestamp as PostgreSQL prints it: fractions without trailing zeros.
fn timestamp_text(time: NaiveDateTime) -> String {
    let text = time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The table's columns, in the table's order.
pub const COLUMNS: [&str; 11] = [
    "project_id",
    "capital_budget",
    "expense_budget",
    "total_budget",
    "id",
    "created_at",
    "updated_at",
    "name",
    "start_date",
    "end_date",
    "description",
];

/// A project's rows, in the order of its phases.
pub fn rows(folded: &FoldedTimeline) -> Vec<PhaseRow> {
    let Some(project_id) = folded.timeline.project() else {
        return Vec::new();
    };
    folded
        .timeline
        .phases()
        .iter()
        .filter_map(|phase| {
            let stamps = folded.stamps.get(&phase.id)?;
            Some(PhaseRow {
                project_id,
                capital_budget: phase.budget.capital().amount(),
                expense_budget: phase.budget.expense().amount(),
                total_budget: phase.budget.total().amount(),
                id: phase.id,
                created_at: stamps.created_at,
                updated_at: stamps.updated_at,
                name: phase.name.as_str().to_owned(),
                start_date: phase.range.start(),
                end_date: phase.range.end(),
                description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
            })
        })
        .collect()
}

/// Inserts rows into the table.
pub async fn insert(
    connection: &mut sqlx::PgConnection,
    rows: &[PhaseRow],
) -> Result<u64, phaseline_store::StoreError> {
    crate::table::insert(connection, rows).await
}
