//! The five routes of the planner's own service, with the paths, bodies, responses and messages that its front end expects.

mod assignments;
mod batch;
mod phases;
mod project_request;
mod validation;

use crate::state::AppState;
use axum::http::header::LOCATION;
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::any;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The schemas of the successful responses.
#[derive(OpenApi)]
#[openapi(components(schemas(super::responses::AssignmentResponse, validation::Validation)))]
pub(super) struct PlannerComponents;

/// The planner redirects a path with a slash at its end to the one without.
const WITH_SLASH: [&str; 5] = [
    "/api/v1/projects/{project_id}/phases/",
    "/api/v1/projects/{project_id}/phases/batch/",
    "/api/v1/projects/{project_id}/phases/validate/",
    "/api/v1/phases/{phase_id}/",
    "/api/v1/phases/{phase_id}/assignments/",
];

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    let router = OpenApiRouter::new();
    WITH_SLASH
        .into_iter()
        .fold(router, |router, path| router.route(path, any(without_slash)))
        .routes(routes!(batch::batch))
        .routes(routes!(phases::list))
        .routes(routes!(phases::get))
        .routes(routes!(validation::validation))
        .routes(routes!(assignments::assignments))
}

/// Redirects to the same path without its last slash. The location is relative, as a proxy may have changed the host.
async fn without_slash(uri: Uri) -> impl IntoResponse {
    let path = uri.path().trim_end_matches('/');
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, format!("{path}{query}"))])
}

/// Whether a route is one of these: their errors have the planner's form.
pub(crate) fn is_planners(method: &Method, path: &str) -> bool {
    let paths: &[&str] = match *method {
        Method::GET | Method::HEAD => &[
            "/api/v1/projects/{project_id}/phases",
            "/api/v1/phases/{phase_id}",
            "/api/v1/phases/{phase_id}/assignments",
        ],
        Method::POST => {
            &["/api/v1/projects/{project_id}/phases/validate", "/api/v1/projects/{project_id}/phases/batch"]
        }
        _ => &[],
    };
    paths.contains(&path)
}
