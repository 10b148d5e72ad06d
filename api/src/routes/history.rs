//! Who changed what, when and why: page by page.

mod cursor;

use super::asked;
use super::docs::Reading;
use super::failure::Failure;
use super::read;
use super::sent::Segment;
use super::write::{no_project, with_place};
use crate::app::App;
use crate::auth::{Caller, Denied, Scope};
use crate::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use cursor::{Order, Page};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::{HistoryEntry, history};
use phaseline_store::timeline::holders;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(of_project)).routes(routes!(of_phase))
}

/// A page of a history.
#[derive(Serialize, ToSchema)]
struct HistoryPage {
    /// What happened.
    #[schema(value_type = Vec<Entry>)]
    entries: Vec<HistoryEntry>,
    /// Where the next page begins; null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One event, told to a person.
#[derive(ToSchema)]
#[schema(as = HistoryEntry)]
#[expect(dead_code, reason = "for the description")]
struct Entry {
    /// Its place in the whole log.
    position: i64,
    /// Its place in the timeline's history.
    version: i64,
    /// When it was recorded (UTC).
    #[schema(format = DateTime)]
    recorded_at: String,
    /// The event's type.
    event_type: String,
    /// The phase that it is about.
    #[schema(required)]
    phase_id: Option<Uuid>,
    /// The phase's name at that time.
    #[schema(required)]
    phase_name: Option<String>,
    /// What happened, in a sentence.
    words: String,
    /// What it changed.
    changes: Vec<Change>,
    /// The login that wrote it, as the database knows it; null in events written before logins were recorded. All that follows
    /// is the writer's claim.
    #[schema(required)]
    login: Option<String>,
    /// Who did it.
    #[schema(nullable = false)]
    actor: Option<String>,
    /// Why.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// By what way.
    #[schema(nullable = false, example = "api")]
    source: Option<String>,
    /// One id for all events of one command.
    #[schema(nullable = false)]
    command_id: Option<String>,
    /// One id for all commands of one purpose.
    #[schema(nullable = false)]
    correlation_id: Option<String>,
    /// The HTTP request.
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// The distributed trace.
    #[schema(nullable = false)]
    trace_id: Option<String>,
}

/// One field that an event changed.
#[derive(ToSchema)]
#[schema(as = FieldChange)]
#[expect(dead_code, reason = "for the description")]
struct Change {
    /// The field.
    field: String,
    /// Its value before.
    #[schema(required)]
    before: Option<String>,
    /// Its value after.
    #[schema(required)]
    after: Option<String>,
}

type Queried = Result<Query<HashMap<String, String>>, QueryRejection>;

/// A project's history
///
/// Also of a project that is gone. The whole history is read for each page: values before and after follow from all of it.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/history", tag = "history", operation_id = "project_history",
    params(("project_id" = Uuid, Path),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 500, description = "How many entries; 100 unless it is said otherwise."),
        ("order" = Option<String>, Query, description = "`asc` (oldest first, the default) or `desc`."),
        ("cursor" = Option<String>, Query, description = "Where the page begins: `next_cursor` of the page before it.")),
    security(("bearer" = ["history:read"])),
    responses(
        (status = OK, body = HistoryPage, headers(
            ("Link" = String, description = "The next page, if there is one: `<...>; rel=\"next\"`."),
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."))),
        Reading,
    ))]
async fn of_project(
    State(app): State<App>,
    asks: Result<Caller, Denied>,
    project: Segment,
    query: Queried,
) -> Response {
    let told = async {
        let caller = asks?;
        caller.need(Scope::HistoryRead)?;
        let project: ProjectId = asked::id("project", &project.0)?;
        caller.need_project(project)?;
        tell(&app, project, None, &format!("/api/v1/projects/{project}/history"), query).await
    };
    told.await.unwrap_or_else(Failure::into_problem)
}

/// A phase's history
///
/// Also of a phase that is gone; finding its project then reads the whole log.
#[utoipa::path(get, path = "/api/v1/phases/{phase_id}/history", tag = "history", operation_id = "phase_history",
    params(("phase_id" = Uuid, Path),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 500, description = "How many entries; 100 unless it is said otherwise."),
        ("order" = Option<String>, Query, description = "`asc` (oldest first, the default) or `desc`."),
        ("cursor" = Option<String>, Query, description = "Where the page begins: `next_cursor` of the page before it.")),
    security(("bearer" = ["history:read"])),
    responses(
        (status = OK, body = HistoryPage, headers(
            ("Link" = String, description = "The next page, if there is one: `<...>; rel=\"next\"`."),
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."))),
        Reading,
    ))]
async fn of_phase(
    State(app): State<App>,
    asks: Result<Caller, Denied>,
    phase: Segment,
    query: Queried,
) -> Response {
    let told = async {
        let caller = asks?;
        caller.need(Scope::HistoryRead)?;
        let phase: PhaseId = asked::id("phase", &phase.0)?;
        let project = project_of(&app, phase).await?.filter(|project| caller.may_see(*project));
        let missing = || Failure::Missing(format!("Phase with ID {phase} not found"));
        let project = project.ok_or_else(missing)?;
        tell(&app, project, Some(phase), &format!("/api/v1/phases/{phase}/history"), query).await
    };
    told.await.unwrap_or_else(Failure::into_problem)
}

/// The project of a phase that is there, or was.
async fn project_of(app: &App, phase: PhaseId) -> Result<Option<ProjectId>, Failure> {
    if let Some(project) = app.store.remembered_project_of(phase) {
        return Ok(Some(project));
    }
    if let Some(project) = read::project_of(app, phase).await? {
        return Ok(Some(project));
    }
    let mut connection = app.pool.acquire().await.map_err(read::problem)?;
    let holders = holders(&mut connection, &[phase]).await.map_err(Problem::from)?;
    Ok(holders.into_iter().next())
}

async fn tell(
    app: &App,
    project: ProjectId,
    phase: Option<PhaseId>,
    path: &str,
    query: Queried,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(Problem::from)?;
    let log: Option<Uuid> = sqlx::query_scalar("SELECT event_id FROM phaseline.events WHERE position = 1")
        .fetch_optional(&app.pool)
        .await
        .map_err(read::problem)?;
    let subject = phase.map_or(project.uuid(), PhaseId::uuid);
    let page = Page::of(&query, log.unwrap_or_default(), subject)?;
    let recorded = app.store.history(project).await.map_err(Problem::from)?;
    let (version, position) =
        recorded.last().map_or((0, 0), |last| (last.recorded.version, last.recorded.position));
    if recorded.is_empty() && read::standing(app, project).await?.is_none() {
        return Err(Failure::Missing(no_project(project)));
    }
    let mut entries = history::entries(&recorded, phase);
    match page.order {
        Order::Ascending => entries.retain(|entry| page.after.is_none_or(|after| entry.version > after)),
        Order::Descending => {
            entries.retain(|entry| page.after.is_none_or(|after| entry.version < after));
            entries.reverse();
        }
    }
    let more = entries.len() > page.limit;
    entries.truncate(page.limit);
    let next_cursor = entries.last().filter(|_| more).map(|last| page.cursor(last.version));
    let link = next_cursor.as_ref().and_then(|cursor| {
        let (limit, order) = (page.limit, page.order.word());
        HeaderValue::from_str(&format!("<{path}?limit={limit}&order={order}&cursor={cursor}>; rel=\"next\""))
            .ok()
    });
    let mut response =
        with_place(Json(HistoryPage { entries, next_cursor }).into_response(), version, position);
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}
