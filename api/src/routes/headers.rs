//! The headers with the version of the timeline in a response.

use axum::http::header::ETAG;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use phaseline_store::Quarantine;

/// The header with the position of a timeline's last event.
pub(crate) const POSITION: &str = "phaseline-position";
/// The header of a response about a timeline in quarantine: the positions of the first ten events that cannot be read.
pub(crate) const QUARANTINE: &str = "phaseline-quarantine";
/// The header of a response that repeats an earlier one.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A version of a timeline, and the position of its last event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimelineVersion {
    /// The version, which `ETag` carries.
    pub(crate) version: i64,
    /// The position in the whole log.
    pub(crate) position: i64,
}

/// Adds `ETag` and the position.
pub(crate) fn with_version(mut response: Response, at: TimelineVersion) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", at.version));
    response.headers_mut().insert(ETAG, tag.unwrap_or(HeaderValue::from_static("\"\"")));
    response.headers_mut().insert(POSITION, HeaderValue::from(at.position));
    response
}

/// Adds the positions of the events that cannot be read, if there are any.
pub(crate) fn mark_quarantine(response: &mut Response, quarantine: &Quarantine) {
    if quarantine.is_empty() {
        return;
    }
    let positions: Vec<String> =
        quarantine.events.iter().take(10).map(|event| event.position.to_string()).collect();
    if let Ok(positions) = HeaderValue::from_str(&positions.join(", ")) {
        response.headers_mut().insert(QUARANTINE, positions);
    }
}
