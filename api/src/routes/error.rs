//! Why a route failed, and the two forms of the response: the planner's own for its routes ([`PlannerError`]), problem details
//! for all others ([`ProblemError`]).

use super::headers::{TimelineVersion, with_version};
use super::project_view::CurrentProject;
use super::validate::{FieldErrors, MOST_FAULTS};
use crate::auth::Denied;
use crate::problem::{FieldError, Problem, conflict, invalid, not_found};
use crate::request;
use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use phaseline_domain::{PhaseId, Refusal, Rule, Violation};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The header that names the kind of the broken rule.
const ERROR_CODE: &str = "x-error-code";

/// Why a route failed.
#[derive(Debug)]
pub(crate) enum RouteFailure {
    /// The caller has no permission.
    Denied(Denied),
    /// The request's path or body cannot be read.
    Unreadable(FieldErrors),
    /// A project or phase that does not exist, with the message of the response.
    NotFound(String),
    /// Rules refuse the command.
    Rules(Box<RuleViolations>),
    /// The timeline is at another version than the client has seen.
    Stale(Box<Stale>),
    /// Anything else.
    Problem(Box<Problem>),
}

/// A failure as a route outside the planner's own answers it: problem details.
#[derive(Debug)]
pub(crate) struct ProblemError(RouteFailure);

/// A failure as the planner's own routes answer it.
#[derive(Debug)]
pub(crate) struct PlannerError(RouteFailure);

impl<E: Into<RouteFailure>> From<E> for ProblemError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<E: Into<RouteFailure>> From<E> for PlannerError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// The rules that a command breaks.
#[derive(Debug)]
pub(crate) struct RuleViolations {
    /// Every broken rule.
    pub(crate) refusal: Refusal,
    /// Phases whose ids the client does not know yet.
    pub(crate) new_phase_ids: BTreeSet<PhaseId>,
}

/// The current rows and the requested ones.
#[derive(Debug)]
pub(crate) struct Stale {
    /// The current rows.
    pub(crate) current: CurrentProject,
    /// The body of the request.
    pub(crate) attempted: Value,
}

impl Stale {
    fn detail(&self) -> String {
        format!(
            "the timeline is at version {}, not at the requested one: another request changed it meanwhile; nothing was written",
            self.current.version
        )
    }

    const fn version(&self) -> TimelineVersion {
        TimelineVersion { version: self.current.version, position: self.current.position }
    }
}

impl RuleViolations {
    /// The broken rules as [`field_errors`] has them.
    fn errors(&self) -> (Vec<FieldError>, usize) {
        field_errors(self.refusal.violations(), &self.new_phase_ids)
    }

    fn first(&self) -> Option<&Violation> {
        self.refusal.violations().first()
    }
}

/// Broken rules as responses show them: the first [`MOST_FAULTS`], and how many more there are. The ids of new phases are left
/// out: the client does not know them.
pub(crate) fn field_errors(
    violations: &[Violation],
    new_phase_ids: &BTreeSet<PhaseId>,
) -> (Vec<FieldError>, usize) {
    let first = violations.iter().take(MOST_FAULTS);
    let first = first.map(|violation| field_error(violation, new_phase_ids)).collect();
    (first, violations.len().saturating_sub(MOST_FAULTS))
}

/// The same with what to do where a phase cannot make room, which the planner's own messages lack.
pub(crate) fn explained_errors(
    violations: &[Violation],
    new_phase_ids: &BTreeSet<PhaseId>,
) -> (Vec<FieldError>, usize) {
    let (mut errors, more) = field_errors(violations, new_phase_ids);
    for (error, violation) in errors.iter_mut().zip(violations) {
        error.message = violation.explained();
    }
    (errors, more)
}

fn field_error(violation: &Violation, new_phase_ids: &BTreeSet<PhaseId>) -> FieldError {
    FieldError {
        field: Some(violation.field.to_owned()),
        message: violation.message.clone(),
        phase_id: violation.phase_id.filter(|id| !new_phase_ids.contains(id)).map(PhaseId::uuid),
        rule: Some(violation.rule.id().to_owned()),
    }
}

