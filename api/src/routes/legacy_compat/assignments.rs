//! The assignments on a phase's dates: all of them in one response, as the planner's front end reads them, or page by page. Both
//! read a few hundred rows at a time, so that a response takes no more memory and holds no connection longer, however many there
//! are and however slowly the client reads.

mod page;
mod stream;

use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::PlannerReadErrors;
use crate::problem::{Problem, bad_request};
use crate::routes::error::{PlannerError, RouteFailure};
use crate::routes::path_id::PathId;
use crate::routes::project_view::{self, phase_of, version_of};
use crate::routes::responses::AssignmentResponse;
use crate::routes::success::Paged;
use crate::state::AppState;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use page::{AssignmentDates, CHUNK, Last};
use phaseline_domain::PhaseId;
use std::collections::HashMap;
use utoipa::IntoParams;

/// The largest page.
const MAX_PAGE: usize = 5000;

/// The query of a list of assignments.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct AssignmentsQuery {
    /// The most assignments of the page; without it the response has all.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<i64>,
    /// Where the page begins, from `Link` of the page before it.
    cursor: Option<String>,
}

/// The assignments on a phase's dates
///
/// By date. All of them, or, with `limit`, one page; the header `Link` has the next one. Assignments change without a new version.
#[utoipa::path(get, path = "/api/v1/phases/{phase_id}/assignments", tag = "planner", operation_id = "list_assignments",
    params(("phase_id" = Uuid, Path), AssignmentsQuery), security(("bearer" = ["phases:read"])),
    responses(Paged<[AssignmentResponse]>, PlannerReadErrors))]
pub(super) async fn assignments(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    phase: PathId,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
) -> Result<Paged<[AssignmentResponse]>, PlannerError> {
    let caller = caller?.with_scope(TokenScope::PhasesRead)?;
    let phase = phase.planner_phase()?;
    let Query(query) = query.map_err(Problem::from)?;
    let (limit, after) = limit_and_cursor(&query, phase)?;
    let not_found = || RouteFailure::NotFound(format!("Phase with ID {phase} not found"));
    let found = project_view::current_project_of_phase(&app, &caller, phase).await?;
    let found = found.ok_or_else(not_found)?;
    let body = phase_of(&found, phase).ok_or_else(not_found)?;
    let (project, version) = (found.project, version_of(&found));
    let page_size = limit.unwrap_or(CHUNK);
    let (rows, next) = match (&body.start_date, &body.end_date) {
        (Some(first), Some(last)) => {
            let dates = AssignmentDates { project, first: first.clone(), last: last.clone() };
            let mut rows = page::read(&app.sessions, &dates, after.as_ref(), page_size + 1).await?;
            let more = rows.len() > page_size;
            rows.truncate(page_size);
            let next = rows.last().map(Last::of).filter(|_| more);
            match (next, limit) {
                (Some(next), None) => {
                    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
                    let response = (json, stream::all(&app, dates, rows, next)).into_response();
                    return Ok(Paged::stream(response, version).marked(&app, project).await?);
                }
                (next, _) => (rows, next),
            }
        }
        _ => (Vec::new(), None),
    };
    let next = next.map(|next| {
        let cursor = next.cursor(phase);
        format!("/api/v1/phases/{phase}/assignments?limit={page_size}&cursor={cursor}")
    });
    let entries = rows.len();
    let response: Paged<[AssignmentResponse]> = Paged::new(rows, entries, version).await?;
    Ok(response.next(next).marked(&app, project).await?)
}

/// The size of the page, and the assignment behind which it begins.
fn limit_and_cursor(
    query: &HashMap<String, String>,
    phase: PhaseId,
) -> Result<(Option<usize>, Option<Last>), Box<Problem>> {
    let limit = query.get("limit").map(|text| {
        let limit = text.parse::<usize>().ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
        limit.ok_or_else(|| {
            Box::new(bad_request(format!("limit must be a number from 1 to {MAX_PAGE}, not {text:?}")))
        })
    });
    let after = query.get("cursor").map(|cursor| {
        Last::of_cursor(cursor, phase).ok_or_else(|| {
            Box::new(Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_cursor",
                "Bad cursor",
                "the cursor does not belong to this phase's assignments: start again without one",
            ))
        })
    });
    Ok((limit.transpose()?, after.transpose()?))
}
