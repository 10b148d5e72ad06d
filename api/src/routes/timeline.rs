//! A project's timeline as a whole: its dates, and the phases that cover them.

use super::error::ProblemError;
use super::execute::{Executed, WriteCommand, no_project};
use super::headers::TimelineVersion;
use super::moment::{Caching, MOMENTS, MomentQuery, add_moment, requested_moment};
use super::opening::{OpenWith, execute_or_open};
use super::past_timeline::{self, PastTimelineBody};
use super::path_id::PathId;
use super::project_view;
use super::query::QueryResult;
use super::requests::NewDates;
use super::responses::PhaseResponse;
use super::success::{AtMoment, Changed, Opened};
use super::validate::FieldErrors;
use super::write_request::WriteRequest;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::{PastReadErrors, WriteErrors, WriteHeaders};
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use phaseline_domain::{DateRange, ProjectId, TimelineEvent};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// A project's timeline.
#[derive(Serialize, ToSchema)]
#[schema(as = Timeline)]
pub(super) struct TimelineBody {
    /// The project.
    #[schema(value_type = Uuid)]
    project_id: ProjectId,
    /// Its first date.
    #[schema(value_type = String, format = Date)]
    start_date: Option<String>,
    /// Its last date, included.
    #[schema(value_type = String, format = Date)]
    end_date: Option<String>,
    /// Its phases by start date.
    phases: Vec<PhaseResponse>,
    /// The version, as in `ETag`; 0 if the log has no timeline of the project yet.
    version: i64,
    /// The position of its last event; 0 if there is none.
    position: i64,
}

impl TimelineBody {
    /// The timeline after a command.
    pub(super) fn after(project: ProjectId, executed: &Executed) -> Self {
        let range = executed.committed.after.timeline.range();
        let text = |end: fn(DateRange) -> chrono::NaiveDate| range.map(|range| end(range).to_string());
        Self {
            project_id: project,
            start_date: text(DateRange::start),
            end_date: text(DateRange::end),
            phases: executed.phases.clone(),
            version: executed.committed.version,
            position: executed.committed.position,
        }
    }
}

/// A timeline now, or as it was.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TimelineAtMoment)]
pub(super) enum TimelineAtMoment {
    /// The current rows.
    Current(TimelineBody),
    /// As it was.
    Past(PastTimelineBody),
}

/// A project's timeline
///
/// The current rows of the tables that the planner's backend reads. With `at` or `as_of` the timeline as it was then, also of a
/// deleted project; that needs the scope `history:read`, and has the headers `Phaseline-At` (the position of the log),
/// `Phaseline-As-Of` (its time) and `Link` (the same by position, which never changes and may be cached). The future is refused.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/timeline", tag = "timelines", operation_id = "get_timeline",
    params(("project_id" = Uuid, Path), MomentQuery),
    security(("bearer" = ["phases:read"]), ("bearer" = ["history:read"])),
    responses(AtMoment<TimelineAtMoment>, PastReadErrors))]
async fn get(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    query: QueryResult,
) -> Result<AtMoment<TimelineAtMoment>, ProblemError> {
    let is_past =
        query.as_ref().is_ok_and(|Query(query)| MOMENTS.iter().any(|name| query.contains_key(*name)));
    let scope = if is_past { TokenScope::HistoryRead } else { TokenScope::PhasesRead };
    let caller = caller?.with_scope(scope)?;
    let project = project.project_for(&caller)?;
    let Query(query) = query.map_err(Problem::from)?;
    if let Some(requested) = requested_moment(&query)? {
        let (past, moment) = past_timeline::read(&app, project, requested).await?;
        let (entries, version) = (past.entries(), past.version());
        let response = AtMoment::new(TimelineAtMoment::Past(past), entries, version).await?;
        let path = format!("/api/v1/projects/{project}/timeline?at={}", moment.position);
        let caching = Caching::of(requested);
        return Ok(response.changed(|response| add_moment(response, moment, &path, caching)));
    }
    let found = project_view::current_project(&app, project).await?.ok_or_else(|| no_project(project))?;
    let TimelineVersion { version, position } = project_view::version_of(&found);
    let [start_date, end_date] = found.dates;
    let phases = found.phases;
    let body = TimelineBody { project_id: project, start_date, end_date, phases, version, position };
    let entries = body.phases.len();
    let body = TimelineAtMoment::Current(body);
    Ok(AtMoment::rows(&app, project, body, entries, TimelineVersion { version, position }).await?)
}

/// Give a project its dates
///
/// A project without a timeline gets one, with one phase over all its dates. Otherwise the start of the first phase and the end of
/// the last phase follow.
#[utoipa::path(put, path = "/api/v1/projects/{project_id}/timeline", tag = "timelines", operation_id = "put_timeline",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = NewDates, security(("bearer" = ["phases:write"])),
    responses(Changed<TimelineBody>, Opened<TimelineBody>, WriteErrors))]
async fn put(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Response, ProblemError> {
    let caller = caller?.with_scope(TokenScope::PhasesWrite)?;
    let project = project.project_for(&caller)?;
    let (dates, body) = request.read::<NewDates>(&app, FieldErrors::default()).await?;
    let preconditions = request.preconditions(&caller, &body)?;
    let write = WriteCommand::new(project, dates.command(), &preconditions, &body);
    let executed = execute_or_open(&app, write, OpenWith::Dates(dates)).await?;
    let body = TimelineBody::after(project, &executed);
    if opened(&executed) {
        let response: Opened<TimelineBody> = executed.response(body).await?;
        return Ok(response.into_response());
    }
    let response: Changed<TimelineBody> = executed.response(body).await?;
    Ok(response.into_response())
}

/// Whether the command opened the timeline. An adoption opens one, too, but creates no phase.
fn opened(executed: &Executed) -> bool {
    let events = &executed.committed.events;
    events.iter().any(|event| matches!(event, TimelineEvent::TimelineOpened(_)))
        && events.iter().any(|event| matches!(event, TimelineEvent::PhaseCreated(_)))
}
