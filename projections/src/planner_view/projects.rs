//! Finds projects and phases by names, cost centres and id prefixes. In both shapes; needs SELECT on the
//! planner's tables.

use super::{NameQuery, NamedProject, named_projects};
use phaseline_domain::{PhaseId, ProjectId};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Connection, FromRow, PgConnection, Row};
use std::collections::HashMap;
use uuid::Uuid;

/// The first and the last id with the same prefix.
pub type IdRange = [Uuid; 2];

/// A project of the planner, in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedProject {
    /// The project.
    pub project_id: ProjectId,
    /// Its name.
    pub name: Option<String>,
    /// Its cost centre.
    pub cost_center: Option<String>,
    /// Its first day.
    pub start_date: Option<String>,
    /// Its last day, inclusive.
    pub end_date: Option<String>,
    /// The number of its phases.
    pub phases: i64,
    /// The sum of their budgets; none without phases.
    pub total_budget: Option<String>,
}

impl FromRow<'_, PgRow> for ListedProject {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            project_id: row.try_get::<Uuid, _>("id")?.into(),
            name: row.try_get("name")?,
            cost_center: row.try_get("cost_center")?,
            start_date: row.try_get("start_date")?,
            end_date: row.try_get("end_date")?,
            phases: row.try_get("phases")?,
            total_budget: row.try_get("total_budget")?,
        })
    }
}

/// The projects by name: all, or those with this text in name or cost centre, or with it as a prefix of their ids.
pub async fn list_projects(
    connection: &mut PgConnection,
    filter: Option<&str>,
) -> Result<Vec<ListedProject>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.id, p.name::text AS name, p.cost_center_code::text AS cost_center,
                to_json(p.start_date) #>> '{}' AS start_date, to_json(p.end_date) #>> '{}' AS end_date,
                coalesce(ph.phases, 0) AS phases, ph.total_budget::text AS total_budget
           FROM public.projects p
           LEFT JOIN (SELECT project_id, count(*) AS phases, sum(total_budget) AS total_budget
                        FROM public.project_phases GROUP BY project_id) ph ON ph.project_id = p.id
          WHERE $1::text IS NULL OR strpos(lower(p.name), lower($1)) > 0
             OR strpos(lower(p.cost_center_code), lower($1)) > 0 OR starts_with(p.id::text, lower($1))
          ORDER BY lower(p.name), p.id",
    )
    .bind(filter)
    .fetch_all(connection)
    .await
}

/// A project or phase that a text may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<Id> {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Option<String>,
    /// Of a project its cost centre.
    pub cost_center: Option<String>,
}

impl<Id: From<Uuid>> FromRow<'_, PgRow> for Match<Id> {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get::<Uuid, _>("id")?.into(),
            name: row.try_get("name")?,
            cost_center: row.try_get("cost_center")?,
        })
    }
}

/// The projects with this name or cost centre, in any case, or with an id in the range; by name.
pub async fn matching_projects(
    connection: &mut PgConnection,
    text: &str,
    range: Option<IdRange>,
) -> Result<Vec<Match<ProjectId>>, sqlx::Error> {
    sqlx::query_as(
        "SELECT p.id, p.name::text AS name, p.cost_center_code::text AS cost_center
           FROM public.projects p
          WHERE lower(p.name) = lower($1) OR lower(p.cost_center_code) = lower($1) OR p.id BETWEEN $2 AND $3
          ORDER BY lower(p.name), p.id",
    )
    .bind(text)
    .bind(range.map(|[first, _]| first))
    .bind(range.map(|[_, last]| last))
    .fetch_all(connection)
    .await
}

/// The same by the function for names, for a role without SELECT on the table that may call it.
pub async fn matching_named_projects(
    connection: &mut PgConnection,
    text: &str,
    range: Option<IdRange>,
) -> Result<Vec<Match<ProjectId>>, sqlx::Error> {
    let wanted = text.to_lowercase();
    let query = NameQuery { search: Some(text), ..NameQuery::default() };
    let is = |value: &Option<String>| value.as_ref().is_some_and(|value| value.to_lowercase() == wanted);
    let mut found = named_projects(connection, query).await?;
    found.retain(|project| {
        let has_prefix = range.is_some_and(|[first, last]| (first..=last).contains(&project.id));
        has_prefix || is(&project.name) || is(&project.cost_center)
    });
    let matches = found.into_iter().map(|NamedProject { id, name, cost_center, .. }| Match {
        id: id.into(),
        name,
        cost_center,
    });
    Ok(matches.collect())
}

/// The phases with an id in the range; of one project those with this name, in any case, too.
pub async fn matching_phases(
    connection: &mut PgConnection,
    named: Option<(ProjectId, &str)>,
    range: Option<IdRange>,
) -> Result<Vec<Match<PhaseId>>, sqlx::Error> {
    let project = named.map(|(project, _)| project.uuid());
    sqlx::query_as(
        "SELECT ph.id, ph.name::text AS name, NULL::text AS cost_center
           FROM public.project_phases ph
          WHERE ($1::uuid IS NULL OR ph.project_id = $1) AND (lower(ph.name) = lower($2) OR ph.id BETWEEN $3 AND $4)
          ORDER BY ph.start_date, ph.id",
    )
    .bind(project)
    .bind(named.map(|(_, name)| name))
    .bind(range.map(|[first, _]| first))
    .bind(range.map(|[_, last]| last))
    .fetch_all(connection)
    .await
}

/// The phases of a project, by date.
pub async fn phases_of_project(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<Vec<Match<PhaseId>>, sqlx::Error> {
    sqlx::query_as(
        "SELECT ph.id, ph.name::text AS name, NULL::text AS cost_center
           FROM public.project_phases ph WHERE ph.project_id = $1 ORDER BY ph.start_date, ph.id",
    )
    .bind(project.uuid())
    .fetch_all(connection)
    .await
}

/// The names of projects and phases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityNames {
    /// Those of projects.
    pub projects: HashMap<Uuid, String>,
    /// Those of phases; in the legacy shape their types.
    pub phases: HashMap<Uuid, String>,
}

/// The names of the projects and phases among these ids. Does not wait for sessions that lock the tables, as a run does.
pub async fn names_of(connection: &mut PgConnection, ids: &[Uuid]) -> Result<EntityNames, sqlx::Error> {
    // Behind a pooler, an error must not end the caller's transaction.
    let mut attempt = connection.begin().await?;
    let found = try_names_of(&mut attempt, ids).await;
    attempt.rollback().await?;
    found
}

async fn try_names_of(connection: &mut PgConnection, ids: &[Uuid]) -> Result<EntityNames, sqlx::Error> {
    sqlx::query("SELECT set_config('lock_timeout', '100ms', true)").execute(&mut *connection).await?;
    // Which of both columns a phase has depends on the shape.
    let found: Vec<(Uuid, bool, Option<String>)> = sqlx::query_as(
        "SELECT p.id, true, p.name::text FROM public.projects p WHERE p.id = ANY ($1)
          UNION ALL
         SELECT ph.id, false, coalesce(to_jsonb(ph) ->> 'name', to_jsonb(ph) ->> 'phase_type')
           FROM public.project_phases ph WHERE ph.id = ANY ($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let mut names = EntityNames::default();
    for (id, is_project, name) in found {
        let Some(name) = name else { continue };
        if is_project {
            names.projects.insert(id, name)
        } else {
            names.phases.insert(id, name)
        };
    }
    Ok(names)
}
