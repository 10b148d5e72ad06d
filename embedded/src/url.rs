//! Builds the URLs of private servers, and removes the password from any URL.

use std::fmt::Write as _;

use crate::EmbeddedError;

/// The URL of a database on a loopback server.
pub(crate) fn loopback(password: &str, port: u16, database: &str) -> String {
    format!("postgres://postgres:{}@127.0.0.1:{port}/{}", percent_encode(password), percent_encode(database))
}

/// A URL without its password, and the password. The URL is for a command line, which every local user can read, the
/// password for the environment, which others cannot read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) bare: String,
    pub(crate) password: Option<String>,
}

pub(crate) fn split(url: &str) -> Result<Split, EmbeddedError> {
    let (scheme, rest) = url.split_once("://").ok_or(EmbeddedError::BadUrl)?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(EmbeddedError::BadUrl);
    }
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let Some((user_info, host)) = authority.rsplit_once('@') else {
        return Ok(Split { bare: url.to_owned(), password: None });
    };
    let Some((user, password)) = user_info.split_once(':') else {
        return Ok(Split { bare: url.to_owned(), password: None });
    };
    let password = percent_decode(password).ok_or(EmbeddedError::BadUrl)?;
    Ok(Split { bare: format!("{scheme}://{user}@{host}{tail}"), password: Some(password) })
}

/// Text for any part of a URL: every byte but letters, digits and `-._~` is escaped.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The text of a part of a URL; none if an escape is not two hexadecimal digits, or the bytes are not UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let [high, low, after @ ..] = tail else {
                return None;
            };
            let hex = |digit: u8| char::from(digit).to_digit(16);
            bytes.push(u8::try_from(hex(*high)? * 16 + hex(*low)?).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_decoded_from_a_url_as_it_was_encoded() {
        let url = loopback("p@ss/w:ör%d?", 5433, "a b/c");
        assert!(url.ends_with("@127.0.0.1:5433/a%20b%2Fc"), "{url}");
        let split = split(&url).unwrap();
        assert_eq!(split.password.as_deref(), Some("p@ss/w:ör%d?"));
        assert_eq!(split.bare, "postgres://postgres@127.0.0.1:5433/a%20b%2Fc");
    }

    #[test]
    fn a_url_without_a_password_is_not_changed() {
        for url in [
            "postgres://db.example/x",
            "postgresql://me@h/x?sslmode=require",
            "postgres:///x?host=/tmp&a=b@c:d",
        ] {
            assert_eq!(split(url).unwrap(), Split { bare: url.to_owned(), password: None });
        }
    }

    #[test]
    fn an_invalid_url_is_refused_without_showing_it() {
        for url in ["host=localhost password=secret", "mysql://a:secret@h/d", "postgres://a:%zz@h/d"] {
            assert!(!split(url).unwrap_err().to_string().contains("secret"));
        }
    }
}
