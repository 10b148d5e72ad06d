//! What the description of the service says of answers that many routes share.

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

/// The schemas of answers that are no success.
#[derive(OpenApi)]
#[openapi(components(schemas(Problem, Detail, Stale, RuleErrors, ShapeErrors)))]
pub(crate) struct Components;

/// An answer of the planner's own routes that is no success.
#[derive(Serialize, ToSchema)]
struct Detail {
    /// What happened.
    #[schema(example = "Project with ID 7f0c2d61-0d0b-4a6a-9a0e-5f0a2f3f6c11 not found")]
    detail: String,
}

/// Somebody else changed the timeline meanwhile.
#[derive(Serialize, ToSchema)]
struct Stale {
    /// What happened.
    detail: String,
    /// The phases as they are.
    current: Vec<super::responses::PhaseResponse>,
    /// The version that they are at.
    version: i64,
    /// The phases that were sent.
    attempted: Vec<serde_json::Value>,
}

/// What the rules refuse.
#[derive(Serialize, ToSchema)]
struct RuleErrors {
    /// The first message.
    detail: String,
    /// The rules that are broken, at most 100.
    errors: Vec<RuleError>,
    /// How many more there are; absent if there are no more.
    #[schema(nullable = false)]
    more_errors: Option<usize>,
}

/// One broken rule.
#[derive(Serialize, ToSchema)]
struct RuleError {
    /// The field that a front end shows it at.
    field: String,
    /// What is wrong.
    message: String,
    /// The phase that breaks it, if it is one phase and the phase has an id.
    #[schema(required)]
    phase_id: Option<Uuid>,
    /// The rule's id.
    #[schema(example = "V4")]
    rule: String,
}

/// What was sent cannot be read.
#[derive(Serialize, ToSchema)]
struct ShapeErrors {
    /// Always false.
    success: bool,
    /// What is wrong.
    error: ShapeError,
    /// The request's id, as in `X-Request-Id`.
    request_id: String,
}

/// What is wrong with what was sent.
#[derive(Serialize, ToSchema)]
struct ShapeError {
    /// `VALIDATION_ERROR`.
    code: String,
    /// `Request validation failed`.
    message: String,
    /// Where.
    details: ShapeDetails,
}

/// Where what was sent is wrong.
#[derive(Serialize, ToSchema)]
struct ShapeDetails {
    /// The places, at most 100.
    field_errors: Vec<ShapeFault>,
    /// How many more there are; absent if there are no more.
    #[schema(nullable = false)]
    more_errors: Option<usize>,
}

/// One place at which what was sent is wrong.
#[derive(Serialize, ToSchema)]
struct ShapeFault {
    /// The place.
    #[schema(example = "body -> phases -> 0 -> name")]
    field: String,
    /// What is wrong there.
    message: String,
    /// The kind of it.
    #[schema(example = "missing")]
    r#type: String,
}

/// What a request to change something may say in its headers.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description")]
pub(crate) struct WriteHeaders {
    /// The version that the caller has seen, as `ETag` had it, or `*`. At any other version nothing is written.
    #[param(rename = "If-Match", example = "\"7\"", pattern = r#"^(\*|(W/)?"[!#-~]*")$"#)]
    if_match: Option<String>,
    /// A name for this request, 1 to 255 visible characters. Sent again within 24 hours it changes nothing, and the answer is
    /// the first one again, with `Idempotent-Replayed: true`; `assignment_count` is counted anew.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, pattern = "^[!-~]+$")]
    idempotency_key: Option<String>,
    /// Why the change is made, for the history; at most 500 characters.
    #[param(rename = "Phaseline-Reason", max_length = 500)]
    reason: Option<String>,
    /// An id that requests of one purpose share, for the history. One of more than 128 characters, or with other than visible
    /// ones, is left out.
    #[param(rename = "X-Correlation-Id")]
    correlation_id: Option<String>,
    /// The distributed trace (W3C Trace Context); its id is kept in the history.
    #[param(rename = "traceparent")]
    traceparent: Option<String>,
}

/// Refusals of routes that read.
pub(crate) struct Reading;
/// Refusals of routes that read with a body.
pub(crate) struct Asking;
/// Refusals of routes that write.
pub(crate) struct Writing;
/// Refusals of the planner's routes that read.
pub(crate) struct PlannerReading;
/// Refusals of the planner's route that reads page by page.
pub(crate) struct PlannerPaging;
/// Refusals of the planner's route that reads with a body.
pub(crate) struct PlannerAsking;
/// Refusals of the planner's route that writes.
pub(crate) struct PlannerWriting;

