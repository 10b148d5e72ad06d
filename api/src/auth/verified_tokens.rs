//! Tokens that were verified: a client sends the same one with each request, and verifying it again costs more than most of what the
//! request does beside its command.

use super::SignedIn;
use super::keys::{Keys, LEEWAY};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Upper bound on cached tokens.
const MOST: usize = 1_000;

/// Longer tokens, which name many projects, are not cached.
const LONGEST: usize = 4 * 1024;

/// A cache of verified tokens, by their digests: memory has no token longer than its request.
#[derive(Default)]
pub(super) struct VerifiedTokens(Mutex<HashMap<[u8; 32], VerifiedToken>>);

struct VerifiedToken {
    /// The keys that were in use. With others the token is verified again.
    keys: Arc<Keys>,
    /// When it was verified, in seconds since 1970: from then until its expiry it is valid.
    at: i64,
    signed_in: SignedIn,
}

impl VerifiedToken {
    fn is_valid(&self, keys: &Arc<Keys>, now: i64) -> bool {
        Arc::ptr_eq(&self.keys, keys)
            && self.at <= now
            && now.saturating_sub(LEEWAY) <= self.signed_in.expires_at
    }
}

impl VerifiedTokens {
    /// The caller of a token that was verified with these keys, if it is still valid.
    pub(super) fn find(&self, token: &str, keys: &Arc<Keys>, now: i64) -> Option<SignedIn> {
        if token.len() > LONGEST {
            return None;
        }
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tokens.get(&digest(token)).filter(|known| known.is_valid(keys, now))?;
        Some(known.signed_in.clone())
    }

    /// Keeps a token that was verified at `at`. `keys` are those that were in use before.
    pub(super) fn keep(&self, token: &str, keys: Arc<Keys>, at: i64, signed_in: &SignedIn) {
        if token.len() > LONGEST {
            return;
        }
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.retain(|_, known| known.is_valid(&keys, at));
        }
        if tokens.len() >= MOST {
            tokens.clear();
        }
        tokens.insert(digest(token), VerifiedToken { keys, at, signed_in: signed_in.clone() });
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").finish_non_exhaustive()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Caller, ScopeSet};

    fn expiring(expires_at: i64) -> SignedIn {
        let caller = Caller {
            subject: "ada".to_owned(),
            name: None,
            issuer: None,
            scopes: ScopeSet::all(),
            projects: None,
        };
        SignedIn { caller, expires_at }
    }

    #[test]
    fn a_verified_token_is_valid_until_it_expires_or_keys_change() {
        let (tokens, keys) = (VerifiedTokens::default(), Arc::new(Keys::default()));
        tokens.keep("a.b.c", Arc::clone(&keys), 1_000, &expiring(2_000));
        for (now, is_valid) in [(999, false), (1_000, true), (2_000 + LEEWAY, true), (2_001 + LEEWAY, false)]
        {
            assert_eq!(tokens.find("a.b.c", &keys, now).is_some(), is_valid, "{now}");
        }
        assert!(tokens.find("a.b.d", &keys, 1_500).is_none());
        assert!(tokens.find("a.b.c", &Arc::new(Keys::default()), 1_500).is_none());
    }

    #[test]
    fn cached_tokens_are_bounded_in_number_and_length() {
        let (tokens, keys) = (VerifiedTokens::default(), Arc::new(Keys::default()));
        for n in 0..=MOST {
            tokens.keep(&n.to_string(), Arc::clone(&keys), 1_000, &expiring(2_000));
            assert!(tokens.find(&n.to_string(), &keys, 1_000).is_some());
        }
        assert_eq!(tokens.0.lock().unwrap().len(), 1);
        // Expired ones make room first.
        (1..MOST).for_each(|n| tokens.keep(&format!("old {n}"), Arc::clone(&keys), 0, &expiring(0)));
        tokens.keep("new", Arc::clone(&keys), 1_000, &expiring(2_000));
        assert!(tokens.find(&MOST.to_string(), &keys, 1_000).is_some());
        let long = "x".repeat(LONGEST + 1);
        tokens.keep(&long, Arc::clone(&keys), 1_000, &expiring(2_000));
        assert!(tokens.find(&long, &keys, 1_000).is_none());
    }
}
