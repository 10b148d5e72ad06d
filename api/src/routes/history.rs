//! Histories, page by page: who changed what, when and why.

mod cursor;

use super::actor_names;
use super::error::{ProblemError, RouteFailure};
use super::execute::no_project;
use super::headers::TimelineVersion;
use super::path_id::PathId;
use super::project_view;
use super::query::QueryResult;
use super::success::Paged;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::ReadErrors;
use crate::problem::{Problem, internal, of_read};
use crate::state::AppState;
use axum::extract::{Query, State};
use cursor::HistoryPageQuery;
pub(super) use cursor::Order;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::HistoryEntry;
use phaseline_projections::history::EventDescriber;
use phaseline_store::{
    Content, Quarantine, RecordedTimeline, SkippedEvent, StoreError, UnreadableEvent, schema, skip,
};
use serde::Serialize;
use std::collections::VecDeque;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(of_project)).routes(routes!(of_phase))
}

/// A page of a history.
#[derive(Serialize, ToSchema)]
pub(super) struct HistoryPage {
    /// What happened.
    #[schema(value_type = Vec<Entry>)]
    entries: Vec<HistoryEntry>,
    /// Where the next page begins; null if this is the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// One event, in words.
#[derive(ToSchema)]
#[schema(as = HistoryEntry)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct Entry {
    /// Its position in the whole log.
    position: i64,
    /// Its version in the timeline's history.
    version: i64,
    /// Its own id.
    event_id: Uuid,
    /// Its hash, in hexadecimal.
    hash: String,
    /// When it was recorded (UTC).
    #[schema(format = DateTime)]
    recorded_at: String,
    /// The event's type.
    event_type: String,
    /// The phase that it concerns.
    #[schema(required)]
    phase_id: Option<Uuid>,
    /// The phase's name at that time.
    #[schema(required)]
    phase_name: Option<String>,
    /// What happened, in a sentence.
    words: String,
    /// What it changed.
    changes: Vec<FieldChangeResponse>,
    /// Why the event cannot be read, if it cannot: then the timeline is in quarantine.
    #[schema(nullable = false)]
    unreadable: Option<String>,
    /// The mark that leaves the event out of the timeline, if there is one.
    #[schema(nullable = false)]
    skipped: Option<SkippedByResponse>,
    /// True if the event does not fit its hash: it, or the event before it in the log, was altered after it was recorded. Absent
    /// otherwise.
    #[schema(nullable = false)]
    altered: Option<bool>,
    /// The database login that wrote it; null in events written before logins were recorded. The members below are the writer's
    /// claims.
    #[schema(required)]
    login: Option<String>,
    /// Who did it.
    #[schema(nullable = false)]
    actor: Option<String>,
    /// The actor's name: that time's if it was known, else the present one of a user of the planner.
    #[schema(nullable = false)]
    actor_name: Option<String>,
    /// Why.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// The interface, such as `api`.
    #[schema(nullable = false, example = "api")]
    source: Option<String>,
    /// One id for all events of one command.
    #[schema(nullable = false)]
    command_id: Option<String>,
    /// One id for related commands.
    #[schema(nullable = false)]
    correlation_id: Option<String>,
    /// The HTTP request.
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// The distributed trace.
    #[schema(nullable = false)]
    trace_id: Option<String>,
    /// The position of the log whose timeline the command restored.
    #[schema(nullable = false, example = "4711")]
    restored_from: Option<String>,
}

/// A mark that leaves an event out.
#[derive(ToSchema)]
#[schema(as = SkippedBy)]
#[expect(dead_code, reason = "for the description")]
struct SkippedByResponse {
    /// Its position in the whole log.
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
pub(super) struct FieldChangeResponse {
    /// The field.
    field: ChangedFieldResponse,
    /// Its value before: a text, an ISO date, or an amount with two decimals; null if there was none.
    #[schema(required)]
    before: Option<String>,
    /// Its value after; null if there is none.
    #[schema(required)]
    after: Option<String>,
}

/// A field that a change can affect.
#[derive(ToSchema)]
#[schema(as = ChangedField, rename_all = "snake_case")]
#[expect(dead_code, reason = "for the description")]
pub(super) enum ChangedFieldResponse {
    Name,
    StartDate,
    EndDate,
    Description,
    CapitalBudget,
    ExpenseBudget,
    TotalBudget,
}

/// The query of a history.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the description")]
struct HistoryQuery {
    /// The number of entries; the default is 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
    /// The order; the default is `asc`.
    #[param(value_type = Option<Order>)]
    order: Option<Order>,
    /// Where the page begins: `next_cursor` of the page before it.
    cursor: Option<String>,
}

/// A project's history
///
/// Also of a deleted project. Each page reads the whole history: the values before and after an event follow from all events
/// before it.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/history", tag = "history", operation_id = "project_history",
    params(("project_id" = Uuid, Path), HistoryQuery), security(("bearer" = ["history:read"])),
    responses(Paged<HistoryPage>, ReadErrors))]
async fn of_project(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    query: QueryResult,
) -> Result<Paged<HistoryPage>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::HistoryRead)?;
    let project = project.project_for(&caller)?;
    Ok(read_page(&app, project, None, &format!("/api/v1/projects/{project}/history"), query).await?)
}

/// A phase's history
///
/// Also of a removed phase.
#[utoipa::path(get, path = "/api/v1/phases/{phase_id}/history", tag = "history", operation_id = "phase_history",
    params(("phase_id" = Uuid, Path), HistoryQuery), security(("bearer" = ["history:read"])),
    responses(Paged<HistoryPage>, ReadErrors))]
