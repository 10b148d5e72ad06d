//! The description of the headers of requests that write.

use utoipa::IntoParams;

/// The headers of a request that writes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "for the description")]
pub(crate) struct WriteHeaders {
    /// The version that the client has seen, as in `ETag` (`"7"`), or `*`. At any other version nothing is written.
    #[param(rename = "If-Match", nullable = false, pattern = r#"^(\*|(W/)?"[!#-~]*")$"#)]
    if_match: Option<String>,
    /// A name for this request, 1 to 255 visible characters. Repeated within 24 hours, the request changes nothing, and the
    /// response is the first one with `Idempotent-Replayed: true` and the current `assignment_count`.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    idempotency_key: Option<String>,
    /// Why the change is made, for the history; at most 500 characters.
    #[param(rename = "Phaseline-Reason", nullable = false, max_length = 500)]
    reason: Option<String>,
    /// An id that related requests share, for the history. It is ignored if it has more than 128 characters or invisible ones.
    #[param(rename = "X-Correlation-Id", nullable = false)]
    correlation_id: Option<String>,
    /// The distributed trace (W3C Trace Context); its id is kept in the history.
    #[param(rename = "traceparent", nullable = false)]
    traceparent: Option<String>,
}
