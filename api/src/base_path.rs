//! The prefix of the paths below which a proxy sends requests here.

use axum::Router;
use axum::extract::Request;
use axum::http::header::LOCATION;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use std::fmt;
use std::str::FromStr;

/// A prefix of paths such as `/phaseline`, without a slash at its end; empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text:?} {what}: expected such as /phaseline");
        if text.is_empty() || text == "/" {
            return Ok(Self::default());
        }
        let Some(segments) = text.strip_prefix('/') else { return Err(wrong("does not begin with a slash")) };
        if segments.ends_with('/') {
            return Err(wrong("ends with a slash"));
        }
        for segment in segments.split('/') {
            // Unreserved characters (RFC 3986, 2.3): nothing that a proxy or a browser writes in another way.
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            if segment.is_empty() || segment == "." || segment == ".." {
                return Err(wrong("has a segment that is empty or only dots"));
            }
            if !segment.bytes().all(is_plain) {
                return Err(wrong("has other characters than letters, digits, -, ., _ and ~"));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl BasePath {
    /// The prefix; empty for none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the cookies of the service.
    pub(crate) fn cookie_path(&self) -> &str {
        if self.0.is_empty() { "/" } else { &self.0 }
    }

    /// Serves every route below the prefix, too: it is removed before a route is looked for.
    pub(crate) fn strip_before(&self, routes: Router) -> Router {
        if self.0.is_empty() {
            return routes;
        }
        let base = self.clone();
        let strip = move |mut request: Request, next: Next| {
            if let Some(uri) = base.stripped(request.uri()) {
                *request.uri_mut() = uri;
            }
            next.run(request)
        };
        Router::new().fallback_service(routes).layer(from_fn(strip))
    }

    /// The address without the prefix; none if it is not below it.
    fn stripped(&self, uri: &Uri) -> Option<Uri> {
        let below = uri.path_and_query()?.as_str().strip_prefix(&self.0)?;
        if !below.starts_with('/') {
            return None;
        }
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_str(below).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Sends a request for the prefix itself to the first page.
    pub(crate) fn redirect_to_first_page(&self, uri: &Uri) -> Option<Response> {
        if self.0.is_empty() || uri.path() != self.0 {
            return None;
        }
        let place = uri.query().map_or_else(|| format!("{self}/"), |query| format!("{self}/?{query}"));
        let place = HeaderValue::from_str(&place).ok()?;
        Some((StatusCode::PERMANENT_REDIRECT, [(LOCATION, place)]).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_plain_segments_and_no_slash_at_its_end() {
        for (text, path) in
            [("", ""), ("/", ""), ("/phaseline", "/phaseline"), ("/a-b/c.d_~1", "/a-b/c.d_~1")]
        {
            assert_eq!(text.parse::<BasePath>().unwrap().as_str(), path, "{text}");
        }
        for wrong in [
            "phaseline",
            "/phaseline/",
            "//",
            "/a//b",
            "/a/../b",
            "/.",
            "/a b",
            "/a%20b",
            "/\u{e9}",
            "/a?b",
            "/a#b",
        ] {
            assert!(wrong.parse::<BasePath>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_below_the_prefix_is_stripped() {
        let base: BasePath = "/phaseline".parse().unwrap();
        let stripped = |text: &str| base.stripped(&text.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(stripped("/phaseline/log?x=/phaseline").as_deref(), Some("/log?x=/phaseline"));
        assert_eq!(stripped("/phaseline/").as_deref(), Some("/"));
        assert_eq!(stripped("http://a.example/phaseline/log").as_deref(), Some("http://a.example/log"));
        // Once only.
        assert_eq!(stripped("/phaseline/phaseline/log").as_deref(), Some("/phaseline/log"));
        for other in ["/phaseline", "/phaseline?x=1", "/phaselines", "/phaselines/log", "/log", "/"] {
            assert_eq!(stripped(other), None, "{other}");
        }
    }
}
