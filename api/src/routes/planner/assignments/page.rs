//! Some assignments of a project, by day and id.

use crate::problem::Problem;
use crate::routes::phase::{Assignment, isoformat};
use crate::routes::read;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use phaseline_domain::{PhaseId, ProjectId};
use sqlx::PgPool;
use uuid::Uuid;

/// The days of a project that are asked for, as texts as they stand in the table; both ends included.
#[derive(Debug)]
pub(super) struct Days {
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
    pub(super) fn of(assignment: &Assignment) -> Self {
        Self { day: assignment.assignment_date.clone().unwrap_or_default(), id: assignment.id }
    }

    /// Where the next page of a phase's assignments begins, opaque to clients.
    pub(super) fn cursor(&self, phase: PhaseId) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}.{}", phase.uuid().simple(), self.day, self.id.simple()))
    }

    /// What a cursor says, if it is one of this phase.
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

/// The next assignments behind one, at most so many.
pub(super) async fn read(
    pool: &PgPool,
    days: &Days,
    after: Option<&Last>,
    most: usize,
) -> Result<Vec<Assignment>, Box<Problem>> {
    #[derive(sqlx::FromRow)]
    struct Row {
        id: Uuid,
        resource_id: Uuid,
        assignment_date: Option<String>,
        allocation_percentage: Option<String>,
        capital_percentage: Option<String>,
        expense_percentage: Option<String>,
        created_at: Option<String>,
        updated_at: Option<String>,
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT a.id, a.resource_id,
                pg_catalog.to_json(a.assignment_date) OPERATOR(pg_catalog.#>>) '{}' AS assignment_date,
                a.allocation_percentage::text AS allocation_percentage, a.capital_percentage::text AS capital_percentage,
                a.expense_percentage::text AS expense_percentage,
                pg_catalog.to_json(a.created_at) OPERATOR(pg_catalog.#>>) '{}' AS created_at,
                pg_catalog.to_json(a.updated_at) OPERATOR(pg_catalog.#>>) '{}' AS updated_at
           FROM phaseline.assignments_of($1, $2::text::date, $3::text::date, $4::text::date, $5, $6) a",
    )
    .bind(days.project.uuid())
    .bind(&days.first)
    .bind(&days.last)
    .bind(after.map(|last| last.day.as_str()))
    .bind(after.map(|last| last.id))
    .bind(i32::try_from(most).unwrap_or(i32::MAX))
    .fetch_all(pool)
    .await
    .map_err(read::problem)?;
    let listed = rows.into_iter().map(|row| Assignment {
        id: row.id,
        resource_id: row.resource_id,
        project_id: days.project,
        assignment_date: row.assignment_date,
        allocation_percentage: row.allocation_percentage,
        capital_percentage: row.capital_percentage,
        expense_percentage: row.expense_percentage,
        created_at: row.created_at.map(isoformat),
        updated_at: row.updated_at.map(isoformat),
    });
    Ok(listed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_holds_for_its_own_phase_only() {
        let (phase, other) = (PhaseId::from(Uuid::from_u128(1)), PhaseId::from(Uuid::from_u128(2)));
        for day in ["2024-02-29", "infinity"] {
            let last = Last { day: day.to_owned(), id: Uuid::from_u128(3) };
            let again = Last::of_cursor(&last.cursor(phase), phase).unwrap();
            assert_eq!((again.day, again.id), (last.day.clone(), last.id));
            assert!(Last::of_cursor(&last.cursor(phase), other).is_none());
        }
        for odd in ["", "x", &URL_SAFE_NO_PAD.encode("1.2.3")] {
            assert!(Last::of_cursor(odd, phase).is_none(), "{odd}");
        }
        let last = Last { day: "tomorrow".to_owned(), id: Uuid::from_u128(3) };
        assert!(Last::of_cursor(&last.cursor(phase), phase).is_none());
    }
}
