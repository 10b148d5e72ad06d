//! One phase at a time: create, change, remove; and the order of all.

use super::error::{ProblemError, RouteFailure};
use super::execute::{Executed, WriteCommand, execute};
use super::path_id::PathId;
use super::project_view::{self, phase_of};
use super::requests::{self, NeighboursBody, NewOrder, NewPhase, PhaseChange};
use super::responses::PhaseResponse;
use super::success::{Changed, Created};
use super::validate::FieldErrors;
use super::write_request::{JsonBody, WriteRequest};
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::{WriteErrors, WriteHeaders};
use crate::problem::{Problem, bad_request};
use crate::state::AppState;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use phaseline_domain::{Neighbours, PhaseId, ProjectId, Rule, TimelineCommand};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(change))
        .routes(routes!(remove))
        .routes(routes!(reorder))
}

/// A phase, and all phases of its project.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangedPhase {
    /// The phase.
    #[schema(value_type = PhaseResponse)]
    phase: Option<PhaseResponse>,
    /// All phases by start date, after the change.
    phases: Vec<PhaseResponse>,
}

impl ChangedPhase {
    fn of(phases: Vec<PhaseResponse>, id: PhaseId) -> Self {
        Self { phase: phases.iter().find(|phase| phase.id == id).cloned(), phases }
    }
}

/// All phases of a project.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangedPhases {
    /// The phases by start date, after the change.
    phases: Vec<PhaseResponse>,
}

/// Create a phase
///
/// The neighbours make room, unless the request says `refuse`.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases", tag = "phases", operation_id = "create_phase",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = NewPhase, security(("bearer" = ["phases:write"])),
    responses(Created<ChangedPhase>, WriteErrors))]
async fn create(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Created<ChangedPhase>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::PhasesWrite)?;
    let project = project.project_for(&caller)?;
    let (new_phase, body) = request.read::<NewPhase>(&app, FieldErrors::default()).await?;
    let preconditions = request.preconditions(&caller, &body)?;
    let id = preconditions.new_id(0);
    let write = WriteCommand {
        new_phase_ids: BTreeSet::from([id]),
        ..WriteCommand::new(project, new_phase.command(id), &preconditions, &body)
    };
    let executed = execute(&app, write).await?;
    let response: Created<_> = executed.respond(|phases| ChangedPhase::of(phases, id)).await?;
    Ok(response.at(&format!("/api/v1/phases/{id}")))
}

/// Change a phase
///
/// Dates, name, description and budget at once: all changes, or none.
#[utoipa::path(patch, path = "/api/v1/phases/{phase_id}", tag = "phases", operation_id = "change_phase",
    params(("phase_id" = Uuid, Path), WriteHeaders), request_body = PhaseChange, security(("bearer" = ["phases:write"])),
    responses(Changed<ChangedPhase>, WriteErrors))]
async fn change(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    phase: PathId,
    mut request: WriteRequest,
) -> Result<Changed<ChangedPhase>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::PhasesWrite)?;
    let phase = phase.phase()?;
    let has_key = request.key()?.is_some();
    let project = locate(&app, &caller, phase, has_key).await?;
    let (change, body) = request.read::<PhaseChange>(&app, FieldErrors::default()).await?;
    let preconditions = request.preconditions(&caller, &body)?;
    let write = WriteCommand::new(project, change.command(phase), &preconditions, &body);
    let executed = execute_on_phase(&app, phase, write).await?;
    Ok(executed.respond(|phases| ChangedPhase::of(phases, phase)).await?)
}

/// Remove a phase
///
/// The phase before it gets its dates, or the one after it if it is the first.
#[utoipa::path(delete, path = "/api/v1/phases/{phase_id}", tag = "phases", operation_id = "remove_phase",
    params(("phase_id" = Uuid, Path), WriteHeaders,
        ("neighbours" = Option<NeighboursBody>, Query, description = "The default is `adjust`.")),
    security(("bearer" = ["phases:write"])), responses(Changed<ChangedPhases>, WriteErrors))]
async fn remove(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    phase: PathId,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
    request: WriteRequest,
) -> Result<Changed<ChangedPhases>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::PhasesWrite)?;
    let phase_id = phase.phase()?;
    let neighbours = neighbours(&query.map_err(Problem::from)?)?;
    let has_key = request.key()?.is_some();
    let project = locate(&app, &caller, phase_id, has_key).await?;
    let body = JsonBody::none();
    let preconditions = request.preconditions(&caller, &body)?;
    let command = TimelineCommand::RemovePhase { phase_id, neighbours };
    let write = WriteCommand::new(project, command, &preconditions, &body);
    let executed = execute_on_phase(&app, phase_id, write).await?;
    Ok(executed.respond(|phases| ChangedPhases { phases }).await?)
}

/// Put phases into another order
///
/// Each phase keeps its length; the first one starts with the project.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases/reorder", tag = "phases", operation_id = "reorder_phases",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = NewOrder, security(("bearer" = ["phases:write"])),
    responses(Changed<ChangedPhases>, WriteErrors))]
async fn reorder(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Changed<ChangedPhases>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::PhasesWrite)?;
    let project = project.project_for(&caller)?;
    let (order, body) = request.read::<NewOrder>(&app, FieldErrors::default()).await?;
    let preconditions = request.preconditions(&caller, &body)?;
    let executed = execute(&app, WriteCommand::new(project, order.command(), &preconditions, &body)).await?;
    Ok(executed.respond(|phases| ChangedPhases { phases }).await?)
}

fn not_found(phase: PhaseId) -> RouteFailure {
    RouteFailure::NotFound(format!("Phase with ID {phase} not found"))
}

/// The query parameter of a removal.
fn neighbours(Query(query): &Query<HashMap<String, String>>) -> Result<Neighbours, Box<Problem>> {
    let Some(word) = query.get("neighbours") else { return Ok(Neighbours::default()) };
    requests::neighbours(word)
        .ok_or_else(|| Box::new(bad_request(format!("neighbours must be adjust or refuse, not {word:?}"))))
}

/// Finds a phase's project before the body is read. A missing phase and one that the caller may not see take the same path.
async fn locate(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
    has_key: bool,
) -> Result<ProjectId, RouteFailure> {
    // With a key an earlier attempt of this request may have removed the phase: then only the log has its project.
    let project = if has_key {
        project_view::past_project_of(app, caller, phase).await?
    } else {
        project_view::project_of(app, caller, phase).await?
    };
    project.ok_or_else(|| not_found(phase))
}

/// Executes a command to one phase.
async fn execute_on_phase(
    app: &AppState,
    phase: PhaseId,
    write: WriteCommand<'_>,
) -> Result<Executed, RouteFailure> {
    match execute(app, write).await {
        Err(RouteFailure::Rules(violations)) if violations.refusal.breaks(Rule::PhaseExists) => {
            Err(not_found(phase))
        }
        Err(RouteFailure::Stale(stale)) if phase_of(&stale.current, phase).is_none() => Err(not_found(phase)),
        // The project was deleted, and the phase with it.
        Err(RouteFailure::NotFound(_)) => Err(not_found(phase)),
        result => result,
    }
}
