//! What a browser asks again and again: whether something has changed. Answers 304 while nothing has.

use super::answer::PageFailure;
use super::frame::Section;
use super::visitor::Visitor;
use crate::auth::TokenScope;
use crate::routes::tip;
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

/// The route for lists: the end of the log.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/live", get(log_end))
}

#[derive(Serialize)]
struct LogEndResponse {
    position: i64,
}

async fn log_end(
    State(app): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, PageFailure> {
    let visitor = visitor.in_section(Section::None, TokenScope::HistoryRead)?;
    let tip = tip(&app).await.map_err(|problem| visitor.failure(problem))?;
    Ok(unless_known(&LogEndResponse { position: tip.position }, &tip.position.to_string(), &headers))
}

/// The state, or 304 if the browser has it already. `tag` changes with the state.
pub(super) fn unless_known(state: &impl Serialize, tag: &str, headers: &HeaderMap) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    let caching = [(ETAG, tag.clone()), (CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if headers.get(IF_NONE_MATCH) == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, axum::Json(state)).into_response()
}
