//! The routes of timelines and phases.

use crate::app::App;
use utoipa_axum::router::OpenApiRouter;

/// All of them.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}
