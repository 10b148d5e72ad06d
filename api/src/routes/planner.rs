//! The five routes that the planner's own service has, as its front end speaks them: paths, bodies, answers, texts.

mod assignments;
pub(crate) mod batch;

use super::error::{Failure, field_errors};
use super::execute::no_project;
use super::headers::current_response;
use super::openapi::{PlannerAsking, PlannerReading, PlannerWriting, WriteHeaders};
use super::project_view::{self, phase_of};
use super::responses::PhaseResponse;
use super::validate::{self, FieldErrors, JsonPath, Shape};
use super::write_request::{Body, Segment, WriteRequest};
use crate::auth::{Caller, Denied, Scope};
use crate::problem::{conflict, internal, is_zero};
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use phaseline_domain::{DateRange, Draft, PhaseId, ProjectId, Violation, validate};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(batch::batch))
        .routes(routes!(list))
        .routes(routes!(phase))
        .routes(routes!(validation))
        .routes(routes!(assignments::assignments))
}

/// An id in the path, or the planner's answer to one that is none.
fn id<T: From<Uuid>>(name: &str, Segment(text): &Segment) -> Result<T, Failure> {
    let mut faults = FieldErrors::default();
    let id = validate::in_path(name, text, &mut faults);
    Ok(faults.none_or(id)?)
}

/// Who asks, if it has a scope.
fn caller(caller: Result<Caller, Denied>, scope: Scope) -> Result<Caller, Failure> {
    let caller = caller?;
    caller.need(scope)?;
    Ok(caller)
}

/// A project's phases
///
/// By start date.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/phases", tag = "planner", operation_id = "list_phases",
    params(("project_id" = Uuid, Path)), security(("bearer" = ["phases:read"])),
    responses(
        (status = OK, body = [PhaseResponse], headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Phaseline-Quarantine" = String, description = "If the timeline is in quarantine: the positions of the events \
             that cannot be read, the first ten."))),
        PlannerReading,
    ))]
async fn list(State(app): State<AppState>, asks: Result<Caller, Denied>, project: Segment) -> Response {
    let listed = async {
        let caller = caller(asks, Scope::PhasesRead)?;
        let project: ProjectId = id("project_id", &project)?;
        caller.need_project(project)?;
        let found = project_view::current_project(&app, project)
            .await?
            .ok_or_else(|| Failure::Missing(no_project(project)))?;
        let place = (found.version, found.position);
        let phases = found.phases.len();
        Ok(current_response(&app, project, found.phases, phases, place).await?)
    };
    listed.await.unwrap_or_else(Failure::into_planners)
}

/// One phase
#[utoipa::path(get, path = "/api/v1/phases/{phase_id}", tag = "planner", operation_id = "get_phase",
    params(("phase_id" = Uuid, Path)), security(("bearer" = ["phases:read"])),
    responses(
        (status = OK, body = PhaseResponse, headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Phaseline-Quarantine" = String, description = "If the timeline is in quarantine: the positions of the events \
             that cannot be read, the first ten."))),
        PlannerReading,
    ))]
async fn phase(State(app): State<AppState>, asks: Result<Caller, Denied>, phase: Segment) -> Response {
    let found = async {
        let caller = caller(asks, Scope::PhasesRead)?;
        let phase: PhaseId = id("phase_id", &phase)?;
        let missing = || Failure::Missing(format!("Phase {phase} not found"));
        let found = project_view::current_project_of_phase(&app, &caller, phase).await?;
        let found = found.ok_or_else(missing)?;
        let body = phase_of(&found, phase).ok_or_else(missing)?;
        let place = (found.version, found.position);
        Ok(current_response(&app, found.project, body.clone(), 1, place).await?)
    };
    found.await.unwrap_or_else(Failure::into_planners)
}

