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
