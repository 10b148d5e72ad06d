//! The routes of timelines and phases.
//!
//! - `phases` changes one phase or the order, `timeline` the project's dates; `restore` brings an earlier timeline back; `preview`
//!   returns the effects of a command, `history` the past ones, `past_timeline` a timeline as it was, `diff` what changed since;
//!   `portfolio` has both for all timelines, `log` the events of all streams. `moment` reads the moments of their queries, `actor_names`
//!   adds the names of the planner's users. `legacy_compat` has the routes of the planner's own service, in its own form.
//! - A request: `path_id` parses the id in the path, `write_request` extracts body, preconditions and key, `validate` reads a body
//!   and collects all that is wrong with it; `requests` has the bodies, `money` their amounts. `query` refuses unknown parameters,
//!   `page_query` reads those of pages.
//! - `project_view` reads a project; `execute` passes a command to the store, `opening` opens the timeline before it.
//! - A response: `success` adds the headers with a timeline's version, `responses` has the bodies of phases and assignments;
//!   `error` is every failed response, in both forms. `components` lists the schemas for the description.

pub(crate) mod actor_names;
mod components;
mod diff;
mod error;
mod execute;
mod headers;
mod history;
mod legacy_compat;
pub(crate) mod log;
pub(crate) mod moment;
mod money;
mod opening;
mod page_query;
mod past_timeline;
mod path_id;
mod phases;
pub(crate) mod portfolio;
mod preview;
mod project_view;
mod query;
mod requests;
mod responses;
mod restore;
mod success;
mod timeline;
mod validate;
mod write_request;

pub(crate) use error::RouteFailure;
pub(crate) use execute::{current_timeline, no_project};
pub(crate) use history::whole_history;
pub(crate) use moment::{end, resolved, tip};
pub(crate) use opening::{OpenWith, preview_or_open};
pub(crate) use past_timeline::timeline_at;
pub(crate) use path_id::PathId;
pub(crate) use project_view::{CurrentProject, assignment_days, current_project};
pub(crate) use query::{QueryResult, known_parameters, refuse_unknown};
pub(crate) use requests::RestoreTo;
pub(crate) use responses::PhaseResponse;
pub(crate) use restore::command_of as restore_command;

use crate::state::AppState;
pub(crate) use legacy_compat::is_planners;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// All routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    let mut description = components::PhaselineComponents::openapi();
    description.merge(legacy_compat::PlannerComponents::openapi());
    OpenApiRouter::with_openapi(description)
        .merge(legacy_compat::router())
        .merge(phases::router())
        .merge(timeline::router())
        .merge(restore::router())
        .merge(preview::router())
        .merge(history::router())
        .merge(diff::router())
        .merge(portfolio::router())
        .merge(log::router())
}
