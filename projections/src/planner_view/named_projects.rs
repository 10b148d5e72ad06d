//! Names and cost centres of projects, by a function of schema `phaseline`: a service and readers of the log have no rights on the
//! table.

use phaseline_domain::ProjectId;
use serde::Serialize;
use sqlx::{FromRow, PgConnection};
use std::collections::HashMap;
use uuid::Uuid;

/// What the planner calls a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProjectName {
    /// Its name.
    pub name: Option<String>,
    /// Its cost centre.
    pub cost_center: Option<String>,
}

/// A project in the order of names.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct NamedProject {
    /// Its id.
    pub(crate) id: Uuid,
    pub(crate) name: Option<String>,
    pub(crate) cost_center: Option<String>,
    /// What it is ordered by, before its id.
    pub(crate) sort_name: String,
}

impl From<NamedProject> for ProjectName {
    fn from(NamedProject { name, cost_center, .. }: NamedProject) -> Self {
        Self { name, cost_center }
    }
}

/// Which projects are found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NameQuery<'a> {
    /// Those with these ids; none for all.
    pub(crate) ids: Option<&'a [Uuid]>,
    /// Those with this text in name or cost centre, or as a prefix of their ids.
    pub(crate) search: Option<&'a str>,
    /// Those behind this name and id.
    pub(crate) after: Option<(&'a str, Uuid)>,
    /// At most so many.
    pub(crate) limit: Option<usize>,
}

/// Whether this session may read names.
pub async fn are_names_readable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    may_call(connection, "named_projects").await
}

/// Whether this session may call a function of schema `phaseline`. A newer one is missing in a database that was not upgraded.
pub(crate) async fn may_call(connection: &mut PgConnection, function: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT coalesce(pg_catalog.bool_or(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')), false)
           FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
          WHERE n.nspname = 'phaseline' AND p.proname = $1",
    )
    .bind(function)
    .fetch_one(connection)
    .await
}

/// The planner's projects by name and id.
pub(crate) async fn named_projects(
    connection: &mut PgConnection,
    query: NameQuery<'_>,
) -> Result<Vec<NamedProject>, sqlx::Error> {
    let limit = query.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    sqlx::query_as(
        "SELECT f.id, f.name, f.cost_center, f.sort_name FROM phaseline.named_projects($1, $2, $3, $4, $5) f",
    )
    .bind(query.ids)
    .bind(query.search)
    .bind(query.after.map(|(name, _)| name))
    .bind(query.after.map(|(_, id)| id))
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// The names of these projects as they are now; nothing for those that the planner does not have, and for a session that may not
/// read names.
pub async fn project_names(
    connection: &mut PgConnection,
    projects: &[ProjectId],
) -> Result<HashMap<ProjectId, ProjectName>, sqlx::Error> {
    if projects.is_empty() || !are_names_readable(connection).await? {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = projects.iter().map(|project| project.uuid()).collect();
    let found = named_projects(connection, NameQuery { ids: Some(&ids), ..NameQuery::default() }).await?;
    Ok(found.into_iter().map(|project| (project.id.into(), project.into())).collect())
}

/// The number of the planner's projects, or of those with these ids; none for a session that may not read names.
pub async fn count_projects(
    connection: &mut PgConnection,
    only: Option<&[Uuid]>,
) -> Result<Option<i64>, sqlx::Error> {
    if !are_names_readable(connection).await? {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT count(*) FROM phaseline.named_projects($1, NULL, NULL, NULL, NULL)")
        .bind(only)
        .fetch_one(connection)
        .await
        .map(Some)
}
