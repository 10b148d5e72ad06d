//! A request of these routes to a project, with a body.

use crate::auth::Caller;
use crate::problem::internal;
use crate::routes::error::RouteFailure;
use crate::routes::path_id::PathId;
use crate::routes::validate::{FieldErrors, FromJson};
use crate::routes::write_request::{JsonBody, WriteRequest};
use crate::state::AppState;
use phaseline_domain::ProjectId;

/// The project and the body of a request. The response lists the errors of the id and of the body together.
pub(super) async fn read<T: FromJson + Send + 'static>(
    app: &AppState,
    caller: &Caller,
    project: &PathId,
    request: &mut WriteRequest,
) -> Result<(ProjectId, T, JsonBody), RouteFailure> {
    let mut faults = FieldErrors::default();
    let project = project.planner_project_for(caller, &mut faults)?;
    let (read, body) = request.read(app, faults).await?;
    Ok((project.ok_or_else(internal)?, read, body))
}
