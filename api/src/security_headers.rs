//! What every answer tells a browser: to take it for what it says it is, to keep nothing, and to show it in no frame.

use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::response::Response;

/// Which pages may load an answer without asking (Fetch, 3.7): none of another origin.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// An answer that is data loads and runs nothing. The page of `/docs` has a policy of its own.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// What an answer has unless its route chose otherwise.
const HEADERS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, NOTHING),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (RESOURCE_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Adds the headers that are missing.
pub(crate) async fn add(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
