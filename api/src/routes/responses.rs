//! Phases and assignments as responses show them.

use super::money::MoneyText;
use chrono::{NaiveDateTime, Timelike};
use phaseline_domain::{Phase, PhaseId, ProjectId};
use phaseline_projections::planner_view::PlannerPhase;
use phaseline_store::{FoldedTimeline, PhaseTimestamps};
use serde::Serialize;
use std::fmt::Write as _;
use utoipa::ToSchema;
use uuid::Uuid;

/// A phase of a project, with the values of the table that the planner's backend reads. A required value is null only if a constraint
/// of the table was dropped.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Phase, example = json!({
    "id": "512aa7fb-0df0-41f3-a690-f14b719e9e6c", "project_id": "1663d77b-214c-44eb-ac41-1b65d4a027b6", "name": "Planning",
    "start_date": "2024-01-01", "end_date": "2024-06-30", "description": null, "capital_budget": "50000.00",
    "expense_budget": "25000.00", "total_budget": "75000.00", "assignment_count": 12, "version": 7,
    "created_at": "2024-01-01T09:30:00", "updated_at": "2024-01-01T09:30:00.250000",
}))]
pub(crate) struct PhaseResponse {
    /// Its id.
    #[schema(value_type = Uuid)]
    pub(crate) id: PhaseId,
    /// Its project.
    #[schema(value_type = Uuid)]
    pub(crate) project_id: ProjectId,
    /// Its name.
    #[schema(value_type = String)]
    pub(crate) name: Option<String>,
    /// Its first date.
    #[schema(value_type = String, format = Date)]
    pub(crate) start_date: Option<String>,
    /// Its last date, included.
    #[schema(value_type = String, format = Date)]
    pub(crate) end_date: Option<String>,
    /// Its description.
    #[schema(required)]
    pub(crate) description: Option<String>,
    /// The capital part of its budget.
    #[schema(value_type = MoneyText)]
    pub(crate) capital_budget: Option<String>,
    /// The expense part of its budget.
    #[schema(value_type = MoneyText)]
    pub(crate) expense_budget: Option<String>,
    /// Its total budget.
    #[schema(value_type = MoneyText)]
    pub(crate) total_budget: Option<String>,
    /// The number of the project's assignments on its dates.
    pub(crate) assignment_count: i64,
    /// The version of the project's timeline, as in `ETag`.
    pub(crate) version: i64,
    /// When it was created (UTC).
    #[schema(value_type = String)]
    pub(crate) created_at: Option<String>,
    /// When it last changed (UTC).
    #[schema(value_type = String)]
    pub(crate) updated_at: Option<String>,
}

impl PhaseResponse {
    /// A row of the table.
    pub(crate) fn of_row(row: PlannerPhase, version: i64) -> Self {
        Self {
            id: row.id,
            project_id: row.project_id,
            name: row.name,
            start_date: row.start_date,
            end_date: row.end_date,
            description: row.description,
            capital_budget: row.capital_budget,
            expense_budget: row.expense_budget,
            total_budget: row.total_budget,
            assignment_count: row.assignment_count,
            version,
            created_at: row.created_at.map(isoformat),
            updated_at: row.updated_at.map(isoformat),
        }
    }

    /// A phase of a fold.
    fn of_fold(
        phase: &Phase,
        timestamps: &PhaseTimestamps,
        project: ProjectId,
        version: i64,
        assignment_count: i64,
    ) -> Self {
        Self {
            id: phase.id,
            project_id: project,
            name: Some(phase.name.as_str().to_owned()),
            start_date: Some(phase.range.start().to_string()),
            end_date: Some(phase.range.end().to_string()),
            description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
            capital_budget: Some(phase.budget.capital().to_string()),
            expense_budget: Some(phase.budget.expense().to_string()),
            total_budget: Some(phase.budget.total().to_string()),
            assignment_count,
            version,
            created_at: Some(time(timestamps.created_at)),
            updated_at: Some(time(timestamps.updated_at)),
        }
    }

    /// All phases of a fold with timestamps, in their order, with the number of assignments on the dates of each.
    pub(crate) fn all_of(
        folded: &FoldedTimeline,
        project: ProjectId,
        version: i64,
        counts: &[i64],
    ) -> Vec<Self> {
        let phases = folded.timeline.phases().iter().zip(counts);
        phases
            .filter_map(|(phase, count)| {
                Some(Self::of_fold(phase, folded.timestamps.get(&phase.id)?, project, version, *count))
            })
            .collect()
    }
}

/// An assignment of a resource to a project on one day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Assignment)]
pub(crate) struct AssignmentResponse {
    /// Its id.
    pub(crate) id: Uuid,
    /// The resource.
    pub(crate) resource_id: Uuid,
    /// Its project.
    #[schema(value_type = Uuid)]
    pub(crate) project_id: ProjectId,
    /// Its date.
    #[schema(value_type = String, format = Date)]
    pub(crate) assignment_date: Option<String>,
    /// The percentage of the day.
    #[schema(value_type = String, example = "50.00")]
    pub(crate) allocation_percentage: Option<String>,
    /// The capital percentage of that.
    #[schema(value_type = String, example = "60.00")]
    pub(crate) capital_percentage: Option<String>,
    /// The expense percentage of that.
    #[schema(value_type = String, example = "40.00")]
    pub(crate) expense_percentage: Option<String>,
    /// When it was created (UTC).
    #[schema(value_type = String)]
    pub(crate) created_at: Option<String>,
    /// When it last changed (UTC).
    #[schema(value_type = String)]
    pub(crate) updated_at: Option<String>,
    /// Null, as in the planner.
    #[schema(required, value_type = Option<String>)]
    pub(crate) resource_name: (),
    /// Null, as in the planner.
    #[schema(required, value_type = Option<String>)]
    pub(crate) project_name: (),
    /// Null, as in the planner.
    #[schema(required, value_type = Option<String>)]
    pub(crate) program_name: (),
    /// Null, as in the planner.
    #[schema(required, value_type = Option<String>)]
    pub(crate) phase_name: (),
}

/// A timestamp in the form of the planner: no zone, no fraction if it is zero, else six digits.
pub(crate) fn time(at: NaiveDateTime) -> String {
    let micros = at.nanosecond() / 1000;
    let mut text = String::with_capacity(26);
    // `format` would read a pattern each time.
    let _ = write!(text, "{}T{:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second());
    if micros != 0 {
        let _ = write!(text, ".{micros:06}");
    }
    text
}

/// Converts a timestamp from the JSON form of the database.
pub(crate) fn isoformat(text: String) -> String {
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{whole}.{fraction:0<6}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_or_none() {
        assert_eq!(isoformat("2024-01-01T09:30:00.25".to_owned()), "2024-01-01T09:30:00.250000");
        assert_eq!(isoformat("2024-01-01T09:30:00".to_owned()), "2024-01-01T09:30:00");
        assert_eq!(isoformat("infinity".to_owned()), "infinity");
        assert_eq!(time(NaiveDateTime::default()), "1970-01-01T00:00:00");
    }
}
