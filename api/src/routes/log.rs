//! The whole log, page by page: all projects, runs and repairs.

mod cursor;
mod request;

use super::actor_names;
use super::error::ProblemError;
use super::history::Entry;
use super::query::QueryResult;
use super::success::Logged;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::PastListErrors;
use crate::problem::{Problem, internal, of_read};
use crate::state::AppState;
use axum::extract::{Query, State};
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::{DescribedEvent, log_page};
use phaseline_projections::planner_users::UserNames;
use phaseline_projections::planner_view::{ProjectName, project_names};
pub(crate) use request::LogRequest;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The most positions that a page looks through for the wanted events: so the duration of a request has a bound.
pub(crate) const MOST_LOOKED_THROUGH: i64 = 131_072;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read))
}

/// The query of the log.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the description")]
struct LogQuery {
    /// From this position of the log on, and from the beginning of its command.
    #[param(minimum = 0)]
    from: Option<i64>,
    /// Up to this position, and to the end of its command; the default is the end of the log at the first page.
    #[param(minimum = 0)]
    to: Option<i64>,
    /// Recorded at this time or later; a time with its offset. Not with `from`.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// Recorded at this time or earlier. Not with `to`.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<String>,
    /// Only events by the actor with this id.
    actor: Option<String>,
    /// Only events of this type, such as `PhaseResized` or `RunStarted`.
    r#type: Option<String>,
    /// Only events about this project, and repairs of it.
    project: Option<Uuid>,
    /// The most entries; the default is 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// Where the page begins: `next_cursor` of the page before it, with the same other parameters.
    cursor: Option<String>,
}

/// A page of the log, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = LogPage)]
pub(super) struct LogPageBody {
    /// The first position of the range: the beginning of a command.
    from_position: i64,
    /// The last position of the range: the end of a command. All pages have the same range.
    to_position: i64,
    /// What happened. A page may be empty without being the last one: each looks through a limited part of the log.
    entries: Vec<LogEntryBody>,
    /// Where the next page begins; null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One event of any stream.
#[derive(Serialize, ToSchema)]
#[schema(as = LogEntry)]
struct LogEntryBody {
    /// The project's present name; null if the event is about no project, or the planner does not have the project any more.
    #[schema(required)]
    project_name: Option<String>,
    /// The event.
    #[serde(flatten)]
    #[schema(value_type = LogEventBody)]
    event: DescribedEvent,
}

/// An event with its stream.
#[derive(ToSchema)]
#[schema(as = LogEvent)]
#[expect(dead_code, reason = "for the description")]
struct LogEventBody {
    /// The project that it is about; null for runs, repairs and the log itself.
    #[schema(required)]
    project_id: Option<Uuid>,
    /// Its stream's type, such as `Timeline`, `MigrationRun` or `DriftRepair`.
    stream_type: String,
    /// Its stream's id: of the project, the run or the repair.
    stream_id: Uuid,
    /// The event itself.
    #[serde(flatten)]
    entry: Entry,
}

/// A page before it is serialised.
struct FoundPage {
    positions: [i64; 2],
    events: Vec<DescribedEvent>,
    next_cursor: Option<String>,
    names: HashMap<ProjectId, ProjectName>,
}

/// The log
///
/// The events of all streams in order of position: timelines, migrations, repairs. A token that is limited to projects gets only the
/// events about these, and only such repairs as are of no other one.
#[utoipa::path(get, path = "/api/v1/log", tag = "history", operation_id = "log",
    params(LogQuery), security(("bearer" = ["history:read"])),
    responses(Logged<LogPageBody>, PastListErrors))]
async fn read(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    query: QueryResult,
) -> Result<Logged<LogPageBody>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::HistoryRead)?;
    let Query(query) = query.map_err(Problem::from)?;
    let request = LogRequest::of(&query)?;
    if let Some(project) = request.project {
        caller.need_project(project)?;
    }
    // Describing a page reads the timelines of its events from their beginnings.
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let FoundPage { positions, events, next_cursor, names } =
        find_page(&app, &request, caller.projects).await?;
    drop(reading);
    let next = next_cursor.as_deref().map(|cursor| request.next_path(cursor));
    let named = |event: DescribedEvent| {
        let project_name = event.project_id.and_then(|project| names.get(&project)?.name.clone());
        LogEntryBody { project_name, event }
    };
    let entries: Vec<LogEntryBody> = events.into_iter().map(named).collect();
    let count = entries.len();
    let [from_position, to_position] = positions;
    let body = LogPageBody { from_position, to_position, entries, next_cursor };
    Ok(Logged::unversioned(body, count).await?.next(next))
}

/// Reads a page in one session.
async fn find_page(
    app: &AppState,
    request: &LogRequest,
    visible: Option<BTreeSet<ProjectId>>,
) -> Result<FoundPage, Box<Problem>> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let read = async {
        let place = request.place(&mut session).await?;
        let selection = request.selection(&place, visible);
        let page = log_page(&mut session, &selection, MOST_LOOKED_THROUGH)
            .await
            .map_err(|error| Problem::of_store(&error))?;
        let mut events = page.events;
        let projects: BTreeSet<ProjectId> = events.iter().filter_map(|event| event.project_id).collect();
        let projects: Vec<ProjectId> = projects.into_iter().collect();
        let names = project_names(&mut session, &projects).await.map_err(of_read)?;
        let actors = events.iter().filter_map(|event| actor_names::unnamed(&event.entry.metadata));
        let users = UserNames::of(&mut session, actors).await.map_err(of_read)?;
        for event in &mut events {
            actor_names::complete(&users, &mut event.entry.metadata);
        }
        let next_cursor = page.last.map(|last| place.cursor_behind(last));
        Ok(FoundPage { positions: [place.first, place.last], events, next_cursor, names })
    };
    let read = read.await;
    session.end(read)
}
