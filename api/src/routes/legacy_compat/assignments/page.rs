//! Some assignments of a project, by day and id.

use crate::problem::{Problem, of_read};
use crate::routes::responses::{AssignmentResponse, isoformat};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::planner_view;
use phaseline_store::Sessions;
use uuid::Uuid;

/// The number of assignments that one query reads: some 180 kB of the response.
pub(super) const CHUNK: usize = 500;

/// Dates of a project, both included, in the text form of the table.
#[derive(Debug)]
pub(super) struct AssignmentDates {
    pub(super) project: ProjectId,
    pub(super) first: String,
    pub(super) last: String,
}

/// The last assignment of a page.
#[derive(Debug)]
pub(super) struct Last {
    day: String,
    id: Uuid,
}

impl Last {
    pub(super) fn of(assignment: &AssignmentResponse) -> Self {
        Self { day: assignment.assignment_date.clone().unwrap_or_default(), id: assignment.id }
    }

    /// Where the next page of a phase's assignments begins, opaque to clients.
    pub(super) fn cursor(&self, phase: PhaseId) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}.{}", phase.uuid().simple(), self.day, self.id.simple()))
    }

    /// Reads a cursor of this phase.
    pub(super) fn of_cursor(cursor: &str, phase: PhaseId) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let mut parts = text.split('.');
        let (of, day, id) = (parts.next()?, parts.next()?, parts.next()?);
        let is_ours = of == phase.uuid().simple().to_string() && parts.next().is_none();
        let is_day = matches!(day, "infinity" | "-infinity") || day.parse::<chrono::NaiveDate>().is_ok();
        (is_ours && is_day).then_some(())?;
        Some(Self { day: day.to_owned(), id: id.parse().ok()? })
    }
}

/// The next assignments behind one, at most `limit`.
pub(super) async fn read(
    sessions: &Sessions,
    dates: &AssignmentDates,
    after: Option<&Last>,
    limit: usize,
) -> Result<Vec<AssignmentResponse>, Box<Problem>> {
    let after = after.map(|last| (last.day.as_str(), last.id));
    let rows = planner_view::assignments(sessions, dates.project, [&dates.first, &dates.last], after, limit)
        .await
        .map_err(of_read)?;
    let listed = rows.into_iter().map(|row| AssignmentResponse {
        id: row.id,
        resource_id: row.resource_id,
        project_id: dates.project,
        assignment_date: row.assignment_date,
        allocation_percentage: row.allocation_percentage,
        capital_percentage: row.capital_percentage,
        expense_percentage: row.expense_percentage,
        created_at: row.created_at.map(isoformat),
        updated_at: row.updated_at.map(isoformat),
        resource_name: (),
        project_name: (),
        program_name: (),
        phase_name: (),
    });
    Ok(listed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_valid_for_its_own_phase_only() {
        let (phase, other) = (PhaseId::from(Uuid::from_u128(1)), PhaseId::from(Uuid::from_u128(2)));
        for day in ["2024-02-29", "infinity"] {
            let last = Last { day: day.to_owned(), id: Uuid::from_u128(3) };
            let read = Last::of_cursor(&last.cursor(phase), phase).unwrap();
            assert_eq!((read.day, read.id), (last.day.clone(), last.id));
            assert!(Last::of_cursor(&last.cursor(phase), other).is_none());
        }
        for odd in ["", "x", &URL_SAFE_NO_PAD.encode("1.2.3")] {
            assert!(Last::of_cursor(odd, phase).is_none(), "{odd}");
        }
        let last = Last { day: "tomorrow".to_owned(), id: Uuid::from_u128(3) };
        assert!(Last::of_cursor(&last.cursor(phase), phase).is_none());
    }
}
