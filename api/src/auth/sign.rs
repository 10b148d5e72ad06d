//! Tokens for development, signed with the secret that the service verifies.

use super::{KeyError, SHORTEST_SECRET, ScopeSet};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use phaseline_domain::ProjectId;
use serde::Serialize;

/// The claims of a token to sign.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// The subject.
    pub subject: String,
    /// The scopes; without them the service's default applies.
    pub scopes: Option<ScopeSet>,
    /// The projects to which it is limited.
    pub projects: Option<Vec<ProjectId>>,
    /// The expiry.
    pub expires_at: DateTime<Utc>,
    /// The audience.
    pub audience: Option<String>,
    /// The issuer.
    pub issuer: Option<String>,
}

#[derive(Serialize)]
struct SignedClaims<'a> {
    sub: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projects: Option<&'a [ProjectId]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
}

impl TokenRequest {
    /// The token, signed by HS256.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`]; [`KeyError::NotSigned`] if the token cannot be written.
    pub fn sign(&self, secret: &[u8]) -> Result<String, KeyError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyError::ShortSecret { found: secret.len() });
        }
        let claims = SignedClaims {
            sub: &self.subject,
            iat: Utc::now().timestamp(),
            exp: self.expires_at.timestamp(),
            scope: self.scopes.map(|scopes| scopes.to_string()),
            projects: self.projects.as_deref(),
            aud: self.audience.as_deref(),
            iss: self.issuer.as_deref(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret))
            .map_err(|error| KeyError::NotSigned(error.to_string()))
    }
}
