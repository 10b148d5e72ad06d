//! Tokens to try the sign-in with.

use crate::argument;
use crate::failure::Failure;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use phaseline_api::auth::{Auth, Keyring, Keys, ScopeSet, TokenRequest, TokenRules, TokenScope};
use serde::Serialize;
use uuid::Uuid;

/// The subject of each token, with its scopes.
const SUBJECTS: [(&str, &[TokenScope]); 3] = [
    ("planner", &TokenScope::ALL),
    ("reader", &[TokenScope::PhasesRead, TokenScope::HistoryRead]),
    ("looker", &[TokenScope::PhasesRead]),
];

/// The longest validity, in minutes: a year.
const LONGEST: u32 = 366 * 24 * 60;

/// A token to sign in with.
#[derive(Serialize)]
pub(super) struct SampleToken {
    /// Its subject.
    pub(super) name: &'static str,
    /// Its scopes.
    pub(super) scope: String,
    /// The expiry.
    pub(super) expires_at: String,
    /// The token.
    pub(super) token: String,
}

/// How the service authenticates, with the tokens; they are valid for so many minutes. Without minutes no token is needed.
pub(super) fn auth(minutes: Option<u32>) -> Result<(Auth, Vec<SampleToken>), Failure> {
    let Some(minutes) = minutes else { return Ok((Auth::Off, Vec::new())) };
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let unusable = |error| Failure::unexpected(format!("no token could be signed: {error}"));
    let mut keys = Keys::default();
    keys.add_secret(secret.as_bytes()).map_err(unusable)?;
    let expires_at = Utc::now() + TimeDelta::minutes(minutes.into());
    let tokens = SUBJECTS.into_iter().map(|(name, scopes)| {
        token(name, scopes.iter().copied().collect(), expires_at, secret.as_bytes()).map_err(unusable)
    });
    let tokens = tokens.collect::<Result<_, Failure>>()?;
    Ok((Auth::Tokens { keys: Keyring::from(keys), rules: TokenRules::default() }, tokens))
}

fn token(
    name: &'static str,
    scopes: ScopeSet,
    expires_at: DateTime<Utc>,
    secret: &[u8],
) -> Result<SampleToken, phaseline_api::auth::KeyError> {
    let request = TokenRequest {
        subject: name.to_owned(),
        scopes: Some(scopes),
        projects: None,
        expires_at,
        audience: None,
        issuer: None,
    };
    Ok(SampleToken {
        name,
        scope: scopes.to_string(),
        expires_at: expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        token: request.sign(secret)?,
    })
}

/// Parses a validity in minutes.
pub(super) fn minutes(text: &str) -> Result<u32, String> {
    argument::number_to(text, LONGEST)
}
