//! The routes of timelines and phases.
//!
//! - `planner` has the routes of the planner's own service, in its own form.
//! - `phases` changes one phase or the order, `timeline` the project's dates; `preview` returns what they would do, `history` what
//!   was done.
//! - `requests` has the bodies of requests, `responses` those of phases and assignments.
//! - `write_request` extracts body, preconditions and key of a request; `validate` reads a body and collects all that is wrong
//!   with it.
//! - `project_view` reads a project for a response; `execute` hands a command to the store.
//! - `headers` adds a timeline's version to a response; `error` is every response that is not a success, in both forms;
//!   `openapi` describes them.
//! - `assignment_loader` counts assignments for many requests by one query.

pub(crate) mod assignment_loader;
mod error;
mod execute;
pub(crate) mod headers;
mod history;
mod openapi;
mod phases;
mod planner;
mod preview;
mod project_view;
mod requests;
mod responses;
mod timeline;
mod validate;
mod write_request;

use crate::state::AppState;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// All of them.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Components::openapi())
        .merge(planner::router())
        .merge(phases::router())
        .merge(timeline::router())
        .merge(preview::router())
        .merge(history::router())
}
