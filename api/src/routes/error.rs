//! Why a route did not do what it was asked, and the two forms in which that is answered: the planner's own for its own
//! routes, problem details for all others.

use super::headers::with_place;
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

/// The header that names the kind of rule that was broken.
const ERROR_CODE: &str = "x-error-code";

/// Why a route did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller may not.
    Denied(Denied),
    /// What was sent has not the shape that is read.
    Shape(FieldErrors),
    /// It is not there; the words are the answer's.
    Missing(String),
    /// The rules refuse it.
    Rules(Box<RuleViolations>),
    /// The timeline is at another version than the caller has seen.
    Stale(Box<Stale>),
    /// Anything else.
    Problem(Box<Problem>),
}

/// What the rules refuse.
#[derive(Debug)]
pub(crate) struct RuleViolations {
    /// Every rule that is broken.
    pub(crate) refusal: Refusal,
    /// Phases that have no id for the caller yet.
    pub(crate) fresh: BTreeSet<PhaseId>,
}

/// What stands now, and what was asked for.
#[derive(Debug)]
pub(crate) struct Stale {
    /// What stands now.
    pub(crate) current: CurrentProject,
    /// What was asked for.
    pub(crate) attempted: Value,
}

impl Stale {
    fn detail(&self) -> String {
        format!(
            "the timeline is at version {}, not at the one that was sent: somebody else changed it meanwhile; nothing was \
             written",
            self.current.version
        )
    }
}

impl RuleViolations {
    /// What is wrong, each with its rule, as [`field_errors`] has it.
    fn errors(&self) -> (Vec<FieldError>, usize) {
        field_errors(self.refusal.violations(), &self.fresh)
    }

    fn first(&self) -> Option<&Violation> {
        self.refusal.violations().first()
    }
}

/// Broken rules as answers show them: the first [`MOST_FAULTS`], and how many more there are. Phases that have no id yet, those
/// of `fresh`, are not named by the one that they would have got.
pub(crate) fn field_errors(violations: &[Violation], fresh: &BTreeSet<PhaseId>) -> (Vec<FieldError>, usize) {
    let first = violations.iter().take(MOST_FAULTS).map(|violation| field_error(violation, fresh)).collect();
    (first, violations.len().saturating_sub(MOST_FAULTS))
}

fn field_error(violation: &Violation, fresh: &BTreeSet<PhaseId>) -> FieldError {
    FieldError {
        field: Some(violation.field.to_owned()),
        message: violation.message.clone(),
        phase_id: violation.phase_id.filter(|id| !fresh.contains(id)).map(PhaseId::uuid),
        rule: Some(violation.rule.id().to_owned()),
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<FieldErrors> for Failure {
    fn from(faults: FieldErrors) -> Self {
        Self::Shape(faults)
    }
}

impl From<Box<Problem>> for Failure {
    fn from(problem: Box<Problem>) -> Self {
        Self::Problem(problem)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl Failure {
    /// The answer of the planner's own routes.
    pub(crate) fn into_planners(self) -> Response {
        match self {
            Self::Denied(denied) => detail(Problem::from(denied)),
            Self::Problem(problem) => detail(*problem),
            Self::Missing(words) => (StatusCode::NOT_FOUND, Json(json!({ "detail": words }))).into_response(),
            Self::Shape(faults) => misshapen(&faults),
            Self::Rules(broken) => broken_rules(&broken),
            Self::Stale(stale) => {
                let body = json!({
                    "detail": stale.detail(),
                    "current": stale.current.phases,
                    "version": stale.current.version,
                    "attempted": stale.attempted.get("phases").unwrap_or(&stale.attempted),
                });
                let answer = (StatusCode::PRECONDITION_FAILED, Json(body)).into_response();
                with_place(answer, stale.current.version, stale.current.position)
            }
        }
    }

    /// The answer of all other routes.
    pub(crate) fn into_problem(self) -> Response {
        match self {
            Self::Denied(denied) => denied.into_response(),
            Self::Problem(problem) => problem.into_response(),
            Self::Missing(words) => not_found(words).into_response(),
            Self::Shape(faults) => {
                let errors = faults.first().iter().map(|fault| FieldError {
                    field: fault.dotted(),
                    message: fault.message.clone(),
                    ..FieldError::default()
                });
                invalid("what was sent cannot be read; `errors` says what is wrong with it", errors)
                    .more_errors(faults.more())
                    .into_response()
            }
            Self::Rules(broken) => match broken.first() {
                Some(first) if first.rule == Rule::V16 => no_timeline().into_response(),
                first => {
                    let detail = first.map(|first| first.message.clone()).unwrap_or_default();
                    let (errors, more) = broken.errors();
                    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "rule", "Refused by a rule", detail)
                        .errors(errors)
                        .more_errors(more)
                        .into_response()
                }
            },
            Self::Stale(stale) => {
                let problem = Problem::new(
                    StatusCode::PRECONDITION_FAILED,
                    "version_conflict",
                    "Version conflict",
                    stale.detail(),
                )
                .current(json!({ "phases": stale.current.phases, "version": stale.current.version }))
                .attempted(stale.attempted);
                with_place(problem.into_response(), stale.current.version, stale.current.position)
            }
        }
    }
}

/// The project is there, its timeline is not.
pub(crate) fn no_timeline() -> Problem {
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

fn misshapen(faults: &FieldErrors) -> Response {
    let errors: Vec<Value> = faults
        .first()
        .iter()
        .map(|fault| json!({ "field": fault.arrows(), "message": fault.message, "type": fault.kind }))
        .collect();
    let mut details = json!({ "field_errors": errors });
    count_more(&mut details, faults.more());
    let body = json!({
        "success": false,
        "error": {
            "code": "VALIDATION_ERROR",
            "message": "Request validation failed",
            "details": details,
        },
        "request_id": request::current_id().map(|id| id.to_string()),
    });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

/// Adds how many errors there are beside those that are listed. The planner's own answers have no such member, so it is there
/// only where it has something to say.
fn count_more(body: &mut Value, more: usize) {
    if more > 0
        && let Some(members) = body.as_object_mut()
    {
        members.insert("more_errors".to_owned(), more.into());
    }
}

/// A phase that is not there comes before everything else: the planner looks for it first.
fn broken_rules(broken: &RuleViolations) -> Response {
    let violations = broken.refusal.violations();
    if let Some(missing) = violations.iter().find(|violation| violation.rule == Rule::V18) {
        return (StatusCode::NOT_FOUND, Json(json!({ "detail": missing.message }))).into_response();
    }
    let Some(first) = broken.first() else { return detail(crate::problem::internal()) };
    if first.rule == Rule::V16 {
        return detail(no_timeline());
    }
    let code = match first.rule {
        Rule::V1 => "NO_PHASES",
        Rule::V11 | Rule::V12 => "INVALID_BUDGET",
        _ => "VALIDATION_FAILED",
    };
    let (errors, more) = broken.errors();
    let errors: Vec<Value> = errors
        .into_iter()
        .map(|error| {
            json!({ "field": error.field, "message": error.message, "phase_id": error.phase_id, "rule": error.rule })
        })
        .collect();
    let mut body = json!({ "detail": first.message, "errors": errors });
    count_more(&mut body, more);
    let mut response = (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response();
    response.headers_mut().insert(ERROR_CODE, HeaderValue::from_static(code));
    response
}
