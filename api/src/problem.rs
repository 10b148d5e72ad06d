//! Failed responses as problem details (RFC 9457): `application/problem+json`.

mod database;

pub(crate) use database::of_read;

use crate::request;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa::openapi::Ref;
use uuid::Uuid;

/// The content type of a problem.
pub const CONTENT: &str = "application/problem+json";

/// Why a request failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The kind of problem: a stable URI reference, `/problems/` and the code with hyphens.
    #[serde(rename = "type")]
    kind: String,
    /// The kind of problem in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The error and the remedy.
    detail: String,
    /// A stable name for programs.
    code: &'static str,
    /// The errors field by field, if they belong to fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The number of further errors; absent if there are none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
    /// The current state, if the request conflicts with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = current)]
    current: Option<Value>,
    /// The body of the request, beside `current`; absent if the request has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = attempted)]
    attempted: Option<Value>,
    /// The request's id, as in `X-Request-Id` and in the service's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    #[serde(skip)]
    retry_after: Option<Duration>,
    #[serde(skip)]
    challenge: Option<HeaderValue>,
    #[serde(skip)]
    doubts_schema: bool,
}

/// The schema of `current`, which the routes define.
fn current() -> Ref {
    Ref::from_schema_name("CurrentPhases")
}

/// The schema of `attempted`, which the routes define.
fn attempted() -> Ref {
    Ref::from_schema_name("Attempted")
}

/// Marks a response to a request that failed on a table, a column or a type: the planner's may be others than before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DoubtfulSchema;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
pub(crate) const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// One error of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The path of the field in the request, such as `phases[1].name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The phase that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid, nullable = false)]
    pub phase_id: Option<Uuid>,
    /// The rule that refuses it, such as `V4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "V4")]
    pub rule: Option<String>,
}

impl Problem {
    /// A problem: `code` is its name for programs, `title` the one for people; `detail` is what happened in this request.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("/problems/{}", code.replace('_', "-")),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            errors: Vec::new(),
            more_errors: 0,
            current: None,
            attempted: None,
            request_id: None,
            retry_after: None,
            challenge: None,
            doubts_schema: false,
        }
    }

    /// Adds errors.
    #[must_use]
    pub fn errors(mut self, errors: impl IntoIterator<Item = FieldError>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// Adds the number of errors beyond those of [`Self::errors`].
    #[must_use]
    pub const fn more_errors(mut self, more: usize) -> Self {
        self.more_errors = more;
        self
    }

    /// Adds the current state.
    #[must_use]
    pub fn current(mut self, current: Value) -> Self {
        self.current = Some(current);
        self
    }

    /// Adds the requested state.
    #[must_use]
    pub fn attempted(mut self, attempted: Value) -> Self {
        self.attempted = Some(attempted);
        self
    }

    /// Adds the header `Retry-After`, in whole seconds.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds the header `WWW-Authenticate`.
    #[must_use]
    pub(crate) fn challenging(mut self, challenge: HeaderValue) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Marks the response with [`DoubtfulSchema`].
    #[must_use]
    const fn doubting_schema(mut self) -> Self {
        self.doubts_schema = true;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The name for programs.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// What happened, in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The kind of problem, in words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// A response with the same status and headers and another body, for routes with their own form of errors.
    #[must_use]
    pub fn with_body(self, body: &Value) -> Response {
        let mut response = (self.status(), axum::Json(body)).into_response();
        self.add_headers(&mut response);
        response
    }

    /// Adds the headers of the problem to a response that shows it in another form.
    pub(crate) fn add_headers(&self, response: &mut Response) {
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if let Some(challenge) = &self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if self.doubts_schema {
            response.extensions_mut().insert(DoubtfulSchema);
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.request_id = request::current_id().map(|id| id.to_string());
        let mut response = (self.status(), axum::Json(&self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        self.add_headers(&mut response);
        response
    }
}

/// Something requested does not exist.
pub fn not_found(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
}

/// The request is malformed.
pub fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_request", "Bad request", detail)
}

/// The request is well-formed, but invalid.
pub fn invalid(detail: impl Into<String>, errors: impl IntoIterator<Item = FieldError>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid", detail).errors(errors)
}

/// The request conflicts with the current state.
pub fn conflict(code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, title, detail)
}

/// The service cannot answer now; the same request may succeed later.
pub fn unavailable(code: &'static str, title: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title, detail).retry_after(RETRY)
}

/// The content type of the body is not JSON.
pub fn not_json() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_json",
        "Not JSON",
        "the body must be JSON in UTF-8: send Content-Type: application/json",
    )
}

/// The body is larger than the limit.
pub fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_large",
        "Body too large",
        format!("the body is larger than the limit of {limit} bytes"),
    )
}

/// The request took too long.
pub fn timed_out(limit: Duration) -> Problem {
    unavailable(
        "timed_out",
        "Timed out",
        format!(
            "the request was cancelled after {} s; a change may still have been committed: check before you send it again, or \
             send it again with the same idempotency key",
            limit.as_secs_f64()
        ),
    )
}

/// An internal error. The service's log has the cause, under the request's id.
pub fn internal() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Internal error",
        "an internal error; the service's log has the cause, under this request's id",
    )
}

/// The default of `Retry-After`.
const RETRY: Duration = Duration::from_secs(2);

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "Body too large",
                "the body is larger than the limit",
            ),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => not_json(),
            StatusCode::UNPROCESSABLE_ENTITY => invalid(rejection.body_text(), []),
            _ => bad_request(rejection.body_text()),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        bad_request(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        bad_request(rejection.body_text())
    }
}
