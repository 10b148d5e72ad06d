//! The description of the service: `/openapi.json`, and the page at `/docs`.

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
    components(schemas(Problem)),
    modifiers(&Bearer)
)]
pub(crate) struct Description;

/// The name of the scheme, for routes: `security(("bearer" = ["phases:read"]))`.
const BEARER: &str = "bearer";

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    }
}
