//! The description of failed responses, once for all routes, and the schemas of all others.

use super::history::HistoryPage;
use super::phases::{ChangedPhase, ChangedPhases};
use super::preview::Preview;
use super::responses::PhaseResponse;
use super::timeline::TimelineBody;
use crate::problem::{CONTENT, Problem};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{Object, OneOfBuilder, Ref, Schema, Type};
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};
use uuid::Uuid;

/// The schemas of responses: `#[utoipa::path]` finds only those of requests.
#[derive(OpenApi)]
#[openapi(components(schemas(
    Problem,
    Detail,
    Stale,
    RuleErrors,
    ShapeErrors,
    AuthErrors,
    PhaseResponse,
    ChangedPhase,
    ChangedPhases,
    TimelineBody,
    Preview,
    HistoryPage,
)))]
pub(crate) struct Components;

/// A failed response of the planner's own routes.
#[derive(Serialize, ToSchema)]
struct Detail {
    /// What happened.
    #[schema(example = "Project with ID 7f0c2d61-0d0b-4a6a-9a0e-5f0a2f3f6c11 not found")]
    detail: String,
}

/// Another request changed the timeline meanwhile.
#[derive(Serialize, ToSchema)]
struct Stale {
    /// What happened.
    detail: String,
    /// The current phases.
    current: Vec<PhaseResponse>,
    /// Their version.
    version: i64,
    /// The phases of the request.
    attempted: Vec<serde_json::Value>,
}

/// The broken rules.
#[derive(Serialize, ToSchema)]
struct RuleErrors {
    /// `Phase validation failed`, or the message about a budget or about the missing phases.
    #[schema(example = "Phase validation failed")]
    detail: String,
    /// The broken rules; at most 100.
    errors: Vec<RuleError>,
    /// How many more there are; absent if there are no more.
    #[schema(nullable = false)]
    more_errors: Option<usize>,
}

/// One broken rule.
#[derive(Serialize, ToSchema)]
struct RuleError {
    /// The field at which a front end shows the message.
    field: String,
    /// What is wrong.
    message: String,
    /// The phase that breaks the rule, if it is one phase with an id.
    #[schema(required)]
    phase_id: Option<Uuid>,
    /// The rule's id.
    #[schema(example = "V4")]
    rule: String,
}

/// The request cannot be read.
#[derive(Serialize, ToSchema)]
struct ShapeErrors {
    /// Always false.
    success: bool,
    /// What is wrong.
    error: ShapeError,
    /// The request's id, as in `X-Request-Id`.
    request_id: String,
}

/// What is wrong with the request.
#[derive(Serialize, ToSchema)]
struct ShapeError {
    /// `VALIDATION_ERROR`.
    code: String,
    /// `Request validation failed`.
    message: String,
    /// Where.
    details: ShapeDetails,
}

/// Where the request is wrong.
#[derive(Serialize, ToSchema)]
struct ShapeDetails {
    /// The places, at most 100.
    field_errors: Vec<ShapeFault>,
    /// How many more there are; absent if there are no more.
    #[schema(nullable = false)]
    more_errors: Option<usize>,
}

/// One place at which the request is wrong.
#[derive(Serialize, ToSchema)]
struct ShapeFault {
    /// The place.
    #[schema(example = "body -> phases -> 0 -> name")]
    field: String,
    /// What is wrong there.
    message: String,
    /// The kind of error.
    #[schema(example = "missing")]
    r#type: String,
}

/// The request is not authenticated.
#[derive(Serialize, ToSchema)]
struct AuthErrors {
    /// Always false.
    success: bool,
    /// What is wrong.
    error: AuthError,
    /// The request's id, as in `X-Request-Id`.
    request_id: String,
}

/// What is wrong with the token; `WWW-Authenticate` has the reason.
#[derive(Serialize, ToSchema)]
struct AuthError {
    /// `AUTH_FAILED`.
    code: String,
    /// `Could not validate credentials`.
    message: String,
}

