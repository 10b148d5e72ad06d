//! The description of the service: `/openapi.json`, and the page at `/docs`.

mod examples;
mod failures;
mod write_headers;

pub(crate) use failures::{
    NotModified, PastListErrors, PastReadErrors, PlannerReadErrors, PlannerReadWithBodyErrors,
    PlannerWriteErrors, ReadErrors, ReadWithBodyErrors, UnknownParameter, WriteErrors,
};
pub(crate) use write_headers::WriteHeaders;

use crate::problem::Problem;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The head of the description; paths come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Phaseline",
        description = "Timelines of projects: their phases with dates and budgets, and the history of changes."
    ),
    // Relative to the description itself.
    servers((url = "/", description = "This service")),
    tags(
        (name = "planner", description = "The routes of the planner's own service, in its form; errors are the planner's, too."),
        (name = "phases", description = "One phase at a time, and the order of all."),
        (name = "timelines", description = "A project's timeline as a whole, and previews of commands."),
        (name = "history", description = "Who changed what, when and why."),
        (name = "health", description = "Liveness, readiness and metrics; without a token."),
    ),
    components(schemas(Problem)),
    modifiers(&Bearer)
)]
pub(crate) struct ApiDescription;

/// The name of the scheme, for routes: `security(("bearer" = ["phases:read"]))`.
const BEARER: &str = "bearer";

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let scheme = scheme.description(Some(
            "A token of the configured keys, with the scopes that the route requires; `phaseline token` makes one.",
        ));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(scheme.build()));
    }
}
