//! Why a caller has no access, and the response to it.

use super::TokenScope;
use crate::problem::{Problem, unavailable};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use phaseline_domain::ProjectId;

/// Why a caller has no access.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no token.
    #[error("a token is required: send Authorization: Bearer TOKEN")]
    Missing,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not valid, for this reason.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// The token lacks a scope.
    #[error("the token lacks the scope {0}")]
    Scope(TokenScope),
    /// The token is limited to other projects.
    #[error("the token is not for project {0}")]
    Project(ProjectId),
    /// A browser sent the token with a change that no page of this service made.
    #[error(
        "a change in the session of a browser is taken from pages of this service only (Sec-Fetch-Site: same-origin, or an Origin with \
         the host of the request): load the page again; a program sends Authorization: Bearer TOKEN"
    )]
    ForeignOrigin,
    /// The token cannot be checked now.
    #[error("{detail}")]
    Unavailable {
        /// The name for programs.
        code: &'static str,
        /// The reason and the remedy.
        detail: String,
    },
}

impl Denied {
    /// For a token that cannot be checked now, for the reason of this problem.
    pub(super) fn unavailable(problem: &Problem) -> Self {
        Self::Unavailable { code: problem.code(), detail: problem.detail().to_owned() }
    }

    /// The problem as which a response shows it.
    fn problem(&self) -> Problem {
        let title = match self {
            Self::Unavailable { code, detail } => return unavailable(code, "Not available", detail.as_str()),
            Self::ForeignOrigin => {
                return Problem::new(self.status(), self.code(), "Foreign origin", self.to_string());
            }
            Self::Missing | Self::Expired | Self::Invalid(_) => "Not authenticated",
            Self::Scope(_) | Self::Project(_) => "Not permitted",
        };
        Problem::new(self.status(), self.code(), title, self.to_string()).challenging(self.challenge())
    }

    /// 401 if another token is required, 403 if this one does not grant access, 503 if that is unknown.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Expired | Self::Invalid(_) => StatusCode::UNAUTHORIZED,
            Self::Scope(_) | Self::Project(_) | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Expired => "token_expired",
            Self::Invalid(_) => "token_invalid",
            Self::Scope(_) => "scope_missing",
            Self::Project(_) => "project_denied",
            Self::ForeignOrigin => "foreign_origin",
            Self::Unavailable { code, .. } => code,
        }
    }

    /// The header `WWW-Authenticate` (RFC 6750, 3). For a request without a token it has no more than the realm.
    fn challenge(&self) -> HeaderValue {
        let text = match self {
            Self::Missing | Self::ForeignOrigin | Self::Unavailable { .. } => {
                return HeaderValue::from_static("Bearer realm=\"phaseline\"");
            }
            Self::Expired | Self::Invalid(_) => "error=\"invalid_token\"".to_owned(),
            Self::Scope(scope) => format!("error=\"insufficient_scope\", scope=\"{scope}\""),
            Self::Project(_) => "error=\"insufficient_scope\"".to_owned(),
        };
        let text = format!("Bearer realm=\"phaseline\", {text}, error_description=\"{self}\"");
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        denied.problem()
    }
}
