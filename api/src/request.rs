//! The context of the current request: its id, its caller, its deadline.

use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use uuid::Uuid;

/// The header with a request's id, in requests and responses.
pub const REQUEST_ID: &str = "x-request-id";

/// The longest id that a client may choose.
const LONGEST_ID: usize = 128;

tokio::task_local! {
    /// The request that this task works on.
    static CURRENT: Arc<RequestContext>;
}

/// The context of a request.
#[derive(Debug)]
pub(crate) struct RequestContext {
    /// Its id.
    pub(crate) id: RequestId,
    /// The caller's subject, once it is authenticated.
    pub(crate) subject: OnceLock<String>,
    /// When it times out.
    pub(crate) deadline: Instant,
}

/// A request's id: the client's, if it sent a valid one, else a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The client's id if it is valid (visible ASCII, up to 128 characters), else a new one.
    pub(crate) fn of(sent: Option<&HeaderValue>) -> Self {
        let is_valid = |id: &&HeaderValue| {
            (1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
        };
        sent.filter(is_valid).cloned().map_or_else(Self::fresh, Self)
    }

    fn fresh() -> Self {
        let mut text = Uuid::encode_buffer();
        let id = Uuid::now_v7().hyphenated().encode_lower(&mut text);
        // Hexadecimal digits and hyphens are valid in a header.
        Self(HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("none")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as a header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(current_id().unwrap_or_else(Self::fresh))
    }
}

/// Runs the work of a request with its context.
pub(crate) async fn scope<F: Future>(known: Arc<RequestContext>, work: F) -> F::Output {
    CURRENT.scope(known, work).await
}

/// The id of the request that this task works on.
pub fn current_id() -> Option<RequestId> {
    CURRENT.try_with(|known| known.id.clone()).ok()
}

/// When the request that this task works on times out.
pub(crate) fn deadline() -> Option<Instant> {
    CURRENT.try_with(|known| known.deadline).ok()
}

/// Sets the caller's subject, for the log.
pub(crate) fn set_subject(subject: &str) {
    let _ = CURRENT.try_with(|known| known.subject.set(subject.to_owned()));
}