/// The headers of a request that writes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description")]
pub(crate) struct WriteHeaders {
    /// The version that the client has seen, as in `ETag`, or `*`. At any other version nothing is written.
    #[param(rename = "If-Match", example = "\"7\"", pattern = r#"^(\*|(W/)?"[!#-~]*")$"#)]
    if_match: Option<String>,
    /// A name for this request, 1 to 255 visible characters. Repeated within 24 hours, the request changes nothing, and the
    /// response is the first one with `Idempotent-Replayed: true` and the current `assignment_count`.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
    /// Why the change is made, for the history; at most 500 characters.
    #[param(rename = "Phaseline-Reason", max_length = 500)]
    reason: Option<String>,
    /// An id that related requests share, for the history. It is ignored if it has more than 128 characters or invisible ones.
    #[param(rename = "X-Correlation-Id")]
    correlation_id: Option<String>,
    /// The distributed trace (W3C Trace Context); its id is kept in the history.
    #[param(rename = "traceparent")]
    traceparent: Option<String>,
}

/// Errors of routes that read.
pub(crate) struct ReadErrors;
/// Errors of routes that read with a body.
pub(crate) struct ReadWithBodyErrors;
/// Errors of routes that write.
pub(crate) struct WriteErrors;
/// Errors of the planner's routes that read.
pub(crate) struct PlannerReadErrors;
/// Errors of the planner's route that reads page by page.
pub(crate) struct PlannerPageErrors;
/// Errors of the planner's route that reads with a body.
pub(crate) struct PlannerReadWithBodyErrors;
/// Errors of the planner's route that writes.
pub(crate) struct PlannerWriteErrors;

type Responses = BTreeMap<String, RefOr<Response>>;

/// The form of a response's body.
enum Body {
    Problem,
    /// The planner's form; the middleware around its routes responds with problems.
    Detail,
    DetailOrProblem,
    Planner(&'static [&'static str]),
}

const SHAPE: &[&str] = &["ShapeErrors"];
const SHAPE_OR_RULES: &[&str] = &["ShapeErrors", "RuleErrors"];

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        reading(|| Body::Problem, Some("not_found"))
    }
}

impl IntoResponses for ReadWithBodyErrors {
    fn responses() -> Responses {
        let mut all = reading(|| Body::Problem, Some("not_found"));
        all.extend(with_body(|| Body::Problem));
        all.insert(
            "409".to_owned(),
            refusal("The request conflicts with the current state.", &Body::Problem, &[]),
        );
        all.insert(
            "422".to_owned(),
            refusal("The request is invalid, or a rule refuses it.", &Body::Problem, &[]),
        );
        all
    }
}

impl IntoResponses for WriteErrors {
    fn responses() -> Responses {
        let mut all = ReadWithBodyErrors::responses();
        all.insert("412".to_owned(), stale_response(&Body::Problem));
        all
    }
}

impl IntoResponses for PlannerReadErrors {
    fn responses() -> Responses {
        let mut all = reading(|| Body::Detail, None);
        all.insert(
            "401".to_owned(),
            refusal("No token, or an invalid one.", &Body::Planner(&["AuthErrors"]), &[CHALLENGE]),
        );
        all.insert(
            "422".to_owned(),
            refusal("The id in the path is not a UUID.", &Body::Planner(SHAPE), &[]),
        );
        all
    }
}

impl IntoResponses for PlannerPageErrors {
    fn responses() -> Responses {
        let mut all = PlannerReadErrors::responses();
        all.insert("400".to_owned(), refusal("The query is malformed.", &Body::Detail, &[]));
        all
    }
}

impl IntoResponses for PlannerReadWithBodyErrors {
    fn responses() -> Responses {
        let mut all = PlannerReadErrors::responses();
        all.extend(with_body(|| Body::DetailOrProblem));
        all.insert(
            "409".to_owned(),
            refusal("The project's dates are not a range of dates.", &Body::Detail, &[]),
        );
        all.insert("422".to_owned(), refusal("The request cannot be read.", &Body::Planner(SHAPE), &[]));
        all
    }
}

