//! Who asks.

use super::keys::Refused;
use super::{Auth, Scope, ScopeSet};
use crate::problem::Problem;
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

/// Who asks when tokens are off. No token may name it: the log must tell one from the other.
const ANONYMOUS: &str = "anonymous";

/// Who asks, and what it may do. A route that takes `Result<Caller, Denied>` renders a denial itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name (`sub`): who stands in the log.
    pub subject: String,
    /// Who issued its token (`iss`), if the token says so: two issuers may give the same name to different callers.
    pub issuer: Option<String>,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The projects that it is limited to; none if it is not.
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
        Self { subject: ANONYMOUS.to_owned(), issuer: None, scopes: ScopeSet::all(), projects: None }
    }
}

/// Why a request is not carried out for this caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no token.
    #[error("a token is needed: send Authorization: Bearer TOKEN")]
    Missing,
    /// The token has run out.
    #[error("the token has expired")]
    Expired,
    /// The token cannot be believed, for the reason given.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
    /// The token lacks a scope.
    #[error("the token lacks the scope {0}")]
    Scope(Scope),
    /// The token is limited to other projects.
    #[error("the token is not for project {0}")]
    Project(ProjectId),
}

impl Denied {
    /// 401 if another token is needed, 403 if this one is not enough.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Expired | Self::Invalid(_) => StatusCode::UNAUTHORIZED,
            Self::Scope(_) | Self::Project(_) => StatusCode::FORBIDDEN,
        }
    }

    /// A name for programs; it does not change.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Expired => "token_expired",
            Self::Invalid(_) => "token_invalid",
            Self::Scope(_) => "scope_missing",
            Self::Project(_) => "project_denied",
        }
    }

    /// What `WWW-Authenticate` says (RFC 6750, 3). A request without a token learns no more than that one is needed.
    pub fn challenge(&self) -> HeaderValue {
        let text = match self {
            Self::Missing => return HeaderValue::from_static("Bearer realm=\"phaseline\""),
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

/// The most bytes of a token's subject, and of its issuer.
const LONGEST_NAME: usize = 255;

/// A subject goes into the log, which keeps it for ever, and beside keys, which have an index.
fn check_subject(subject: &str) -> Result<(), Denied> {
    if subject.trim().is_empty() {
        return Err(Denied::Invalid("it names no subject (sub)"));
    }
    if !fits(subject) {
        return Err(Denied::Invalid("its subject (sub) is too long, or has characters that cannot be seen"));
    }
    if subject.trim().eq_ignore_ascii_case(ANONYMOUS) {
        return Err(Denied::Invalid("its subject (sub) is the name of callers without a token"));
    }
    Ok(())
}

/// Whether a name can be kept, and be read by people as it is: controls of direction make one name look like another.
fn fits(name: &str) -> bool {
    name.len() <= LONGEST_NAME && !name.chars().any(|c| c.is_control() || is_invisible(c))
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Denied> {
        let caller = match &app.settings.auth {
            Auth::Off => Self::anonymous(),
            Auth::Tokens { keys, rules } => {
                let token = bearer(&parts.headers)?;
                let claims = keys.verify(token, rules).map_err(|error| denied(&error))?;
                check_subject(&claims.sub)?;
                if claims.iss.as_ref().is_some_and(|issuer| !fits(issuer)) {
                    return Err(Denied::Invalid(
                        "its issuer (iss) is too long, or has characters that cannot be seen",
                    ));
                }
                let scopes = claims.scope.as_ref();
                Self {
                    scopes: scopes.map_or(rules.default_scopes, |words| ScopeSet::of_token(words.iter())),
                    projects: claims.projects.map(|ids| ids.into_iter().map(ProjectId::from).collect()),
                    issuer: claims.iss,
                    subject: claims.sub,
                }
            }
        };
        request::is_of(&caller.subject);
        Ok(caller)
    }
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let header = sent.next().ok_or(Denied::Missing)?;
    if sent.next().is_some() {
        return Err(Denied::Invalid("there are several Authorization headers"));
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
            return Denied::Invalid("its header names extensions (crit), and this service knows none");
        }
        Refused::Token(error) => error,
    };
    Denied::Invalid(match error.kind() {
        ErrorKind::ExpiredSignature => return Denied::Expired,
        ErrorKind::ImmatureSignature => "it is not valid yet (nbf)",
        ErrorKind::InvalidAudience => "it is for another audience (aud)",
        ErrorKind::InvalidIssuer => "it is from another issuer (iss)",
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "exp" => "it says no end (exp)",
            "sub" => "it names no subject (sub)",
            "aud" => "it names no audience (aud)",
            "iss" => "it names no issuer (iss)",
            _ => "a claim is missing",
        },
        ErrorKind::InvalidClaimFormat(claim) if claim == "nbf" => "its beginning (nbf) is no time",
        ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => "a claim is not of its type",
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => "no key of this service has signed it",
        _ => "this is no JSON Web Token",
    })
}
