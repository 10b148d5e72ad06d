//! All timelines as they were at a moment, and what changed between two: page by page, with sums over all pages if they are
//! asked for.

mod bodies;
mod list_query;
mod listed;

use super::actor_names;
use super::diff::DiffQuery;
use super::error::ProblemError;
use super::moment::{MomentQuery, requested_moment, resolved, tip};
use super::query::QueryResult;
use super::success::Listed;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::{NotModified, PastListErrors};
use crate::problem::{Problem, internal, of_read};
use crate::state::AppState;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
pub(super) use bodies::{TimelineList, TimelineListDiff};
use list_query::{DayQuery, KnownTag, ListQuery};
pub(crate) use list_query::{PageQuery, day};
use listed::ListAnswer;
use phaseline_projections::portfolio::{
    self, ChangeDetail, ChangeTotals, PortfolioProject, PortfolioTotals, ProjectChange,
};
use phaseline_store::moment::Moment;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The path of the list.
const LIST: &str = "/api/v1/timelines";
/// The path of the differences.
const DIFF: &str = "/api/v1/timelines/diff";

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(diff))
}

/// All timelines at a moment
///
/// The projects whose timelines were open at the moment, by name, then those that the planner does not have any more, by id. Without
/// `at` and `as_of` the moment is the end of the log. A token that is limited to projects lists these only, also in `totals`.
///
/// Names are as they are now: `ETag` is of the content, and `If-None-Match` saves its transfer. With `names=false` and `at` the
/// response never changes, and may be cached.
#[utoipa::path(get, path = "/api/v1/timelines", tag = "history", operation_id = "list_timelines",
    params(MomentQuery, DayQuery, ListQuery, KnownTag), security(("bearer" = ["history:read"])),
    responses(Listed<TimelineList>, NotModified, PastListErrors))]
async fn list(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    headers: HeaderMap,
    query: QueryResult,
) -> Result<Listed<TimelineList>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::HistoryRead)?;
    let Query(query) = query.map_err(Problem::from)?;
    let requested = requested_moment(&query)?;
    let page = PageQuery::of(&app, LIST, &query, caller.projects).await?;
    let moment = match (requested, page.positions()) {
        (Some(requested), _) => resolved(&app, requested).await?,
        (None, Some([_, position])) => page.resolved(&app, position).await?,
        (None, None) => tip(&app).await?,
    };
    page.check([moment.position; 2])?;
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let read = async {
        let found =
            portfolio::page(&mut session, moment.position, &page.filter, page.place(), page.limit).await?;
        let mut totals = None;
        if page.has_totals {
            let totals = totals.insert(PortfolioTotals::default());
            let each = |project| {
                totals.add(&project);
                Ok(())
            };
            portfolio::each_project(&mut session, moment.position, &page.filter, each).await?;
        }
        Ok((found, totals))
    };
    let read = read.await;
    let (found, totals) = session.end(read).map_err(|error| Problem::of_store(&error))?;
    drop(reading);
    let next_cursor = found.next.map(|place| page.cursor([moment.position; 2], &place));
    let answer = ListAnswer {
        page: &page,
        moment,
        at: vec![("at", moment.position)],
        next: next_cursor.as_deref(),
        is_fixed: matches!(requested, Some(Moment::Position(_))),
        is_sound: found.projects.iter().all(PortfolioProject::is_sound)
            && totals.is_none_or(|totals| totals.unsound == 0),
        entries: found.projects.iter().map(|project| 1 + project.phases.len()).sum(),
    };
    let body = TimelineList {
        moment: moment.into(),
        projects: found.projects,
        totals,
        next_cursor: next_cursor.clone(),
    };
    Ok(answer.of(body, &headers).await?)
}

/// What changed of all timelines between two moments
///
/// The projects of which more than the version differs, in the order of the list at the later moment, with the events that changed
/// them. Removed phases, and timelines of deleted projects, are on the earlier side. A token that is limited to projects lists these
/// only, also in `totals`.
#[utoipa::path(get, path = "/api/v1/timelines/diff", tag = "history", operation_id = "diff_timelines",
    params(DiffQuery, ListQuery, KnownTag), security(("bearer" = ["history:read"])),
    responses(Listed<TimelineListDiff>, NotModified, PastListErrors))]
async fn diff(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    headers: HeaderMap,
    query: QueryResult,
) -> Result<Listed<TimelineListDiff>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::HistoryRead)?;
    let Query(query) = query.map_err(Problem::from)?;
    let page = PageQuery::of(&app, DIFF, &query, caller.projects).await?;
    let (moments, is_fixed) = page.moments(&app, &query).await?;
    let [from, to] = moments;
    let positions = moments.map(|moment| moment.position);
    page.check(positions)?;
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let read = async {
        let found =
            portfolio::changes_page(&mut session, positions, &page.filter, page.place(), page.limit).await?;
        let mut totals = None;
        if page.has_totals {
            let totals = totals.insert(ChangeTotals::default());
            let each = |change: ProjectChange| {
                totals.add(&change);
                Ok(())
            };
            portfolio::each_change(&mut session, positions, &page.filter, ChangeDetail::Fields, each).await?;
        }
        Ok((found, totals))
    };
    let read = read.await;
    let (mut found, totals) = session.end(read).map_err(|error| Problem::of_store(&error))?;
    drop(reading);
    if page.has_names() {
        let mut diffs: Vec<_> = found.projects.iter_mut().map(|change| &mut change.diff).collect();
        actor_names::add_to_diffs(&app, &mut diffs).await?;
    }
    let next_cursor = found.next.map(|place| page.cursor(positions, &place));
    let answer = ListAnswer {
        page: &page,
        moment: to,
        at: vec![("from", from.position), ("to", to.position)],
        next: next_cursor.as_deref(),
        is_fixed,
        is_sound: found.projects.iter().all(ProjectChange::is_sound)
            && totals.is_none_or(|totals| totals.unsound == 0),
        entries: found.projects.iter().map(|change| 1 + change.diff.phases.len()).sum(),
    };
    let body = TimelineListDiff {
        from: from.into(),
        to: to.into(),
        projects: found.projects,
        totals,
        next_cursor: next_cursor.clone(),
    };
    Ok(answer.of(body, &headers).await?)
}