async fn of_phase(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    phase: PathId,
    query: QueryResult,
) -> Result<Paged<HistoryPage>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::HistoryRead)?;
    let phase = phase.phase()?;
    let not_found = || RouteFailure::NotFound(format!("Phase with ID {phase} not found"));
    let project = project_view::past_project_of(&app, &caller, phase).await?.ok_or_else(not_found)?;
    Ok(read_page(&app, project, Some(phase), &format!("/api/v1/phases/{phase}/history"), query).await?)
}

async fn read_page(
    app: &AppState,
    project: ProjectId,
    phase: Option<PhaseId>,
    path: &str,
    query: QueryResult,
) -> Result<Paged<HistoryPage>, RouteFailure> {
    let Query(query) = query.map_err(Problem::from)?;
    let log = log_id(app).await?;
    let subject = phase.map_or(project.uuid(), PhaseId::uuid);
    let page = HistoryPageQuery::of(&query, log, subject)?;
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let skipped = marks(app, project).await?;
    let first = match phase {
        // Every event of a project has an entry, so those before the page need none.
        None => first_of_page(app, project, &page).await,
        Some(_) => 0,
    };
    let (mut describer, mut selected) =
        (EventDescriber::new(phase, &skipped), PageEntries::new(&page, first));
    let mut at = TimelineVersion { version: 0, position: 0 };
    let mut quarantine = Quarantine::default();
    let each = |recorded: RecordedTimeline| {
        at = TimelineVersion { version: recorded.recorded.version, position: recorded.recorded.position };
        if let Content::Unreadable(event) = &recorded.content {
            quarantine.add(UnreadableEvent::clone(event));
        }
        if selected.wants(at.version) {
            selected.add(describer.describe(&recorded));
        } else {
            describer.skip(&recorded);
        }
    };
    app.store.history_each(project, each).await.map_err(Problem::from)?;
    drop(reading);
    if at.version == 0 && project_view::current_project(app, project).await?.is_none() {
        return Err(no_project(project));
    }
    let (mut entries, more) = selected.page();
    actor_names::add_to_history(app, &mut entries).await?;
    let count = entries.len();
    let next_cursor = entries.last().filter(|_| more).map(|last| page.cursor(last.version));
    let next = next_cursor
        .as_ref()
        .map(|cursor| format!("{path}?limit={}&order={}&cursor={cursor}", page.limit, page.order.word()));
    let response = Paged::<HistoryPage>::new(HistoryPage { entries, next_cursor }, count, at).await?;
    Ok(response.next(next).quarantined(&quarantine))
}

/// The version before which no entry of a page in descending order can be; 0 if that is unknown, or the order is another.
async fn first_of_page(app: &AppState, project: ProjectId, page: &HistoryPageQuery) -> i64 {
    if page.order == Order::Ascending {
        return 0;
    }
    let end = match page.after {
        Some(after) => after,
        // Events that are recorded meanwhile push older ones out.
        None => project_view::current_project(app, project)
            .await
            .ok()
            .flatten()
            .map_or(0, |found| found.version + 1),
    };
    end.saturating_sub(i64::try_from(page.limit).unwrap_or(i64::MAX)).saturating_sub(1)
}

/// All entries of a project's history, oldest first; none for a project that the log does not have.
pub(crate) async fn whole_history(
    app: &AppState,
    project: ProjectId,
) -> Result<Vec<HistoryEntry>, RouteFailure> {
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let skipped = marks(app, project).await?;
    let (mut describer, mut entries) = (EventDescriber::new(None, &skipped), Vec::new());
    let each = |recorded: RecordedTimeline| entries.extend(describer.describe(&recorded));
    app.store.history_each(project, each).await.map_err(Problem::from)?;
    drop(reading);
    actor_names::add_to_history(app, &mut entries).await?;
    Ok(entries)
}

/// The log's id, which cursors carry; nil for an installation without a head, whose histories are empty.
pub(super) async fn log_id(app: &AppState) -> Result<Uuid, Box<Problem>> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let id = schema::log_id(&mut session).await;
    match session.end(id) {
        Ok(id) => Ok(id),
        Err(StoreError::NotInstalled) => Ok(Uuid::nil()),
        Err(StoreError::Database(error)) => Err(of_read(error)),
        Err(error) => Err(Box::new(Problem::from(error))),
    }
}

/// The marks on a history's events.
async fn marks(app: &AppState, project: ProjectId) -> Result<Vec<SkippedEvent>, RouteFailure> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let marks = skip::of_stream(&mut session, project.uuid()).await;
    Ok(session.end(marks).map_err(Problem::from)?)
}

/// The entries of one page, selected while the history is read; all others are dropped.
struct PageEntries<'a> {
    page: &'a HistoryPageQuery,
    /// Entries of earlier versions are not on the page.
    first: i64,
    entries: VecDeque<HistoryEntry>,
}

impl<'a> PageEntries<'a> {
    const fn new(page: &'a HistoryPageQuery, first: i64) -> Self {
        Self { page, first, entries: VecDeque::new() }
    }

    /// Whether the entry of this version may be on the page.
    fn wants(&self, version: i64) -> bool {
        let HistoryPageQuery { after, limit, .. } = *self.page;
        match self.page.order {
            // One entry beyond the page shows that there is another page.
            Order::Ascending => after.is_none_or(|after| version > after) && self.entries.len() <= limit,
            Order::Descending => version >= self.first && after.is_none_or(|after| version < after),
        }
    }

    fn add(&mut self, entry: Option<HistoryEntry>) {
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