impl From<Denied> for RouteFailure {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<FieldErrors> for RouteFailure {
    fn from(faults: FieldErrors) -> Self {
        Self::Unreadable(faults)
    }
}

impl From<Box<Problem>> for RouteFailure {
    fn from(problem: Box<Problem>) -> Self {
        Self::Problem(problem)
    }
}

impl From<Problem> for RouteFailure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl IntoResponse for PlannerError {
    fn into_response(self) -> Response {
        match self.0 {
            RouteFailure::Denied(denied) if denied.status() == StatusCode::UNAUTHORIZED => {
                let body = envelope("AUTH_FAILED", "Could not validate credentials", None);
                Problem::from(denied).with_body(&body)
            }
            RouteFailure::Denied(denied) => detail(Problem::from(denied)),
            RouteFailure::Problem(problem) => detail(*problem),
            RouteFailure::NotFound(message) => {
                (StatusCode::NOT_FOUND, Json(json!({ "detail": message }))).into_response()
            }
            RouteFailure::Unreadable(faults) => unreadable(&faults),
            RouteFailure::Rules(violations) => broken_rules(&violations),
            RouteFailure::Stale(stale) => {
                let body = json!({
                    "detail": stale.detail(),
                    "current": stale.current.phases,
                    "version": stale.current.version,
                    "attempted": stale.attempted.get("phases").unwrap_or(&stale.attempted),
                });
                let response = (StatusCode::PRECONDITION_FAILED, Json(body)).into_response();
                with_version(response, stale.version())
            }
        }
    }
}

impl IntoResponse for ProblemError {
    fn into_response(self) -> Response {
        match self.0 {
            RouteFailure::Denied(denied) => denied.into_response(),
            RouteFailure::Stale(stale) => {
                let version = stale.version();
                with_version(Problem::from(*stale).into_response(), version)
            }
            failure => Problem::from(failure).into_response(),
        }
    }
}

impl From<RouteFailure> for Problem {
    fn from(failure: RouteFailure) -> Self {
        match failure {
            RouteFailure::Denied(denied) => denied.into(),
            RouteFailure::Problem(problem) => *problem,
            RouteFailure::NotFound(message) => not_found(message),
            RouteFailure::Unreadable(faults) => {
                let errors = faults.first().iter().map(|fault| FieldError {
                    field: fault.dotted(),
                    message: fault.message.clone(),
                    ..FieldError::default()
                });
                invalid("the request cannot be read; `errors` lists what is wrong with it", errors)
                    .more_errors(faults.more())
            }
            RouteFailure::Rules(violations) => match violations.first() {
                Some(first) if first.rule == Rule::TimelineOpen => no_timeline(),
                first => {
                    let detail = first.map(Violation::explained).unwrap_or_default();
                    let (errors, more) =
                        explained_errors(violations.refusal.violations(), &violations.new_phase_ids);
                    Self::new(StatusCode::UNPROCESSABLE_ENTITY, "rule", "Refused by a rule", detail)
                        .errors(errors)
                        .more_errors(more)
                }
            },
            RouteFailure::Stale(stale) => (*stale).into(),
        }
    }
}

impl From<Stale> for Problem {
    fn from(stale: Stale) -> Self {
        let problem = Self::new(
            StatusCode::PRECONDITION_FAILED,
            "version_conflict",
            "Version conflict",
            stale.detail(),
        )
        .current(json!({ "phases": stale.current.phases, "version": stale.current.version }));
        match stale.attempted {
            Value::Null => problem,
            attempted => problem.attempted(attempted),
        }
    }
}

/// The project exists, but has no timeline.
fn no_timeline() -> Problem {
    conflict(
        "no_timeline",
        "No timeline",
        "Project has no timeline; PUT /api/v1/projects/{id}/timeline opens one",
    )
}

fn detail(problem: Problem) -> Response {
    let body = json!({ "detail": problem.detail() });
    problem.with_body(&body)
}

fn unreadable(faults: &FieldErrors) -> Response {
    let errors: Vec<Value> = faults
        .first()
        .iter()
        .map(|fault| json!({ "field": fault.arrows(), "message": fault.message, "type": fault.kind }))
        .collect();
    let mut details = json!({ "field_errors": errors });
    count_more(&mut details, faults.more());
    let body = envelope("VALIDATION_ERROR", "Request validation failed", Some(details));
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

/// The planner's form of errors that its handlers do not return themselves.
fn envelope(code: &str, message: &str, details: Option<Value>) -> Value {
    let mut error = json!({ "code": code, "message": message });
    if let (Some(details), Some(members)) = (details, error.as_object_mut()) {
        members.insert("details".to_owned(), details);
    }
    json!({ "success": false, "error": error, "request_id": request::current_id().map(|id| id.to_string()) })
}

/// Adds the number of errors beyond those listed. The planner's own responses have no such member, so it is left out if it is 0.
fn count_more(body: &mut Value, more: usize) {
    if more > 0
        && let Some(members) = body.as_object_mut()
    {
        members.insert("more_errors".to_owned(), more.into());
    }
}

/// A phase that does not exist comes before all other violations: the planner checks that first.
fn broken_rules(violations: &RuleViolations) -> Response {
    if let Some(missing) =
        violations.refusal.violations().iter().find(|violation| violation.rule == Rule::PhaseExists)
    {
        return (StatusCode::NOT_FOUND, Json(json!({ "detail": missing.message }))).into_response();
    }
    let Some(first) = violations.first() else { return detail(crate::problem::internal()) };
    if first.rule == Rule::TimelineOpen {
        return detail(no_timeline());
    }
    let (code, detail) = match first.rule {
        Rule::PhaseRequired => ("NO_PHASES", first.message.as_str()),
        Rule::TotalIsSum | Rule::AmountInRange => ("INVALID_BUDGET", first.message.as_str()),
        _ => ("VALIDATION_FAILED", "Phase validation failed"),
    };
    let (errors, more) = violations.errors();
    let errors: Vec<Value> = errors
        .into_iter()
        .map(|error| {
            json!({ "field": error.field, "message": error.message, "phase_id": error.phase_id, "rule": error.rule })
        })
        .collect();
    let mut body = json!({ "detail": detail, "errors": errors });
    count_more(&mut body, more);
    let mut response = (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    response.headers_mut().insert(ERROR_CODE, HeaderValue::from_static(code));
    response
}
