//! Whether a page of this service made a request.

use axum::http::Uri;
use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use axum::http::uri::Authority;

/// The header in which a browser sends the relation between the requesting page and the service.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a browser says that a page of this service made the request: by `Sec-Fetch-Site`, or, if it does not send that, by an
/// `Origin` with the request's host. A request with neither is not from such a page.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(FETCH_SITE).iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => site == "same-origin",
        (Some(_), Some(_)) => false,
        (None, _) => names_own_host(headers),
    }
}

fn names_own_host(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
    let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
    let host: Option<Authority> =
        headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(|host| host.parse().ok());
    let (Some(origin), Some(host)) = (origin, host) else { return false };
    let own_port = match origin.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(own_port);
    origin
        .authority()
        .is_some_and(|named| named.host().eq_ignore_ascii_case(host.host()) && port(named) == port(&host))
}
