//! Pages of other sites: the permitted origins, and the headers by which browsers learn of the permission (CORS).

use crate::request::REQUEST_ID;
use axum::http::header::{ETAG, HeaderName, LINK, RETRY_AFTER};
use axum::http::uri::Scheme;
use axum::http::{HeaderValue, Method, Uri};
use std::str::FromStr;
use std::time::Duration;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// How long a browser may remember a preflight's response. Chromium remembers none for more than two hours.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The methods of the routes.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// An origin as browsers send it: `https://planner.example`, with a port if it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(HeaderValue);

impl FromStr for WebOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("{text:?} {what}: expected such as https://planner.example");
        if text == "*" {
            return Err(wrong("would permit every site to act for the callers whose browsers it runs in"));
        }
        let uri: Uri = text.parse().map_err(|_| wrong("is not an origin"))?;
        let authority = uri.authority().ok_or_else(|| wrong("is not an origin"))?;
        let scheme = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => scheme,
            _ => return Err(wrong("is neither http nor https")),
        };
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") || authority.as_str().contains('@') {
            return Err(wrong("has more than scheme, host and port"));
        }
        // Browsers leave out the scheme's own port.
        let own = if *scheme == Scheme::HTTPS { 443 } else { 80 };
        let port = authority
            .port_u16()
            .filter(|port| *port != own)
            .map_or_else(String::new, |port| format!(":{port}"));
        let origin = format!("{scheme}://{}{port}", authority.host().to_ascii_lowercase());
        HeaderValue::from_str(&origin).map(Self).map_err(|_| wrong("is not an origin"))
    }
}

impl WebOrigin {
    /// Whether this is the origin that a request names.
    pub(crate) fn is(&self, sent: &HeaderValue) -> bool {
        self.0 == *sent
    }
}

/// The layer that answers preflights, and permits these origins to read responses; none without origins.
pub(crate) fn layer(origins: &[WebOrigin]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let exposed = [
        ETAG,
        LINK,
        RETRY_AFTER,
        HeaderName::from_static("phaseline-position"),
        HeaderName::from_static("phaseline-quarantine"),
        HeaderName::from_static("phaseline-at"),
        HeaderName::from_static("phaseline-as-of"),
        HeaderName::from_static("idempotent-replayed"),
        HeaderName::from_static("x-error-code"),
        HeaderName::from_static(REQUEST_ID),
    ];
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().map(|origin| origin.0.clone())))
        .allow_credentials(true)
        .allow_methods(METHODS)
        // A permitted page may send any header: what the service does not know it ignores.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(MAX_AGE);
    Some(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_as_browsers_send_it() {
        for (text, origin) in [
            ("https://planner.example", "https://planner.example"),
            ("https://Planner.Example:443/", "https://planner.example"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(text.parse::<WebOrigin>().unwrap().0, origin, "{text}");
        }
        for wrong in [
            "*",
            "null",
            "",
            "planner.example",
            "https://a.example/path",
            "ftp://a.example",
            "https://u@a.example",
        ] {
            assert!(wrong.parse::<WebOrigin>().is_err(), "{wrong}");
        }
    }
}
