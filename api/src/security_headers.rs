//! Security headers of every response: no content sniffing, no caching, no framing.

use axum::http::HeaderValue;
use axum::http::Response;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};

/// Which pages may load a response without CORS (Fetch, 3.7): none of another origin.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A response with data loads and runs nothing. The page of `/docs` has its own policy.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// The defaults; a route may set others.
const HEADERS: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, NOTHING),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (RESOURCE_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
];

/// Adds the headers that are missing.
pub(crate) async fn add<B>(mut response: Response<B>) -> Response<B> {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
