//! The routes of timelines and phases.
//!
//! - `planner` are those that the planner's own service has, in its own form.
//! - `phases` change one phase or the order, `timeline` the project's days; `preview` says what they would do, `history` what
//!   was done. `asked` is what their bodies ask for.
//! - `read` asks the database, `write` gives commands to the store; `phase` is what answers show of a phase.
//! - `sent` is what a request brings along, `shape` reads its body and says everything that is wrong with it.
//! - `failure` is every answer that is no success, in both forms; `docs` describes them.

mod asked;
pub(crate) mod counting;
mod docs;
mod failure;
pub(crate) mod headers;
mod history;
mod phase;
mod phases;
mod planner;
mod preview;
mod read;
mod sent;
mod shape;
mod timeline;
mod write;

use crate::app::App;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// All of them.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(docs::Components::openapi())
        .merge(planner::router())
        .merge(phases::router())
        .merge(timeline::router())
        .merge(preview::router())
        .merge(history::router())
}
