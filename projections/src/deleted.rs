//! Projects that the planner deleted with their phases: their timelines in the log are still open, and will be closed.

use crate::FoldedLog;
use phaseline_domain::ProjectId;
use phaseline_store::close::close_deleted;
use phaseline_store::{InlineProjection, Metadata, SqlState, StoreError};
use serde::Deserialize;
use sqlx::PgConnection;
use std::collections::BTreeSet;
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
pub async fn find_part(
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

/// The projects with an open timeline that were deleted with all their phases, or of these the requested ones. Not those of timelines
/// in quarantine. Needs SELECT on the planner's tables.
pub async fn find_deleted(
    connection: &mut PgConnection,
    log: &FoldedLog,
    only: Option<&[ProjectId]>,
) -> Result<BTreeSet<ProjectId>, StoreError> {
    let requested = |project: &ProjectId| only.is_none_or(|only| only.contains(project));
    let open: Vec<Uuid> = log
        .timelines
        .iter()
        .filter(|(project, folded)| folded.timeline.project().is_some() && requested(project))
        .map(|(project, _)| project.uuid())
        .collect();
    let deleted: Vec<Uuid> = sqlx::query_scalar(
        "SELECT known.id FROM pg_catalog.unnest($1::pg_catalog.uuid[]) AS known (id)
          WHERE NOT EXISTS (SELECT FROM public.projects p WHERE p.id OPERATOR(pg_catalog.=) known.id)
            AND NOT EXISTS (SELECT FROM public.project_phases ph WHERE ph.project_id OPERATOR(pg_catalog.=) known.id)",
    )
    .bind(open)
    .fetch_all(connection)
    .await?;
    Ok(deleted.into_iter().map(ProjectId::from).collect())
}

/// Closes the timelines of these projects if they are still deleted, each in its own transaction; returns the closed ones.
pub async fn close_all(
    connection: &mut PgConnection,
    projection: &impl InlineProjection,
    projects: impl IntoIterator<Item = ProjectId>,
) -> Result<Vec<ProjectId>, StoreError> {
    let mut closed = Vec::new();
    for project in projects {
        if close_deleted(connection, projection, project).await? {
            closed.push(project);
        }
    }
    Ok(closed)
}
