//! Projects that the planner deleted with their phases: their timelines in the log are still open, and will be closed.

use crate::{FoldedLog, planner_view};
use phaseline_domain::ProjectId;
use phaseline_store::close::close_deleted;
use phaseline_store::{InlineProjection, StoreError};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

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
    let deleted = planner_view::deleted_among(connection, open).await?;
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
