//! Responses with the headers that say which version of a timeline they show.

use crate::problem::Problem;
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::Json;
use axum::http::header::ETAG;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use phaseline_domain::ProjectId;
use phaseline_store::Quarantine;
use serde::Serialize;

/// The header with the position of a timeline's last event.
pub(crate) const POSITION: &str = "phaseline-position";
/// The header of an answer about a timeline in quarantine: the positions of the events that cannot be read, the first ten.
pub(crate) const QUARANTINE: &str = "phaseline-quarantine";
/// The header of an answer that is an earlier one again.
pub(crate) const REPLAYED: &str = "idempotent-replayed";

/// An answer that shows so many phases or assignments, with the timeline's version and the position of its last event.
pub(crate) async fn answer(
    status: StatusCode,
    body: impl Serialize + Send + 'static,
    entries: usize,
    (version, position): (i64, i64),
) -> Result<Response, Box<Problem>> {
    let response = aside_if(entries >= MANY, move || (status, Json(body)).into_response()).await?;
    Ok(with_place(response, version, position))
}

/// Adds the timeline's version and the position of its last event to an answer.
pub(crate) fn with_place(mut response: Response, version: i64, position: i64) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    response.headers_mut().insert(ETAG, tag.unwrap_or(HeaderValue::from_static("\"\"")));
    response.headers_mut().insert(POSITION, HeaderValue::from(position));
    response
}

/// A response with the current rows, as [`answer`], marked if the timeline is in quarantine.
pub(crate) async fn current_response(
    app: &AppState,
    project: ProjectId,
    body: impl Serialize + Send + 'static,
    entries: usize,
    place: (i64, i64),
) -> Result<Response, Box<Problem>> {
    let response = answer(StatusCode::OK, body, entries, place).await?;
    marked(app, project, response).await
}

/// The same for an answer that is there.
pub(crate) async fn marked(
    app: &AppState,
    project: ProjectId,
    mut response: Response,
) -> Result<Response, Box<Problem>> {
    let quarantine = app.store.quarantine_of(project).await.map_err(|error| Problem::of_store(&error))?;
    mark(&mut response, quarantine.as_ref());
    Ok(response)
}

/// Marks an answer about a timeline in quarantine.
pub(crate) fn mark(response: &mut Response, quarantine: Option<&Quarantine>) {
    let Some(quarantine) = quarantine.filter(|quarantine| !quarantine.is_empty()) else { return };
    let positions: Vec<String> =
        quarantine.events.iter().take(10).map(|event| event.position.to_string()).collect();
    if let Ok(positions) = HeaderValue::from_str(&positions.join(", ")) {
        response.headers_mut().insert(QUARANTINE, positions);
    }
}
