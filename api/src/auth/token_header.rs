//! The header in which a proxy that signs people in passes their tokens.

use axum::http::HeaderName;
use axum::http::header::{AUTHORIZATION, COOKIE};
use std::str::FromStr;

/// The name of a header that has a token, and nothing else: `X-Forwarded-Access-Token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHeader(HeaderName);

impl FromStr for TokenHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text:?} {what}: expected such as X-Forwarded-Access-Token");
        let name: HeaderName = text.trim().parse().map_err(|_| wrong("is not the name of a header"))?;
        if name == AUTHORIZATION || name == COOKIE {
            return Err(wrong("is a header that the service reads in its own way"));
        }
        Ok(Self(name))
    }
}

impl TokenHeader {
    /// The name.
    pub(super) const fn name(&self) -> &HeaderName {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_for_tokens_has_a_valid_name_and_no_other_use() {
        for name in ["X-Forwarded-Access-Token", "x-token", " X-Token "] {
            assert!(name.parse::<TokenHeader>().is_ok(), "{name}");
        }
        for wrong in ["", "two words", "x:y", "\u{e9}", "Authorization", "COOKIE"] {
            assert!(wrong.parse::<TokenHeader>().is_err() || wrong == "{wrong}");
        }
    }
}
