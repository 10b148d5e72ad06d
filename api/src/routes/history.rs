//! Who changed what, when and why: page by page.

mod cursor;

use super::error::Failure;
use super::execute::no_project;
use super::headers::{mark, with_place};
use super::openapi::Reading;
use super::project_view;
use super::requests;
use super::write_request::Segment;
use crate::auth::{Caller, Denied, Scope};
use crate::problem::{Problem, internal};
use crate::state::AppState;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use cursor::{Order, Page};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::HistoryEntry;
use phaseline_projections::history::Teller;
use phaseline_store::{
    Content, Quarantine, RecordedTimeline, SkippedEvent, StoreError, UnreadableEvent, schema, skip,
};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
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
    /// Why the event cannot be read, if it cannot: the timeline is in quarantine then.
    #[schema(nullable = false)]
    unreadable: Option<String>,
    /// The mark that leaves the event out of the timeline, if there is one.
    #[schema(nullable = false)]
    skipped: Option<Skipped>,
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

/// A mark that leaves an event out.
#[derive(ToSchema)]
#[schema(as = SkippedBy)]
#[expect(dead_code, reason = "for the description")]
struct Skipped {
    /// Its place in the whole log.
    position: i64,
    /// When it was recorded (UTC).
    #[schema(format = DateTime)]
    recorded_at: String,
    /// Who did it.
    #[schema(required)]
    actor: Option<String>,
    /// Why.
    #[schema(required)]
    reason: Option<String>,
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
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Phaseline-Quarantine" = String, description = "If the timeline is in quarantine: the positions of the events \
             that cannot be read, the first ten."))),
        Reading,
    ))]
async fn of_project(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    project: Segment,
    query: Queried,
) -> Response {
    let told = async {
        let caller = asks?;
        caller.need(Scope::HistoryRead)?;
        let project: ProjectId = requests::id("project", &project.0)?;
        caller.need_project(project)?;
        tell(&app, project, None, &format!("/api/v1/projects/{project}/history"), query).await
    };
    told.await.unwrap_or_else(Failure::into_problem)
}

/// A phase's history
///
/// Also of a phase that is gone.
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
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Phaseline-Quarantine" = String, description = "If the timeline is in quarantine: the positions of the events \
             that cannot be read, the first ten."))),
        Reading,
    ))]
async fn of_phase(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    phase: Segment,
    query: Queried,
) -> Response {
    let told = async {
        let caller = asks?;
        caller.need(Scope::HistoryRead)?;
        let phase: PhaseId = requests::id("phase", &phase.0)?;
        let missing = || Failure::Missing(format!("Phase with ID {phase} not found"));
        let project = project_view::past_project_of(&app, &caller, phase).await?.ok_or_else(missing)?;
        tell(&app, project, Some(phase), &format!("/api/v1/phases/{phase}/history"), query).await
    };
    told.await.unwrap_or_else(Failure::into_problem)
}

async fn tell(
    app: &AppState,
    project: ProjectId,
    phase: Option<PhaseId>,
    path: &str,
    query: Queried,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(Problem::from)?;
    let log = log_id(app).await?;
    let subject = phase.map_or(project.uuid(), PhaseId::uuid);
    let page = Page::of(&query, log, subject)?;
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let skipped = marks(app, project).await?;
    let (mut teller, mut told) = (Teller::new(phase, &skipped), Told::new(&page));
    let (mut version, mut position) = (0, 0);
    let mut quarantine = Quarantine::default();
    let each = |recorded: RecordedTimeline| {
        (version, position) = (recorded.recorded.version, recorded.recorded.position);
        if let Content::Unreadable(event) = &recorded.content {
            quarantine.add(UnreadableEvent::clone(event));
        }
        if told.wants(version) {
            told.take(teller.tell(&recorded));
        } else {
            teller.pass(&recorded);
        }
    };
    app.store.history_each(project, each).await.map_err(Problem::from)?;
    drop(reading);
    if version == 0 && project_view::current_project(app, project).await?.is_none() {
        return Err(Failure::Missing(no_project(project)));
    }
    let (entries, more) = told.page();
    let next_cursor = entries.last().filter(|_| more).map(|last| page.cursor(last.version));
    let link = next_cursor.as_ref().and_then(|cursor| {
        let (limit, order) = (page.limit, page.order.word());
        HeaderValue::from_str(&format!("<{path}?limit={limit}&order={order}&cursor={cursor}>; rel=\"next\""))
            .ok()
    });
    let mut response =
        with_place(Json(HistoryPage { entries, next_cursor }).into_response(), version, position);
    mark(&mut response, Some(&quarantine));
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// The log's id, which cursors carry; none of an installation without a head, whose histories are empty.
async fn log_id(app: &AppState) -> Result<Uuid, Failure> {
    let mut connection = app.pool.acquire().await.map_err(project_view::problem)?;
    match schema::log_id(&mut connection).await {
        Ok(id) => Ok(id),
        Err(StoreError::NotInstalled) => Ok(Uuid::nil()),
        Err(StoreError::Database(error)) => Err(project_view::problem(error).into()),
        Err(error) => Err(Problem::from(error).into()),
    }
}

/// The marks on a history's events.
async fn marks(app: &AppState, project: ProjectId) -> Result<Vec<SkippedEvent>, Failure> {
    let mut connection = app.pool.acquire().await.map_err(project_view::problem)?;
    Ok(skip::of_stream(&mut connection, project.uuid()).await.map_err(Problem::from)?)
}

/// The entries of one page, picked while the history goes by; of all others nothing is kept.
struct Told<'a> {
    page: &'a Page,
    entries: VecDeque<HistoryEntry>,
}

impl<'a> Told<'a> {
    const fn new(page: &'a Page) -> Self {
        Self { page, entries: VecDeque::new() }
    }

    /// Whether the entry of this version may be on the page.
    fn wants(&self, version: i64) -> bool {
        let Page { after, limit, .. } = *self.page;
        match self.page.order {
            // One more than the page has says that there is another page.
            Order::Ascending => after.is_none_or(|after| version > after) && self.entries.len() <= limit,
            Order::Descending => after.is_none_or(|after| version < after),
        }
    }

    fn take(&mut self, entry: Option<HistoryEntry>) {
        self.entries.extend(entry);
        if self.entries.len() > self.page.limit + 1 {
            self.entries.pop_front();
        }
    }

    /// The entries in their order, and whether there are more behind them.
    fn page(self) -> (Vec<HistoryEntry>, bool) {
        let mut entries = Vec::from(self.entries);
        if self.page.order == Order::Descending {
            entries.reverse();
        }
        let more = entries.len() > self.page.limit;
        entries.truncate(self.page.limit);
        (entries, more)
    }
}
