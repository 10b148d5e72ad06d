//! The phases of a project, and one phase.

use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::PlannerReadErrors;
use crate::routes::error::{PlannerError, RouteFailure};
use crate::routes::execute::no_project;
use crate::routes::path_id::PathId;
use crate::routes::project_view::{self, phase_of, version_of};
use crate::routes::responses::PhaseResponse;
use crate::routes::success::Current;
use crate::routes::validate::FieldErrors;
use crate::state::AppState;
use axum::extract::State;

/// A project's phases
///
/// By start date.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/phases", tag = "planner", operation_id = "list_phases",
    params(("project_id" = Uuid, Path)), security(("bearer" = ["phases:read"])),
    responses(Current<[PhaseResponse]>, PlannerReadErrors))]
pub(super) async fn list(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
) -> Result<Current<[PhaseResponse]>, PlannerError> {
    let caller = caller?.with_scope(TokenScope::PhasesRead)?;
    let mut faults = FieldErrors::default();
    let project = project.planner_project_for(&caller, &mut faults)?;
    let project = faults.none_or(project)?;
    let found = project_view::current_project(&app, project).await?.ok_or_else(|| no_project(project))?;
    let (version, entries) = (version_of(&found), found.phases.len());
    Ok(Current::rows(&app, project, found.phases, entries, version).await?)
}

/// One phase
#[utoipa::path(get, path = "/api/v1/phases/{phase_id}", tag = "planner", operation_id = "get_phase",
    params(("phase_id" = Uuid, Path)), security(("bearer" = ["phases:read"])),
    responses(Current<PhaseResponse>, PlannerReadErrors))]
pub(super) async fn get(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    phase: PathId,
) -> Result<Current<PhaseResponse>, PlannerError> {
    let caller = caller?.with_scope(TokenScope::PhasesRead)?;
    let phase = phase.planner_phase()?;
    let not_found = || RouteFailure::NotFound(format!("Phase {phase} not found"));
    let found = project_view::current_project_of_phase(&app, &caller, phase).await?;
    let found = found.ok_or_else(not_found)?;
    let body = phase_of(&found, phase).ok_or_else(not_found)?;
    Ok(Current::rows(&app, found.project, body.clone(), 1, version_of(&found)).await?)
}
