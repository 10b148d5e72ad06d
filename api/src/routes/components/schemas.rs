//! The bodies of failed responses: the planner's forms, and the members of a problem that routes define.

use crate::routes::requests::{BatchPhase, NewDates, NewOrder, NewPhase, PhaseChange, RestoreTo};
use crate::routes::responses::PhaseResponse;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, Ref, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// The current state, if a request requires another version.
#[derive(Serialize, ToSchema)]
pub(super) struct CurrentPhases {
    /// The current phases.
    phases: Vec<PhaseResponse>,
    /// Their version.
    version: i64,
}

/// The body of a request that requires another version. The changes of a phase may have all members of a new one: a body may be
/// of both forms.
pub(super) struct Attempted;

impl PartialSchema for Attempted {
    fn schema() -> RefOr<Schema> {
        let forms =
            [NewPhase::name(), PhaseChange::name(), NewOrder::name(), NewDates::name(), RestoreTo::name()];
        let any_of = AnyOfBuilder::new().description(Some("The body of the request."));
        let any_of = forms.into_iter().fold(any_of, |all, name| all.item(Ref::from_schema_name(name)));
        RefOr::T(Schema::AnyOf(any_of.build()))
    }
}

impl ToSchema for Attempted {}

/// A failed response of the planner's own routes.
#[derive(Serialize, ToSchema)]
pub(super) struct Detail {
    /// What happened.
    #[schema(example = "Project with ID 7f0c2d61-0d0b-4a6a-9a0e-5f0a2f3f6c11 not found")]
    detail: String,
}

/// Another request changed the timeline meanwhile.
#[derive(Serialize, ToSchema)]
#[schema(as = Stale)]
pub(super) struct StaleResponse {
    /// What happened.
    detail: String,
    /// The current phases.
    current: Vec<PhaseResponse>,
    /// Their version.
    version: i64,
    /// The phases of the request.
    #[schema(value_type = Vec<BatchPhase>)]
    attempted: Vec<serde_json::Value>,
}

/// The request cannot be read, or it breaks rules.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the description")]
pub(super) enum ShapeOrRuleErrors {
    Shape(ShapeErrors),
    Rules(RuleErrors),
}

/// The broken rules.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleErrors {
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
pub(super) struct RuleError {
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
pub(super) struct ShapeErrors {
    /// Always false.
    success: bool,
    /// What is wrong.
    error: ShapeError,
    /// The request's id, as in `X-Request-Id`.
    request_id: String,
}

/// What is wrong with the request.
#[derive(Serialize, ToSchema)]
pub(super) struct ShapeError {
    /// `VALIDATION_ERROR`.
    code: String,
    /// `Request validation failed`.
    message: String,
    /// Where.
    details: ShapeDetails,
}

/// Where the request is wrong.
#[derive(Serialize, ToSchema)]
pub(super) struct ShapeDetails {
    /// The invalid fields, at most 100.
    field_errors: Vec<ShapeFault>,
    /// How many more there are; absent if there are no more.
    #[schema(nullable = false)]
    more_errors: Option<usize>,
}

/// One invalid field of the request.
#[derive(Serialize, ToSchema)]
pub(super) struct ShapeFault {
    /// The path of the field.
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
pub(super) struct AuthErrors {
    /// Always false.
    success: bool,
    /// What is wrong.
    error: AuthError,
    /// The request's id, as in `X-Request-Id`.
    request_id: String,
}

/// What is wrong with the token; `WWW-Authenticate` has the reason.
#[derive(Serialize, ToSchema)]
pub(super) struct AuthError {
    /// `AUTH_FAILED`.
    code: String,
    /// `Could not validate credentials`.
    message: String,
}
