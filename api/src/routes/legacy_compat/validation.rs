//! Checks a complete list of a project's phases.

use super::project_request::read;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::PlannerReadWithBodyErrors;
use crate::problem::is_zero;
use crate::routes::error::{PlannerError, RouteFailure, field_errors};
use crate::routes::opening::dates_of;
use crate::routes::path_id::PathId;
use crate::routes::project_view;
use crate::routes::requests::planner_name_and_dates;
use crate::routes::validate::{FieldErrors, FromJson, JsonPath};
use crate::routes::write_request::WriteRequest;
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use phaseline_domain::{DateRange, Draft, PhaseId, Violation, validate};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use uuid::Uuid;

/// A phase to check.
#[derive(Debug, ToSchema)]
#[schema(as = Checked)]
pub(super) struct CheckedPhase {
    /// Its id, if it has one.
    #[schema(value_type = Option<Uuid>)]
    id: Option<PhaseId>,
    /// Its name.
    name: String,
    /// Its first date.
    #[schema(value_type = String, format = Date)]
    start_date: NaiveDate,
    /// Its last date, included.
    #[schema(value_type = String, format = Date)]
    end_date: NaiveDate,
}

impl FromJson for CheckedPhase {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, path)?;
        let id = faults.optional(members, path, "id");
        let (name, start_date, end_date) = planner_name_and_dates(members, path, faults)?;
        Some(Self { id, name, start_date, end_date })
    }
}

/// The result of a check.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Validation {
    /// Whether no rule is broken.
    is_valid: bool,
    /// The broken rules; at most 100.
    errors: Vec<ValidationError>,
    /// How many more there are; absent if there are no more.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
}

/// One broken rule.
#[derive(Debug, Serialize, ToSchema)]
struct ValidationError {
    /// The field at which a front end shows the message.
    #[schema(value_type = String)]
    field: Option<String>,
    /// What is wrong.
    message: String,
    /// The phase that breaks the rule, if it is one phase with an id.
    #[schema(required)]
    phase_id: Option<Uuid>,
}

/// Check a complete list of phases
///
/// Names and dates only. Nothing is written. The status is 200 also if rules are broken.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases/validate", tag = "planner",
    operation_id = "validate_phases", params(("project_id" = Uuid, Path)), request_body = [CheckedPhase],
    security(("bearer" = ["phases:read"])), responses((status = OK, body = Validation, description = "The broken rules."), PlannerReadWithBodyErrors))]
pub(super) async fn validation(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Json<Validation>, PlannerError> {
    let caller = caller?.with_scope(TokenScope::PhasesRead)?;
    let (project, phases, _body) = read::<Vec<CheckedPhase>>(&app, &caller, &project, &mut request).await?;
    let found = project_view::current_project(&app, project).await?;
    let found = found.ok_or_else(|| RouteFailure::NotFound(format!("Project {project} not found")))?;
    let range = dates_of(&found)?;
    let many = phases.len() >= MANY;
    let check = move || field_errors(&violations(range, &phases), &BTreeSet::new());
    let (errors, more_errors) = aside_if(many, check).await?;
    let errors: Vec<ValidationError> = errors
        .into_iter()
        .map(|error| ValidationError { field: error.field, message: error.message, phase_id: error.phase_id })
        .collect();
    Ok(Json(Validation { is_valid: errors.is_empty(), errors, more_errors }))
}

fn violations(range: DateRange, phases: &[CheckedPhase]) -> Vec<Violation> {
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
