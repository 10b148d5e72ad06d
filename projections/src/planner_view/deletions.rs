//! Projects that the planner deleted.

use phaseline_domain::ProjectId;
use phaseline_store::{Metadata, SqlState, StoreError};
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// The result of the check of a part of the timelines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DeletedPart {
    /// The deleted projects among them.
    pub deleted: Vec<ProjectId>,
    /// Where the next part begins; none at the end.
    pub next: Option<ProjectId>,
}

/// Checks up to `most` timelines behind `after` for deleted projects. Needs no privileges on the planner's tables, only those of the
/// role `phaseline_writer`. Finds nothing while the log accepts no commands.
pub async fn find_deleted_part(
    connection: &mut PgConnection,
    after: Option<ProjectId>,
    most: i32,
) -> Result<DeletedPart, StoreError> {
    let json: Option<String> = sqlx::query_scalar("SELECT phaseline.deleted_projects($1, $2)::text")
        .bind(after.map(ProjectId::uuid))
        .bind(most)
        .fetch_one(connection)
        .await?;
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?.unwrap_or_default())
}

/// The metadata of the event that closes the timeline; none if the project, or a row of it, exists.
pub(crate) async fn find_deletion(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<Option<Metadata>, StoreError> {
    #[derive(Deserialize)]
    struct Deletion {
        actor: Option<Uuid>,
        at: Option<String>,
    }
    let found: Result<Option<String>, sqlx::Error> =
        sqlx::query_scalar("SELECT phaseline.deletion_of($1)::text")
            .bind(project.uuid())
            .fetch_one(connection)
            .await;
    let json = match found.map_err(StoreError::from) {
        Ok(json) => json,
        // A schema of an earlier build has no such function; `phaseline upgrade` adds it.
        Err(error) if error.sqlstate() == Some(SqlState::UndefinedFunction) => None,
        Err(error) => return Err(error),
    };
    let Some(Deletion { actor, at }) = json.map(|json| serde_json::from_str(&json)).transpose()? else {
        return Ok(None);
    };
    let reason = match at {
        Some(at) => format!("the planner deleted the project at {at}"),
        None => "the planner deleted the project".to_owned(),
    };
    Ok(Some(Metadata {
        actor: actor.map(|actor| actor.to_string()),
        reason: Some(reason),
        source: Some("planner".to_owned()),
        ..Metadata::default()
    }))
}

/// Those of these projects that have neither a row in `public.projects` nor one in `public.project_phases`. Needs SELECT on both tables.
pub(crate) async fn deleted_among(
    connection: &mut PgConnection,
    projects: Vec<Uuid>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT known.id FROM pg_catalog.unnest($1::pg_catalog.uuid[]) AS known (id)
          WHERE NOT EXISTS (SELECT FROM public.projects p WHERE p.id OPERATOR(pg_catalog.=) known.id)
            AND NOT EXISTS (SELECT FROM public.project_phases ph WHERE ph.project_id OPERATOR(pg_catalog.=) known.id)",
    )
    .bind(projects)
    .fetch_all(connection)
    .await
}