impl IntoResponses for PlannerWriteErrors {
    fn responses() -> Responses {
        let mut all = PlannerReadWithBodyErrors::responses();
        let conflict =
            refusal("The project has no timeline, or its rows cannot be adopted.", &Body::Detail, &[]);
        all.insert("409".to_owned(), conflict);
        all.insert("412".to_owned(), stale_response(&Body::Planner(&["Stale"])));
        let rules = [(
            "X-Error-Code",
            "`VALIDATION_FAILED`, `INVALID_BUDGET` or `NO_PHASES`, if rules refuse the request.",
        )];
        let description = "The request cannot be read, or it breaks rules, all of which are listed.";
        all.insert("422".to_owned(), refusal(description, &Body::Planner(SHAPE_OR_RULES), &rules));
        all
    }
}

const CHALLENGE: (&str, &str) = ("WWW-Authenticate", "The required authentication (RFC 6750).");

/// The errors of every route.
fn reading(body: impl Fn() -> Body, bad_request: Option<&str>) -> Responses {
    let either = || match body() {
        Body::Detail => Body::DetailOrProblem,
        other => other,
    };
    let challenge = [CHALLENGE];
    let retry = [("Retry-After", "Seconds to wait before the next attempt.")];
    let mut all = Responses::from([
        ("401".to_owned(), refusal("No token, or an invalid one.", &body(), &challenge)),
        ("403".to_owned(), refusal("The token does not grant access.", &either(), &challenge)),
        ("404".to_owned(), refusal("It does not exist.", &body(), &[])),
        ("500".to_owned(), refusal("An internal error.", &either(), &[])),
        (
            "503".to_owned(),
            refusal("Unavailable now: the database is unreachable, busy or not migrated.", &either(), &retry),
        ),
    ]);
    if bad_request.is_some() {
        all.insert("400".to_owned(), refusal("The request is malformed.", &body(), &[]));
    }
    all
}

fn with_body(body: impl Fn() -> Body) -> Responses {
    Responses::from([
        ("400".to_owned(), refusal("A header or the body is malformed.", &body(), &[])),
        ("413".to_owned(), refusal("The body is too large.", &body(), &[])),
        ("415".to_owned(), refusal("The body is not JSON.", &body(), &[])),
    ])
}

fn stale_response(body: &Body) -> RefOr<Response> {
    let headers = [
        ("ETag", "The timeline's current version."),
        ("Phaseline-Position", "The position of the timeline's last event."),
    ];
    refusal("The timeline is at another version than the requested one; nothing was written.", body, &headers)
}

fn refusal(description: &str, body: &Body, headers: &[(&str, &str)]) -> RefOr<Response> {
    let content = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    let named = |name: &str| RefOr::Ref(Ref::from_schema_name(name));
    let mut response = ResponseBuilder::new().description(description);
    if matches!(body, Body::Problem | Body::DetailOrProblem) {
        response = response.content(CONTENT, content(named("Problem")));
    }
    let json = match body {
        Body::Problem => None,
        Body::Detail | Body::DetailOrProblem => Some(named("Detail")),
        Body::Planner([only]) => Some(named(only)),
        Body::Planner(names) => {
            let one_of = names.iter().fold(OneOfBuilder::new(), |all, name| all.item(named(name)));
            Some(RefOr::T(Schema::OneOf(one_of.build())))
        }
    };
    if let Some(schema) = json {
        response = response.content("application/json", content(schema));
    }
    let text = || RefOr::T(Schema::Object(Object::with_type(Type::String)));
    for (name, description) in headers {
        let header = HeaderBuilder::new().schema(Some(text())).description(Some(*description)).build();
        response = response.header(*name, header);
    }
    RefOr::T(response.build())
}
