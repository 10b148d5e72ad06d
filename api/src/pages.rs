//! The pages for browsers: the portfolio, a project's timeline, the log, the runs, and signing in.
//!
//! The service renders everything: a page works without script, and prints. Its scripts ask for the same pages, or for a part of one,
//! and put that into place; commands go to the routes of [`crate::routes`], with the session's cookie.
//!
//! - `files` are the scripts and the style sheet, `frame` is what all pages have in common, `answer` the response, also to a failure;
//!   `visitor` is who asks.
//! - `live` tells a browser whether something has changed.
//! - `words` has texts, days and amounts as people read them; `chart` computes the bars.
//! - `sign_in` begins and ends the session of a browser.
//! - `project` is a project's page; `portfolio` has all projects, `log` the log, `runs` the runs and repairs. `parameters` reads their
//!   queries.

mod answer;
mod chart;
mod files;
mod frame;
mod live;
mod log;
mod parameters;
mod portfolio;
mod project;
mod runs;
mod sign_in;
mod visitor;
mod words;

use crate::problem::not_found;
use crate::state::AppState;
use answer::{PageFailure, PageRequest};
use axum::Router;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

/// The routes.
pub(crate) fn router() -> Router<AppState> {
    files::router()
        .merge(live::router())
        .merge(sign_in::router())
        .merge(portfolio::router())
        .merge(project::router())
        .merge(log::router())
        .merge(runs::router())
}

/// The response to a browser that asks for a page that does not exist; none for programs, whose responses are problems.
pub(crate) fn missing(app: &AppState, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let is_browser = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains("text/html"));
    if !is_browser || uri.path().starts_with("/api/") {
        return None;
    }
    let problem = not_found("there is no page at this address");
    Some(PageFailure::of_stranger(problem, app, &PageRequest::of(uri, headers)).into_response())
}
