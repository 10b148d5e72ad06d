//! The token that a request has, and what carried it.

use super::{Denied, TokenHeader};
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderMap};

/// The cookie of a session with the pages. It holds the token.
pub(crate) const SESSION_COOKIE: &str = "phaseline_session";

/// The token of a request. Not for log lines.
pub(super) struct SentToken<'a> {
    pub(super) text: &'a str,
    pub(super) carrier: TokenCarrier,
}

/// What carried a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenCarrier {
    /// The header `Authorization`: the client itself sent it.
    Authorization,
    /// The header of a proxy that signs people in. The browser authenticates to that proxy by a cookie.
    Proxy,
    /// The cookie of a session, which a browser adds to every request, also to one that a page of another site makes.
    Session,
}

impl<'a> SentToken<'a> {
    /// Reads `Authorization`, else the header of the proxy, else the cookie of the session.
    pub(super) fn of(headers: &'a HeaderMap, proxy: Option<&TokenHeader>) -> Result<Self, Denied> {
        if headers.contains_key(AUTHORIZATION) {
            return Ok(Self { text: bearer(headers)?, carrier: TokenCarrier::Authorization });
        }
        if let Some(text) = proxy.map(|header| of_proxy(headers, header)).transpose()?.flatten() {
            return Ok(Self { text, carrier: TokenCarrier::Proxy });
        }
        let text = of_session(headers)?.ok_or(Denied::Missing)?;
        Ok(Self { text, carrier: TokenCarrier::Session })
    }
}

/// The token in `Authorization`.
fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let header = sent.next().ok_or(Denied::Missing)?;
    if sent.next().is_some() {
        return Err(Denied::Invalid("the request has several Authorization headers"));
    }
    let header = header.to_str().map_err(|_| Denied::Invalid("the Authorization header is not text"))?;
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Denied::Missing),
    }
}

/// The token in the proxy's header; none without the header, or if it is empty.
fn of_proxy<'a>(headers: &'a HeaderMap, header: &TokenHeader) -> Result<Option<&'a str>, Denied> {
    let mut sent = headers.get_all(header.name()).iter();
    let Some(first) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(Denied::Invalid("the request has the proxy's header (page_token_header) several times"));
    }
    let text =
        first.to_str().map_err(|_| Denied::Invalid("the proxy's header (page_token_header) is not text"))?;
    Ok(Some(text.trim()).filter(|text| !text.is_empty()))
}

/// The token in the cookie of the session. Another site of the same domain may set a second cookie of that name: which one is the
/// service's own is unknown then.
fn of_session(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(cookies);
    let mut sent = pairs.filter(|(name, _)| *name == SESSION_COOKIE.as_bytes());
    let Some((_, value)) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(Denied::Invalid("the request has several cookies phaseline_session"));
    }
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => Ok(Some(text)),
        _ => Err(Denied::Invalid("the cookie phaseline_session is not text")),
    }
}

/// The cookies of a header (RFC 6265, 4.2.1). Those of other programs may have any bytes.
fn cookies(header: &HeaderValue) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.as_bytes().split(|byte| *byte == b';').filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
        Some((name.trim_ascii(), value.trim_ascii()))
    })
}
