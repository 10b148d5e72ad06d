//! What a token must have to be accepted.

use super::scope::ScopeSet;
use super::subjects::Subjects;

/// Requirements of a token beside signature, expiry and subject.
#[derive(Clone, Debug, Default)]
pub struct TokenRules {
    /// The required audience (`aud`).
    pub audience: Option<String>,
    /// The required issuer (`iss`).
    pub issuer: Option<String>,
    /// The scopes of a token without `scope`.
    pub default_scopes: ScopeSet,
    /// Whose tokens are accepted.
    pub subjects: Subjects,
}
