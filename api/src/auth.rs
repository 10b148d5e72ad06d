//! Authentication and authorization: tokens (JWT) of clients, of proxies and of sessions in browsers; their keys, scopes and projects.

mod authenticator;
mod caller;
mod denied;
mod key_set_url;
mod keyring;
mod keys;
mod names;
mod same_origin;
mod scope;
mod sent_token;
mod sign;
mod subjects;
mod token_header;
mod token_rules;
mod verified_tokens;

pub(crate) use authenticator::Authenticator;
pub use caller::Caller;
pub(crate) use caller::SignedIn;
pub use denied::Denied;
pub use key_set_url::{FetchError, KeySetUrl};
pub use keyring::Keyring;
pub use keys::{KeyError, Keys, SHORTEST_SECRET};
pub(crate) use same_origin::is_same_origin;
pub use scope::{ScopeSet, TokenScope, UnknownScope};
pub(crate) use sent_token::SESSION_COOKIE;
pub use sign::TokenRequest;
pub use subjects::Subjects;
pub use token_header::TokenHeader;
pub use token_rules::TokenRules;

/// How callers are authenticated.
#[derive(Clone, Debug)]
pub enum Auth {
    /// By a token that one of the keys signed.
    Tokens {
        /// The keys.
        keys: Keyring,
        /// Further requirements of a token.
        rules: TokenRules,
    },
    /// Not at all: every caller has every scope. For use on one machine.
    Off,
}

impl Default for Auth {
    /// No keys: no token is valid.
    fn default() -> Self {
        Self::Tokens { keys: Keyring::default(), rules: TokenRules::default() }
    }
}
