//! The assignments on a phase's days: all of them in one answer, as the planner's front end reads them, or page by page. Either
//! way the database is asked for a few hundred at a time, so that an answer takes no more memory and holds no connection longer,
//! however many there are and however slowly they are read.

mod page;
mod stream;

use super::{caller, id};
use crate::auth::{Caller, Denied, Scope};
use crate::problem::{Problem, bad_request};
use crate::routes::error::Failure;
use crate::routes::headers::{current_response, marked, with_place};
use crate::routes::openapi::PlannerPaging;
use crate::routes::project_view::{self, phase_of};
use crate::routes::responses::Assignment;
use crate::routes::write_request::Segment;
use crate::state::AppState;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use page::{Days, Last};
use phaseline_domain::PhaseId;
use std::collections::HashMap;

/// How many assignments are read from the database at once: some 180 kB of the answer.
const AT_ONCE: usize = 500;

/// The most that a page has.
const MOST: usize = 5000;

/// The assignments on a phase's days
///
/// By day. All of them, or, with `limit`, a page, and where the next one is in the header `Link`.
#[utoipa::path(get, path = "/api/v1/phases/{phase_id}/assignments", tag = "planner", operation_id = "list_assignments",
    params(("phase_id" = Uuid, Path),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 5000, description = "How many at most; all unless it is said."),
        ("cursor" = Option<String>, Query, description = "Where the page begins, from `Link` of the page before it.")),
    security(("bearer" = ["phases:read"])),
    responses(
        (status = OK, body = [Assignment], headers(
            ("Link" = String, description = "The next page, if there is one: `<...>; rel=\"next\"`."),
            ("ETag" = String, description = "The timeline's version; assignments change without it."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Phaseline-Quarantine" = String, description = "If the timeline is in quarantine: the positions of the events \
             that cannot be read, the first ten."))),
        PlannerPaging,
    ))]
pub(super) async fn assignments(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    phase: Segment,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Response {
    listed(&app, asks, &phase, query).await.unwrap_or_else(Failure::into_planners)
}

async fn listed(
    app: &AppState,
    asks: Result<Caller, Denied>,
    phase: &Segment,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Response, Failure> {
    let caller = caller(asks, Scope::PhasesRead)?;
    let phase: PhaseId = id("phase_id", phase)?;
    let Query(query) = query.map_err(Problem::from)?;
    let (limit, after) = asked_for(&query, phase)?;
    let missing = || Failure::Missing(format!("Phase with ID {phase} not found"));
    let found = project_view::current_project_of_phase(app, &caller, phase).await?;
    let found = found.ok_or_else(missing)?;
    let body = phase_of(&found, phase).ok_or_else(missing)?;
    let place = (found.version, found.position);
    let (Some(first), Some(last)) = (&body.start_date, &body.end_date) else {
        return Ok(current_response(app, found.project, Vec::<Assignment>::new(), 0, place).await?);
    };
    let days = Days { project: found.project, first: first.clone(), last: last.clone() };
    let at_once = limit.unwrap_or(AT_ONCE);
    let mut rows = page::read(&app.pool, &days, after.as_ref(), at_once + 1).await?;
    let more = rows.len() > at_once;
    rows.truncate(at_once);
    let next = rows.last().map(Last::of).filter(|_| more);
    match (next, limit) {
        (None, _) => Ok(current_response(app, found.project, rows, at_once, place).await?),
        (Some(next), Some(limit)) => {
            let mut response = current_response(app, found.project, rows, at_once, place).await?;
            let cursor = next.cursor(phase);
            let link =
                format!("</api/v1/phases/{phase}/assignments?limit={limit}&cursor={cursor}>; rel=\"next\"");
            if let Ok(link) = HeaderValue::from_str(&link) {
                response.headers_mut().insert(LINK, link);
            }
            Ok(response)
        }
        (Some(next), None) => {
            let body = stream::all(app, days, rows, next);
            let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            let response = with_place((json, body).into_response(), place.0, place.1);
            Ok(marked(app, found.project, response).await?)
        }
    }
}

/// How many are asked for, and behind which one they begin.
fn asked_for(
    query: &HashMap<String, String>,
    phase: PhaseId,
) -> Result<(Option<usize>, Option<Last>), Box<Problem>> {
    let limit = query.get("limit").map(|text| {
        let limit = text.parse::<usize>().ok().filter(|limit| (1..=MOST).contains(limit));
        limit
            .ok_or_else(|| Box::new(bad_request(format!("limit is a number from 1 to {MOST}, not {text:?}"))))
    });
    let after = query.get("cursor").map(|cursor| {
        Last::of_cursor(cursor, phase).ok_or_else(|| {
            Box::new(Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_cursor",
                "Bad cursor",
                "the cursor is not one of this phase's assignments: begin again without one",
            ))
        })
    });
    Ok((limit.transpose()?, after.transpose()?))
}
