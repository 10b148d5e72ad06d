//! Who asks, and what it may do: bearer tokens (JWT), their keys, scopes and projects.

mod caller;
mod keys;
mod scope;
mod sign;

pub use caller::{Caller, Denied};
pub use keys::{KeyError, Keys, SHORTEST_SECRET};
pub use scope::{Scope, ScopeSet, UnknownScope};
pub use sign::TokenRequest;

/// Who may ask.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Whoever has a token that one of the keys has signed.
    Tokens {
        /// The keys.
        keys: Keys,
        /// What a token must say besides.
        rules: TokenRules,
    },
    /// Everybody, with every scope: for one machine's own use.
    Off,
}

impl Default for Auth {
    /// No keys: no token is valid.
    fn default() -> Self {
        Self::Tokens { keys: Keys::default(), rules: TokenRules::default() }
    }
}

/// What a token must say besides being signed, unexpired and somebody's.
#[derive(Clone, Debug, Default)]
pub struct TokenRules {
    /// The audience that it must name (`aud`).
    pub audience: Option<String>,
    /// The issuer that it must name (`iss`).
    pub issuer: Option<String>,
    /// What a token without `scope` may do.
    pub default_scopes: ScopeSet,
}
