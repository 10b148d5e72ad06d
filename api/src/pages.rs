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

use crate::state::AppState;
use axum::Router;

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
