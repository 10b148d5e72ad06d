//! Restores the timeline that a project had at an earlier position of the log.

use super::error::{ProblemError, RouteFailure};
use super::execute::{WriteCommand, execute, no_project};
use super::moment::resolved;
use super::path_id::PathId;
use super::project_view;
use super::requests::RestoreTo;
use super::success::Changed;
use super::timeline::TimelineBody;
use super::validate::FieldErrors;
use super::write_request::WriteRequest;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::{WriteErrors, WriteHeaders};
use crate::problem::{Problem, internal, of_read};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use phaseline_domain::{ProjectId, TimelineCommand};
use phaseline_store::Moment;
use phaseline_store::earlier::timeline_at;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(restore))
}

/// A restored timeline.
#[derive(Serialize, ToSchema)]
pub(super) struct RestoredTimeline {
    #[serde(flatten)]
    timeline: TimelineBody,
    /// The position whose timeline it is: the requested one, or the end of the command that it is inside.
    restored_from: i64,
    /// Whether anything was written; false if the timeline was the same already.
    changed: bool,
}

/// Restore an earlier timeline
///
/// Phases, names, descriptions and budgets are as they were at that position: removed phases come back under their ids, later ones go.
/// It is a change like any other, and its events have `restored_from`. The project's own dates change only with `with_project_days`.
/// Besides `phases:write` the token needs `history:read`, since the response shows what was.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/timeline/restore", tag = "timelines",
    operation_id = "restore_timeline", params(("project_id" = Uuid, Path), WriteHeaders), request_body = RestoreTo,
    security(("bearer" = ["phases:write", "history:read"])), responses(Changed<RestoredTimeline>, WriteErrors))]
async fn restore(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Changed<RestoredTimeline>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::PhasesWrite)?.with_scope(TokenScope::HistoryRead)?;
    let project = project.project_for(&caller)?;
    let (to, body) = request.read::<RestoreTo>(&app, FieldErrors::default()).await?;
    let mut preconditions = request.preconditions(&caller, &body)?;
    let (command, restored_from) = command_of(&app, project, to).await?;
    preconditions.metadata.restored_from = Some(restored_from.to_string());
    let executed = execute(&app, WriteCommand::new(project, command, &preconditions, &body)).await?;
    let timeline = TimelineBody::after(project, &executed);
    let changed = !executed.committed.events.is_empty();
    Ok(executed.response(RestoredTimeline { timeline, restored_from, changed }).await?)
}

/// The command that restores the timeline of a position, and the position that its events name.
pub(crate) async fn command_of(
    app: &AppState,
    project: ProjectId,
    RestoreTo { to, with_project_days }: RestoreTo,
) -> Result<(TimelineCommand, i64), RouteFailure> {
    let moment = resolved(app, Moment::Position(to)).await?;
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let found = timeline_at(&mut session, project, moment).await;
    let earlier = session.end(found).map_err(Problem::from)?;
    drop(reading);
    if let Some(earlier) = earlier
        && let Some(command) = TimelineCommand::restore(&earlier, with_project_days)
    {
        return Ok((command, moment.position));
    }
    if project_view::current_project(app, project).await?.is_none() {
        return Err(no_project(project));
    }
    let detail =
        format!("project {project} had no open timeline at position {to}: its history lists its positions");
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_earlier_timeline", "No timeline then", detail)
        .into())
}
