//! One phase at a time: create, change, remove; and their order.

use super::error::Failure;
use super::execute::{Executed, WriteCommand, carry_out};
use super::openapi::{WriteHeaders, Writing};
use super::project_view::{self, phase_of};
use super::requests::{self, NeighboursBody, NewOrder, NewPhase, PhaseChange};
use super::responses::PhaseResponse;
use super::validate::FieldErrors;
use super::write_request::{Body, Preconditions, Segment, WriteRequest};
use crate::auth::{Caller, Denied, Scope};
use crate::problem::bad_request;
use crate::state::AppState;
use axum::extract::{Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use phaseline_domain::{PhaseId, ProjectId, Rule, TimelineCommand};
use serde::Serialize;
use serde_json::Value;
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

/// A phase, and all phases of its project beside it.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedPhase)]
struct OneOfAll {
    /// The phase.
    #[schema(value_type = PhaseResponse)]
    phase: Option<PhaseResponse>,
    /// All phases by start date, after the change.
    phases: Vec<PhaseResponse>,
}

impl OneOfAll {
    fn of(done: &Executed, id: PhaseId) -> Self {
        Self { phase: done.phase(id).cloned(), phases: done.phases.clone() }
    }
}

/// All phases of a project.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedPhases)]
struct All {
    /// The phases by start date, after the change.
    phases: Vec<PhaseResponse>,
}

/// Who asks, if it may write.
fn writer(asks: Result<Caller, Denied>) -> Result<Caller, Failure> {
    let caller = asks?;
    caller.need(Scope::PhasesWrite)?;
    Ok(caller)
}

/// Create a phase
///
/// Its neighbours make room, unless they are to stay.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases", tag = "phases", operation_id = "create_phase",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = NewPhase, security(("bearer" = ["phases:write"])),
    responses(
        (status = CREATED, body = OneOfAll, headers(
            ("Location" = String, description = "The phase."),
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Idempotent-Replayed" = String, description = "`true` if this is an earlier answer again."))),
        Writing,
    ))]
async fn create(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    project: Segment,
    mut sent: WriteRequest,
) -> Response {
    let created = async {
        let caller = writer(asks)?;
        let project: ProjectId = requests::id("project", &project.0)?;
        caller.need_project(project)?;
        let (asked, body) = sent.read::<NewPhase>(&app, FieldErrors::default()).await?;
        let envelope = sent.envelope(&caller, &body)?;
        let id = envelope.new_id(0);
        let (command, fresh) = (asked.command(id), BTreeSet::from([id]));
        let order = WriteCommand {
            project,
            command,
            opening: None,
            envelope: &envelope,
            attempted: &body.json,
            fresh,
        };
        let done = carry_out(&app, order).await?;
        let body = OneOfAll::of(&done, id);
        let mut response = done.answer(StatusCode::CREATED, body).await?;
        if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/phases/{id}")) {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    };
    created.await.unwrap_or_else(Failure::into_problem)
}

/// Change a phase
///
/// Days, name, description and budget at once: all of it, or nothing.
#[utoipa::path(patch, path = "/api/v1/phases/{phase_id}", tag = "phases", operation_id = "change_phase",
    params(("phase_id" = Uuid, Path), WriteHeaders), request_body = PhaseChange, security(("bearer" = ["phases:write"])),
    responses(
        (status = OK, body = OneOfAll, headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Idempotent-Replayed" = String, description = "`true` if this is an earlier answer again."))),
        Writing,
    ))]
async fn change(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    phase: Segment,
    mut sent: WriteRequest,
) -> Response {
    let changed = async {
        let caller = writer(asks)?;
        let phase: PhaseId = requests::id("phase", &phase.0)?;
        let has_key = sent.key()?.is_some();
        let project = locate(&app, &caller, phase, has_key).await?;
        let (change, body) = sent.read::<PhaseChange>(&app, FieldErrors::default()).await?;
        let envelope = sent.envelope(&caller, &body)?;
        let done = of_phase(&app, (project, phase), change.command(phase), &envelope, &body.json).await?;
        Ok(done.answer(StatusCode::OK, OneOfAll::of(&done, phase)).await?)
    };
    changed.await.unwrap_or_else(Failure::into_problem)
}

/// Remove a phase
///
/// Its days go to the phase before it, else to the one after it.
#[utoipa::path(delete, path = "/api/v1/phases/{phase_id}", tag = "phases", operation_id = "remove_phase",
    params(("phase_id" = Uuid, Path), WriteHeaders,
        ("neighbours" = Option<NeighboursBody>, Query, description = "`adjust` unless it is said otherwise.")),
    security(("bearer" = ["phases:write"])),
    responses(
        (status = OK, body = All, headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Idempotent-Replayed" = String, description = "`true` if this is an earlier answer again."))),
        Writing,
    ))]