/// A phase that is to be checked.
#[derive(Debug, ToSchema)]
struct Checked {
    /// Its id, if it has one.
    #[schema(value_type = Option<Uuid>)]
    id: Option<PhaseId>,
    /// Its name.
    name: String,
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    start_date: NaiveDate,
    /// Its last day, included.
    #[schema(value_type = String, format = Date)]
    end_date: NaiveDate,
}

impl Shape for Checked {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, place)?;
        let id = faults.optional(members, place, "id");
        let name = faults.required(members, place, "name");
        let start_date = faults.required(members, place, "start_date");
        let end_date = faults.required(members, place, "end_date");
        Some(Self { id, name: name?, start_date: start_date?, end_date: end_date? })
    }
}

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
struct Validation {
    /// Whether no rule is broken.
    is_valid: bool,
    /// The rules that are, at most 100.
    errors: Vec<ValidationError>,
    /// How many more there are; absent if there are no more.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
}

/// One broken rule.
#[derive(Debug, Serialize, ToSchema)]
struct ValidationError {
    /// The field that a front end shows it at.
    #[schema(value_type = String)]
    field: Option<String>,
    /// What is wrong.
    message: String,
    /// The phase that breaks it, if it is one phase and the phase has an id.
    #[schema(required)]
    phase_id: Option<Uuid>,
}

/// Check a complete list of phases
///
/// Names and days only. Nothing is written. The answer is 200 also if rules are broken.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases/validate", tag = "planner",
    operation_id = "validate_phases", params(("project_id" = Uuid, Path)), request_body = [Checked],
    security(("bearer" = ["phases:read"])), responses((status = OK, body = Validation), PlannerAsking))]
async fn validation(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    project: Segment,
    mut sent: WriteRequest,
) -> Response {
    let checked = async {
        let caller = caller(asks, Scope::PhasesRead)?;
        let (project, phases, _body) = received::<Vec<Checked>>(&app, &caller, &project, &mut sent).await?;
        let found = project_view::current_project(&app, project).await?;
        let found = found.ok_or_else(|| Failure::Missing(format!("Project {project} not found")))?;
        let range = found.range().ok_or_else(|| no_days(project))?;
        let (errors, more_errors) =
            aside_if(phases.len() >= MANY, move || field_errors(&check(range, &phases), &BTreeSet::new()))
                .await?;
        let errors: Vec<ValidationError> = errors
            .into_iter()
            .map(|broken| ValidationError {
                field: broken.field,
                message: broken.message,
                phase_id: broken.phase_id,
            })
            .collect();
        Ok(Json(Validation { is_valid: errors.is_empty(), errors, more_errors }).into_response())
    };
    checked.await.unwrap_or_else(Failure::into_planners)
}

fn check(range: DateRange, phases: &[Checked]) -> Vec<Violation> {
    let drafts: Vec<Draft<'_>> = phases
        .iter()
        .map(|phase| Draft {
            id: phase.id,
            name: &phase.name,
            start_date: phase.start_date,
            end_date: phase.end_date,
            description: None,
            budget: None,
        })
        .collect();
    validate(range, &drafts)
}

/// A request about a project with its body. What is wrong with the id is told together with what is wrong with the body.
async fn received<T: Shape + Send + 'static>(
    app: &AppState,
    caller: &Caller,
    Segment(project): &Segment,
    sent: &mut WriteRequest,
) -> Result<(ProjectId, T, Body), Failure> {
    let mut faults = FieldErrors::default();
    let project: Option<ProjectId> = validate::in_path("project_id", project, &mut faults);
    if let Some(project) = project {
        caller.need_project(project)?;
    }
    let (read, body) = sent.read(app, faults).await?;
    Ok((project.ok_or_else(internal)?, read, body))
}

/// The project's dates in the planner's table are no days from one to another.
fn no_days(project: ProjectId) -> Failure {
    let detail = format!("the dates of project {project} are no range of days between the years 1 and 9999");
    conflict("no_days", "No days", detail).into()
}