type Responses = BTreeMap<String, RefOr<Response>>;

/// What stands in an answer's body.
enum Body {
    Problem,
    /// What the planner answers; what surrounds its routes answers with problems.
    Detail,
    DetailOrProblem,
    Planner(&'static [&'static str]),
}

const SHAPE: &[&str] = &["ShapeErrors"];
const SHAPE_OR_RULES: &[&str] = &["ShapeErrors", "RuleErrors"];

impl IntoResponses for Reading {
    fn responses() -> Responses {
        reading(|| Body::Problem, Some("not_found"))
    }
}

impl IntoResponses for Asking {
    fn responses() -> Responses {
        let mut all = reading(|| Body::Problem, Some("not_found"));
        all.extend(with_body(|| Body::Problem));
        all.insert("409".to_owned(), refusal("It does not go with what stands.", &Body::Problem, &[]));
        all.insert("422".to_owned(), refusal("What was sent cannot be.", &Body::Problem, &[]));
        all
    }
}

impl IntoResponses for Writing {
    fn responses() -> Responses {
        let mut all = Asking::responses();
        all.insert("412".to_owned(), stale(&Body::Problem));
        all
    }
}

impl IntoResponses for PlannerReading {
    fn responses() -> Responses {
        let mut all = reading(|| Body::Detail, None);
        all.insert("422".to_owned(), refusal("The id is none.", &Body::Planner(SHAPE), &[]));
        all
    }
}

impl IntoResponses for PlannerPaging {
    fn responses() -> Responses {
        let mut all = PlannerReading::responses();
        all.insert("400".to_owned(), refusal("The query cannot be understood.", &Body::Detail, &[]));
        all
    }
}

impl IntoResponses for PlannerAsking {
    fn responses() -> Responses {
        let mut all = PlannerReading::responses();
        all.extend(with_body(|| Body::DetailOrProblem));
        all.insert("409".to_owned(), refusal("The project's days are none.", &Body::Detail, &[]));
        all.insert("422".to_owned(), refusal("What was sent cannot be read.", &Body::Planner(SHAPE), &[]));
        all
    }
}

impl IntoResponses for PlannerWriting {
    fn responses() -> Responses {
        let mut all = PlannerAsking::responses();
        let conflict =
            refusal("The project has no timeline, or one that cannot be taken in.", &Body::Detail, &[]);
        all.insert("409".to_owned(), conflict);
        all.insert("412".to_owned(), stale(&Body::Planner(&["Stale"])));
        let rules =
            [("X-Error-Code", "`VALIDATION_FAILED`, `INVALID_BUDGET` or `NO_PHASES`, if rules refuse it.")];
        let description = "What was sent cannot be read, or is refused by the rules, all of which are told.";
        all.insert("422".to_owned(), refusal(description, &Body::Planner(SHAPE_OR_RULES), &rules));
        all
    }
}

/// What every route may answer.
fn reading(body: impl Fn() -> Body, bad_request: Option<&str>) -> Responses {
    let either = || match body() {
        Body::Detail => Body::DetailOrProblem,
        other => other,
    };
    let challenge = [("WWW-Authenticate", "What is needed (RFC 6750).")];
    let retry = [("Retry-After", "Seconds after which it may work.")];
    let mut all = Responses::from([
        ("401".to_owned(), refusal("No token, or one that is not valid.", &body(), &challenge)),
        ("403".to_owned(), refusal("The token is not enough.", &either(), &challenge)),
        ("404".to_owned(), refusal("It is not there.", &body(), &[])),
        ("500".to_owned(), refusal("Something that should not happen.", &either(), &[])),
        (
            "503".to_owned(),
            refusal("Not now: the database is away, busy or not migrated.", &either(), &retry),
        ),
    ]);
    if bad_request.is_some() {
        all.insert("400".to_owned(), refusal("The request cannot be understood.", &body(), &[]));
    }
    all
}

fn with_body(body: impl Fn() -> Body) -> Responses {
    Responses::from([
        ("400".to_owned(), refusal("A header or the body cannot be understood.", &body(), &[])),
        ("413".to_owned(), refusal("The body is too large.", &body(), &[])),
        ("415".to_owned(), refusal("The body is not JSON.", &body(), &[])),
    ])
}

fn stale(body: &Body) -> RefOr<Response> {
    let headers =
        [("ETag", "The version that it is at."), ("Phaseline-Position", "The position of its last event.")];
    refusal(
        "The timeline is at another version than the one that was sent; nothing was written.",
        body,
        &headers,
    )
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
