//! Authenticates callers by the tokens of their requests.

use super::keys::TokenRefusal;
use super::names::{fits, recordable};
use super::same_origin::is_same_origin;
use super::sent_token::{SentToken, TokenCarrier};
use super::subjects::{PlannerSubjects, Subjects};
use super::token_rules::TokenRules;
use super::verified_tokens::VerifiedTokens;
use super::{Auth, Caller, Denied, Keyring, ScopeSet, SignedIn, TokenHeader};
use crate::request;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::Method;
use axum::http::header::HeaderMap;
use axum::http::request::Parts;
use jsonwebtoken::errors::ErrorKind;
use phaseline_domain::ProjectId;
use phaseline_store::Sessions;
use std::sync::Arc;
use std::time::Duration;

/// The caller when tokens are off. A token with this subject is refused: the log must distinguish the two.
const ANONYMOUS: &str = "anonymous";

/// Authenticates callers.
#[derive(Debug)]
pub(crate) struct Authenticator {
    auth: Auth,
    /// A cache of tokens.
    verified: VerifiedTokens,
    /// For the planner's users.
    sessions: Sessions,
    /// How long a user of the planner is taken to be active without another query.
    subject_valid: Duration,
    /// A cache of the planner's users.
    subjects: PlannerSubjects,
    /// The header of a proxy that signs people in.
    proxy: Option<TokenHeader>,
}

impl Authenticator {
    pub(crate) fn new(
        auth: Auth,
        subject_valid: Duration,
        proxy: Option<TokenHeader>,
        sessions: Sessions,
    ) -> Self {
        Self {
            auth,
            verified: VerifiedTokens::default(),
            sessions,
            subject_valid,
            subjects: PlannerSubjects::default(),
            proxy,
        }
    }

    /// The caller of a request with this method and these headers. A browser adds its cookies also to requests that pages of other sites
    /// make: such a request may not change anything.
    pub(crate) async fn authenticate(&self, method: &Method, headers: &HeaderMap) -> Result<Caller, Denied> {
        if matches!(self.auth, Auth::Off) {
            return Ok(anonymous());
        }
        let sent = SentToken::of(headers, self.proxy.as_ref())?;
        let is_browsers = sent.carrier != TokenCarrier::Authorization;
        if is_browsers && !matches!(*method, Method::GET | Method::HEAD) && !is_same_origin(headers) {
            return Err(Denied::ForeignOrigin);
        }
        Ok(self.verify(sent.text).await?.caller)
    }

    /// Whether the token of a request is that of a session with the pages.
    pub(crate) fn is_session(&self, headers: &HeaderMap) -> bool {
        matches!(self.auth, Auth::Tokens { .. })
            && SentToken::of(headers, self.proxy.as_ref())
                .is_ok_and(|sent| sent.carrier == TokenCarrier::Session)
    }

    /// The caller whom a token names.
    pub(crate) async fn verify(&self, token: &str) -> Result<SignedIn, Denied> {
        let Auth::Tokens { keys, rules } = &self.auth else {
            return Ok(SignedIn { caller: anonymous(), expires_at: i64::MAX });
        };
        let (current, now) = (keys.current(), chrono::Utc::now().timestamp());
        let mut signed_in = match self.verified.find(token, &current, now) {
            Some(known) => known,
            None => {
                let signed_in = signed_in(token, keys, rules).await?;
                self.verified.keep(token, current, now, &signed_in);
                signed_in
            }
        };
        if rules.subjects == Subjects::Planner {
            let subject = &signed_in.caller.subject;
            signed_in.caller.name =
                self.subjects.name_of(subject, &self.sessions, self.subject_valid).await?;
        }
        Ok(signed_in)
    }
}

/// The caller whom a token names, with the name that the token gives.
async fn signed_in(token: &str, keys: &Keyring, rules: &TokenRules) -> Result<SignedIn, Denied> {
    let claims = keys.verify(token, rules).await.map_err(|error| denied(&error))?;
    check_subject(&claims.sub)?;
    if claims.iss.as_ref().is_some_and(|issuer| !fits(issuer)) {
        return Err(Denied::Invalid("its issuer (iss) is too long, or has invisible characters"));
    }
    let expires_at = claims.expires_at();
    let name = claims.username().and_then(recordable);
    let scopes = claims.scope.as_ref();
    let caller = Caller {
        scopes: scopes.map_or(rules.default_scopes, |words| ScopeSet::of_token(words.iter())),
        projects: claims.projects.map(|ids| ids.into_iter().map(ProjectId::from).collect()),
        name,
        issuer: claims.iss,
        subject: claims.sub,
    };
    Ok(SignedIn { caller, expires_at })
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<Authenticator>: FromRef<S>,
{
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        let caller =
            Arc::<Authenticator>::from_ref(state).authenticate(&parts.method, &parts.headers).await?;
        request::set_subject(&caller.subject);
        Ok(caller)
    }
}

fn anonymous() -> Caller {
    Caller {
        subject: ANONYMOUS.to_owned(),
        name: None,
        issuer: None,
        scopes: ScopeSet::all(),
        projects: None,
    }
}

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

fn denied(refused: &TokenRefusal) -> Denied {
    let error = match refused {
        TokenRefusal::Extensions => {
            return Denied::Invalid(
                "its header requires extensions (crit), which this service does not support",
            );
        }
        TokenRefusal::NoKeys => {
            return Denied::Unavailable {
                code: "no_keys",
                detail: "the keys that sign tokens cannot be fetched now; /readyz has the reason".to_owned(),
            };
        }
        TokenRefusal::Token(error) => error,
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