async fn remove(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    phase: Segment,
    query: Result<Query<HashMap<String, String>>, axum::extract::rejection::QueryRejection>,
    sent: WriteRequest,
) -> Response {
    // An unread body can go to another thread, a reference to it cannot.
    let removed = async move {
        let caller = writer(asks)?;
        let phase_id: PhaseId = requests::id("phase", &phase.0)?;
        let Query(query) = query.map_err(crate::problem::Problem::from)?;
        let neighbours = match query.get("neighbours") {
            None => phaseline_domain::Neighbours::default(),
            Some(word) => requests::neighbours(word)
                .ok_or_else(|| bad_request(format!("neighbours is adjust or refuse, not {word:?}")))?,
        };
        let has_key = sent.key()?.is_some();
        let project = locate(&app, &caller, phase_id, has_key).await?;
        let body = Body::none();
        let envelope = sent.envelope(&caller, &body)?;
        let command = TimelineCommand::RemovePhase { phase_id, neighbours };
        let done = of_phase(&app, (project, phase_id), command, &envelope, &body.json).await?;
        Ok(done.answer(StatusCode::OK, All { phases: done.phases.clone() }).await?)
    };
    removed.await.unwrap_or_else(Failure::into_problem)
}

/// Put phases into another order
///
/// Each keeps its length, from the project's first day on.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases/reorder", tag = "phases", operation_id = "reorder_phases",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = NewOrder, security(("bearer" = ["phases:write"])),
    responses(
        (status = OK, body = All, headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Idempotent-Replayed" = String, description = "`true` if this is an earlier answer again."))),
        Writing,
    ))]
async fn reorder(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    project: Segment,
    mut sent: WriteRequest,
) -> Response {
    let reordered = async {
        let caller = writer(asks)?;
        let project: ProjectId = requests::id("project", &project.0)?;
        caller.need_project(project)?;
        let (order, body) = sent.read::<NewOrder>(&app, FieldErrors::default()).await?;
        let envelope = sent.envelope(&caller, &body)?;
        let command = order.command();
        let order = WriteCommand {
            project,
            command,
            opening: None,
            envelope: &envelope,
            attempted: &body.json,
            fresh: BTreeSet::new(),
        };
        let done = carry_out(&app, order).await?;
        Ok(done.answer(StatusCode::OK, All { phases: done.phases.clone() }).await?)
    };
    reordered.await.unwrap_or_else(Failure::into_problem)
}

fn missing(phase: PhaseId) -> Failure {
    Failure::Missing(format!("Phase with ID {phase} not found"))
}

/// Finds a phase's project before the body is read. A phase that is not there and one that the caller may not see take the
/// same way.
async fn locate(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
    has_key: bool,
) -> Result<ProjectId, Failure> {
    // With a key the phase may be gone by this very request, sent before: then its project is in the log only.
    let project = if has_key {
        project_view::past_project_of(app, caller, phase).await?
    } else {
        project_view::project_of(app, caller, phase).await?
    };
    project.ok_or_else(|| missing(phase))
}

/// Carries out a command about one phase.
async fn of_phase(
    app: &AppState,
    (project, phase): (ProjectId, PhaseId),
    command: TimelineCommand,
    envelope: &Preconditions,
    body: &Value,
) -> Result<Executed, Failure> {
    let order =
        WriteCommand { project, command, opening: None, envelope, attempted: body, fresh: BTreeSet::new() };
    match carry_out(app, order).await {
        Err(Failure::Rules(broken)) if broken.refusal.breaks(Rule::V18) => Err(missing(phase)),
        Err(Failure::Stale(stale)) if phase_of(&stale.current, phase).is_none() => Err(missing(phase)),
        // The phase is gone with its project.
        Err(Failure::Missing(_)) => Err(missing(phase)),
        done => done,
    }
}
