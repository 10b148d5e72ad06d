//! The caller of a request, by its token.

use super::keys::Refused;
use super::subjects::recordable;
use super::{Auth, Scope, ScopeSet, Subjects};
use crate::problem::{Problem, unavailable};
use crate::request;
use crate::state::AppState;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jsonwebtoken::errors::ErrorKind;
use phaseline_domain::ProjectId;
use phaseline_domain::text::is_invisible;
use std::collections::BTreeSet;

/// The caller when tokens are off. A token with this subject is refused: the log must distinguish the two.
const ANONYMOUS: &str = "anonymous";

/// An authenticated caller and its permissions. A route that takes `Result<Caller, Denied>` renders a denial itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its subject (`sub`): the actor in the log.
    pub subject: String,
    /// Its name, if it is known, for the log.
    pub name: Option<String>,
    /// The issuer (`iss`), if the token has one: two issuers may give the same subject to different callers.
    pub issuer: Option<String>,
    /// Its scopes.
    pub scopes: ScopeSet,
    /// The projects to which it is limited; none if it is not limited.
    pub projects: Option<BTreeSet<ProjectId>>,
}

impl Caller {
    /// Fails unless the caller has this scope.
    pub fn need(&self, scope: Scope) -> Result<(), Denied> {
        if self.scopes.contains(scope) { Ok(()) } else { Err(Denied::Scope(scope)) }
    }

    /// The caller, if it has this scope.
    pub fn with_scope(self, scope: Scope) -> Result<Self, Denied> {
        self.need(scope).map(|()| self)
    }

    /// Whether the caller may see this project.
    pub fn may_see(&self, project: ProjectId) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.contains(&project))
    }

    /// Fails unless the caller may see this project.
    pub fn need_project(&self, project: ProjectId) -> Result<(), Denied> {
        if self.may_see(project) { Ok(()) } else { Err(Denied::Project(project)) }
    }

    fn anonymous() -> Self {
        Self {
            subject: ANONYMOUS.to_owned(),
            name: None,
            issuer: None,
            scopes: ScopeSet::all(),
            projects: None,
        }
    }
}

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
    Scope(Scope),
    /// The token is limited to other projects.
    #[error("the token is not for project {0}")]
    Project(ProjectId),
    /// The token cannot be checked now.
    #[error("{detail}")]
    Unavailable {
        /// The name for programs.
        code: &'static str,
        /// Why, and what to do.
        detail: String,
    },
}

impl Denied {
    /// For a token that cannot be checked now, for the reason of this problem.
    pub(super) fn unavailable(problem: &Problem) -> Self {
        Self::Unavailable { code: problem.code(), detail: problem.detail().to_owned() }
    }

    /// The problem as which a response shows it.
    pub(crate) fn problem(&self) -> Problem {
        let title = match self {
            Self::Unavailable { code, detail } => return unavailable(code, "Not available", detail.as_str()),
            Self::Missing | Self::Expired | Self::Invalid(_) => "Not authenticated",
            Self::Scope(_) | Self::Project(_) => "Not permitted",
        };
        Problem::new(self.status(), self.code(), title, self.to_string()).challenging(self.challenge())
    }

    /// 401 if another token is required, 403 if this one does not grant access, 503 if that is unknown.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Expired | Self::Invalid(_) => StatusCode::UNAUTHORIZED,
            Self::Scope(_) | Self::Project(_) => StatusCode::FORBIDDEN,
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
            Self::Unavailable { code, .. } => code,
        }
    }

    /// The header `WWW-Authenticate` (RFC 6750, 3). For a request without a token it has no more than the realm.
    fn challenge(&self) -> HeaderValue {
        let text = match self {
            Self::Missing | Self::Unavailable { .. } => {
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

/// The longest subject and issuer of a token, in bytes.
const LONGEST_NAME: usize = 255;

/// A subject is stored in the log, which keeps it for ever, and in the index of idempotency keys.
fn check_subject(subject: &str) -> Result<(), Denied> {
    if subject.trim().is_empty() {
        return Err(Denied::Invalid("it has no subject (sub)"));
    }
    if !fits(subject) {
        return Err(Denied::Invalid("its subject (sub) is too long, or has invisible characters"));
    }
    if subject.trim().eq_ignore_ascii_case(ANONYMOUS) {
        return Err(Denied::Invalid("its subject (sub) is reserved for callers without a token"));
    }
    Ok(())
}

fn fits(name: &str) -> bool {
    name.len() <= LONGEST_NAME && is_plain(name)
}

/// Whether a name can be stored and displayed: controls of direction make one name look like another.
pub(super) fn is_plain(name: &str) -> bool {
    !name.chars().any(|c| c.is_control() || is_invisible(c))
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Denied> {
        let caller = match &app.settings.auth {
            Auth::Off => Self::anonymous(),
            Auth::Tokens { keys, rules } => {
                let token = bearer(&parts.headers)?;
                let claims = keys.verify(token, rules).await.map_err(|error| denied(&error))?;
                check_subject(&claims.sub)?;
                if claims.iss.as_ref().is_some_and(|issuer| !fits(issuer)) {
                    return Err(Denied::Invalid("its issuer (iss) is too long, or has invisible characters"));
                }
                let name = match rules.subjects {
                    Subjects::Any => claims.username().and_then(recordable),
                    Subjects::Planner => {
                        app.subjects.name_of(&claims.sub, &app.pool, app.settings.subject_valid).await?
                    }
                };
                let scopes = claims.scope.as_ref();
                Self {
                    scopes: scopes.map_or(rules.default_scopes, |words| ScopeSet::of_token(words.iter())),
                    projects: claims.projects.map(|ids| ids.into_iter().map(ProjectId::from).collect()),
                    name,
                    issuer: claims.iss,
                    subject: claims.sub,
                }
            }
        };
        request::set_subject(&caller.subject);
        Ok(caller)
    }
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let header = sent.next().ok_or(Denied::Missing)?;
    if sent.next().is_some() {
        return Err(Denied::Invalid("the request has several Authorization headers"));
    }
    let header = header.to_str().map_err(|_| Denied::Invalid("the Authorization header is not text"))?;
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Denied::Missing),
    }
}

fn denied(refused: &Refused) -> Denied {
    let error = match refused {
        Refused::Extensions => {
            return Denied::Invalid(
                "its header requires extensions (crit), which this service does not support",
            );
        }
        Refused::NoKeys => {
            return Denied::Unavailable {
                code: "no_keys",
                detail: "the keys that sign tokens cannot be fetched now; /readyz has the reason".to_owned(),
            };
        }
        Refused::Token(error) => error,
    };
    Denied::Invalid(match error.kind() {
        ErrorKind::ExpiredSignature => return Denied::Expired,
        ErrorKind::ImmatureSignature => "it is not valid yet (nbf)",
        ErrorKind::InvalidAudience => "it is for another audience (aud)",
        ErrorKind::InvalidIssuer => "it is from another issuer (iss)",
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "exp" => "it has no expiry (exp)",
            "sub" => "it has no subject (sub)",
            "aud" => "it has no audience (aud)",
            "iss" => "it has no issuer (iss)",
            _ => "a claim is missing",
        },
        ErrorKind::InvalidClaimFormat(claim) if claim == "nbf" => "its start (nbf) is not a timestamp",
        ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => "a claim has the wrong type",
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => {
            "it is not signed by a key of this service"
        }
        _ => "it is not a JSON Web Token",
    })
}
