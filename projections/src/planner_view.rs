//! All reads of the planner's tables in this crate: for a service by functions of schema `phaseline`, since its role has no rights on
//! the tables; for runs, directly.
//!
//! Values are texts, as in the tables: rows of other programs may have any value.

mod assignment_counts;
mod assignment_days;
mod deletions;
mod named_projects;
mod project_dates;
mod project_rows;
mod projects;
mod stored_rows;

pub use assignment_counts::{DatesOfProject, assignment_counts};
pub use assignment_days::{AssignmentDays, assignment_days};
pub use deletions::{DeletedPart, find_deleted_part};
pub(crate) use deletions::{deleted_among, find_deletion};
pub(crate) use named_projects::{NameQuery, NamedProject, may_call, named_projects};
pub use named_projects::{ProjectName, are_names_readable, count_projects, project_names};
pub(crate) use project_dates::FEW;
pub use project_dates::{ProjectDates, project_dates};
pub(crate) use project_rows::{
    ProjectRows, dates_as_text, project_with_rows, projects_with_rows, rows_of_projects,
};
pub use projects::{
    EntityNames, IdRange, ListedProject, Match, list_projects, matching_named_projects, matching_phases,
    matching_projects, names_of, phases_of_project,
};
pub(crate) use stored_rows::{count_rows, live_rows, read_stored_rows};

use phaseline_domain::{DateRange, PhaseId, ProjectId};
use phaseline_store::{Parameter, Sessions, Statement, StoreError, stream};
use serde::Deserialize;
use sqlx::{FromRow, PgConnection, Row};
use uuid::Uuid;

/// A project with its phases at one moment.
#[derive(Clone, Debug)]
pub struct ProjectView<P> {
    /// The project.
    pub project: ProjectId,
    /// Its stream's version; 0 if the log does not have it.
    pub version: i64,
    /// The position of its last event; 0 if there is none.
    pub position: i64,
    /// Its first and last day in `public.projects`.
    pub dates: [Option<String>; 2],
    /// Its phases by start date.
    pub phases: Vec<P>,
}

impl<P> ProjectView<P> {
    /// The project's dates, if they can be parsed.
    pub fn range(&self) -> Option<DateRange> {
        project_dates::range_of(&self.dates)
    }
}

/// A row of `project_phases`.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct PlannerPhase {
    pub id: PhaseId,
    pub project_id: ProjectId,
    pub name: Option<String>,
    pub start_date: Option<String>,
    pub end_date: Option<String>,
    pub description: Option<String>,
    pub capital_budget: Option<String>,
    pub expense_budget: Option<String>,
    pub total_budget: Option<String>,
    /// Assignments of the project on the dates of the phase.
    pub assignment_count: i64,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

/// A row of `resource_assignments`.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "the columns of the table")]
pub struct PlannerAssignment {
    pub id: Uuid,
    pub resource_id: Uuid,
    pub assignment_date: Option<String>,
    pub allocation_percentage: Option<String>,
    pub capital_percentage: Option<String>,
    pub expense_percentage: Option<String>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

/// A project and its phases as JSON, for [`parse`], which may take long for many phases; none if the log accepts no commands.
pub async fn project_json(sessions: &Sessions, project: ProjectId) -> Result<Option<String>, sqlx::Error> {
    let query = "SELECT phaseline.phases_of($1)::pg_catalog.text";
    let rows = sessions.execute(&Statement::new(query, [Parameter::Uuid(project.uuid())])).await?;
    rows.first().map_or(Ok(None), |row| row.try_get(0))
}

/// Reads the JSON of [`project_json`]; none if there is no such project. `phase` converts a row, with the stream's version.
///
/// # Errors
/// The JSON is not of that form.
pub fn parse<P>(
    project: ProjectId,
    json: &str,
    phase: impl Fn(PlannerPhase, i64) -> P,
) -> Result<Option<ProjectView<P>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Document {
        version: i64,
        position: i64,
        dates: Option<[Option<String>; 2]>,
        rows: Vec<PlannerPhase>,
    }
    let Document { version, position, dates, rows } = serde_json::from_str(json)?;
    Ok(dates.map(|dates| ProjectView {
        project,
        version,
        position,
        dates,
        phases: rows.into_iter().map(|row| phase(row, version)).collect(),
    }))
}

/// The project of a phase that the table has.
pub async fn project_of(
    connection: &mut PgConnection,
    phase: PhaseId,
) -> Result<Option<ProjectId>, sqlx::Error> {
    let project: Option<Uuid> = sqlx::query_scalar("SELECT phaseline.project_of($1)")
        .bind(phase.uuid())
        .fetch_one(connection)
        .await?;
    Ok(project.map(ProjectId::from))
}

/// The project of a present or past phase, among those that are visible: of its row in the table, else one whose timeline has or
/// had it. A missing and an invisible phase cause the same queries, so that the duration reveals no more than the result.
pub async fn past_project_of(
    connection: &mut PgConnection,
    phase: PhaseId,
    is_visible: impl Fn(ProjectId) -> bool,
) -> Result<Option<ProjectId>, StoreError> {
    let current = project_of(connection, phase).await?;
    if let Some(project) = current.filter(|project| is_visible(*project)) {
        return Ok(Some(project));
    }
    let holders = stream::holders(connection, &[phase]).await?;
    Ok(holders.into_iter().find(|project| is_visible(*project)))
}

/// Whether the planner's tables have a project, and phases of a project. Needs SELECT on both tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct ProjectPresence {
    /// `public.projects` has its row.
    pub is_in_projects: bool,
    /// `public.project_phases` has rows of the project.
    pub has_phases: bool,
}

/// Reads the tables themselves, for a role with that right.
pub async fn presence_of(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<ProjectPresence, sqlx::Error> {
    sqlx::query_as(
        "SELECT EXISTS (SELECT FROM public.projects WHERE id = $1) AS is_in_projects,
                EXISTS (SELECT FROM public.project_phases WHERE project_id = $1) AS has_phases",
    )
    .bind(project.uuid())
    .fetch_one(connection)
    .await
}

/// The assignments of a project on the dates from the first to the last, both included, by date and id: at most `limit` of those
/// behind `after`.
pub async fn assignments(
    sessions: &Sessions,
    project: ProjectId,
    [first, last]: [&str; 2],
    after: Option<(&str, Uuid)>,
    limit: usize,
) -> Result<Vec<PlannerAssignment>, sqlx::Error> {
    let mut session = sessions.begin().await?;
    let rows = sqlx::query_as(
        "SELECT a.id, a.resource_id,
                pg_catalog.to_json(a.assignment_date) OPERATOR(pg_catalog.#>>) '{}' AS assignment_date,
                a.allocation_percentage::text AS allocation_percentage, a.capital_percentage::text AS capital_percentage,
                a.expense_percentage::text AS expense_percentage,
                pg_catalog.to_json(a.created_at) OPERATOR(pg_catalog.#>>) '{}' AS created_at,
                pg_catalog.to_json(a.updated_at) OPERATOR(pg_catalog.#>>) '{}' AS updated_at
           FROM phaseline.assignments_of($1, $2::text::date, $3::text::date, $4::text::date, $5, $6) a",
    )
    .bind(project.uuid())
    .bind(first)
    .bind(last)
    .bind(after.map(|(date, _)| date))
    .bind(after.map(|(_, id)| id))
    .bind(i32::try_from(limit).unwrap_or(i32::MAX))
    .persistent(session.keeps_statements())
    .fetch_all(&mut *session)
    .await;
    session.end(rows)
}
