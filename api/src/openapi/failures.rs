//! The description of failed responses, once for all routes.

use super::examples;
use crate::problem::CONTENT;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{Object, Ref, Schema, Type};
use utoipa::openapi::{RefOr, Response};

/// Errors of routes that read.
pub(crate) struct ReadErrors;
/// Errors of routes that read the past.
pub(crate) struct PastReadErrors;
/// The response to a client that has the content.
pub(crate) struct NotModified;
/// Errors of routes that list the past.
pub(crate) struct PastListErrors;
/// Errors of routes that read with a body.
pub(crate) struct ReadWithBodyErrors;
/// Errors of routes that write.
pub(crate) struct WriteErrors;
/// Errors of the planner's routes that read.
pub(crate) struct PlannerReadErrors;
/// Errors of the planner's route that reads with a body.
pub(crate) struct PlannerReadWithBodyErrors;
/// Errors of the planner's route that writes.
pub(crate) struct PlannerWriteErrors;
/// The error of routes that have no query and nothing else to be wrong.
pub(crate) struct UnknownParameter;

type Responses = BTreeMap<String, RefOr<Response>>;

/// The form of a response's body.
#[derive(Clone, Copy)]
enum ErrorForm {
    Problem,
    /// The planner's form.
    Detail,
    /// The planner's form; the middleware around its routes responds with problems.
    DetailOrProblem,
    /// Another of the planner's forms, by the name of its schema.
    Planner(&'static str),
}

impl IntoResponses for ReadErrors {
    fn responses() -> Responses {
        reading(ErrorForm::Problem, ErrorForm::Problem)
    }
}

impl IntoResponses for PastReadErrors {
    fn responses() -> Responses {
        let mut all = ReadErrors::responses();
        all.extend([
            refusal(409, "The timeline is in quarantine.", ErrorForm::Problem, &[]),
            refusal(
                422,
                "The moment is in the future, or the log has no such position.",
                ErrorForm::Problem,
                &[],
            ),
        ]);
        all
    }
}

impl IntoResponses for NotModified {
    fn responses() -> Responses {
        let known = Response::new("`If-None-Match` has the content's tag: nothing is sent again.");
        Responses::from([("304".to_owned(), RefOr::T(known))])
    }
}

impl IntoResponses for PastListErrors {
    fn responses() -> Responses {
        let mut all = ReadErrors::responses();
        all.remove("404");
        all.extend([refusal(
            422,
            "The moment is in the future, or the log has no such position.",
            ErrorForm::Problem,
            &[],
        )]);
        all
    }
}

impl IntoResponses for ReadWithBodyErrors {
    fn responses() -> Responses {
        let mut all = reading(ErrorForm::Problem, ErrorForm::Problem);
        all.extend(with_body(ErrorForm::Problem));
        all.extend([
            refusal(409, "The request conflicts with the current state.", ErrorForm::Problem, &[]),
            refusal(422, "The request is invalid, or a rule refuses it.", ErrorForm::Problem, &[]),
        ]);
        all
    }
}

impl IntoResponses for WriteErrors {
    fn responses() -> Responses {
        let mut all = ReadWithBodyErrors::responses();
        all.extend([stale_response(ErrorForm::Problem)]);
        all
    }
}

impl IntoResponses for PlannerReadErrors {
    fn responses() -> Responses {
        let mut all = reading(ErrorForm::Detail, ErrorForm::DetailOrProblem);
        all.extend([
            planner_unauthorized(),
            refusal(422, "The id in the path is not a UUID.", ErrorForm::Planner("ShapeErrors"), &[]),
        ]);
        all
    }
}

impl IntoResponses for PlannerReadWithBodyErrors {
    fn responses() -> Responses {
        let mut all = PlannerReadErrors::responses();
        all.extend(with_body(ErrorForm::DetailOrProblem));
        all.extend([
            refusal(409, "The project's dates are not a range of dates.", ErrorForm::Detail, &[]),
            refusal(422, "The request cannot be read.", ErrorForm::Planner("ShapeErrors"), &[]),
        ]);
        all
    }
}

impl IntoResponses for PlannerWriteErrors {
    fn responses() -> Responses {
        let mut all = PlannerReadWithBodyErrors::responses();
        let rules = [(
            "X-Error-Code",
            "`VALIDATION_FAILED`, `INVALID_BUDGET` or `NO_PHASES`, if rules refuse the request.",
        )];
        let invalid = "The request cannot be read, or it breaks rules, all of which are listed.";
        all.extend([
            refusal(
                409,
                "The project has no timeline, or its rows cannot be adopted.",
                ErrorForm::Detail,
                &[],
            ),
            stale_response(ErrorForm::Planner("Stale")),
            refusal(422, invalid, ErrorForm::Planner("ShapeOrRuleErrors"), &rules),
        ]);
        all
    }
}

impl IntoResponses for UnknownParameter {
    fn responses() -> Responses {
        Responses::from([refusal(400, "The query has a parameter.", ErrorForm::Problem, &[])])
    }
}

/// The planner's 401, whose body is the same on all of its routes.
fn planner_unauthorized() -> (String, RefOr<Response>) {
    refusal(401, "No token, or an invalid one.", ErrorForm::Planner("AuthErrors"), &[CHALLENGE])
}

/// The header of a response without access.
const CHALLENGE: (&str, &str) = ("WWW-Authenticate", "The required authentication (RFC 6750).");

/// The errors of every route: those of the route itself, and those that the middleware may give as well.
fn reading(own: ErrorForm, either: ErrorForm) -> Responses {
    let challenge = [CHALLENGE];
    let retry = [("Retry-After", "Seconds to wait before the next attempt.")];
    let unavailable = "Unavailable now: the database is unreachable, busy or not migrated.";
    Responses::from([
        refusal(400, "The request is malformed, or the query has an unknown parameter.", either, &[]),
        refusal(401, "No token, or an invalid one.", own, &challenge),
        refusal(403, "The token does not grant access.", either, &challenge),
        refusal(404, "It does not exist.", own, &[]),
        refusal(500, "An internal error.", either, &[]),
        refusal(503, unavailable, either, &retry),
    ])
}

fn with_body(body: ErrorForm) -> Responses {
    Responses::from([
        refusal(413, "The body is too large.", body, &[]),
        refusal(415, "The body is not JSON.", body, &[]),
    ])
}

fn stale_response(body: ErrorForm) -> (String, RefOr<Response>) {
    let headers = [
        ("ETag", "The timeline's current version."),
        ("Phaseline-Position", "The position of the timeline's last event."),
    ];
    let description = "The timeline is at another version than the requested one; nothing was written.";
    refusal(412, description, body, &headers)
}

fn refusal(
    status: u16,
    description: &str,
    body: ErrorForm,
    headers: &[(&str, &str)],
) -> (String, RefOr<Response>) {
    let content = |schema: &str, example: Option<Value>| {
        let schema = RefOr::<Schema>::Ref(Ref::from_schema_name(schema));
        ContentBuilder::new().schema(Some(schema)).example(example).build()
    };
    let mut response = ResponseBuilder::new().description(description);
    if matches!(body, ErrorForm::Problem | ErrorForm::DetailOrProblem) {
        response = response.content(CONTENT, content("Problem", examples::problem(status)));
    }
    let json = match body {
        ErrorForm::Problem => None,
        ErrorForm::Detail | ErrorForm::DetailOrProblem => Some(("Detail", examples::detail(status))),
        ErrorForm::Planner(name) => Some((name, None)),
    };
    if let Some((schema, example)) = json {
        response = response.content("application/json", content(schema, example));
    }
    let text = || RefOr::T(Schema::Object(Object::with_type(Type::String)));
    for (name, description) in headers {
        let header = HeaderBuilder::new().schema(Some(text())).description(Some(*description)).build();
        response = response.header(*name, header);
    }
    (status.to_string(), RefOr::T(response.build()))
}
