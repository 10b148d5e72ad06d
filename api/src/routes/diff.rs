//! What changed between two moments.

use super::actor_names;
use super::error::ProblemError;
use super::headers::TimelineVersion;
use super::moment::{Caching, add_moment, end, resolved, tip};
use super::past_timeline::{BudgetSumsBody, LogMomentBody, history_until};
use super::path_id::PathId;
use super::query::QueryResult;
use super::success::AtMoment;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::PastReadErrors;
use crate::problem::{Problem, bad_request};
use crate::state::AppState;
use axum::extract::{Query, State};
use phaseline_domain::ProjectId;
use phaseline_projections::TimelineDiff;
use phaseline_store::moment::{Moment, ResolvedMoment};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(of_project))
}

/// The two moments of a difference.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct DiffQuery {
    /// The earlier moment: a position of the log, or a time with its offset. The default is before the first event.
    from: Option<String>,
    /// The later moment; the default is the end of the log.
    to: Option<String>,
}

/// What changed of a timeline between two moments.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineDiffResponse)]
pub(super) struct TimelineDiffBody {
    /// The earlier moment.
    from: LogMomentBody,
    /// The later moment.
    to: LogMomentBody,
    /// The difference.
    #[serde(flatten)]
    #[schema(value_type = DiffBody)]
    diff: TimelineDiff,
}

/// What changed of a timeline.
#[derive(ToSchema)]
#[schema(as = TimelineDiff)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct DiffBody {
    /// The project.
    project_id: Uuid,
    /// What happened to the timeline.
    status: DiffStatusBody,
    /// The timeline at the earlier moment.
    before: TimelineSideBody,
    /// The timeline at the later moment.
    after: TimelineSideBody,
    /// The ends of the project's dates that differ.
    changes: Vec<super::history::FieldChangeResponse>,
    /// By how many days the project's dates moved.
    moved_days: MovedDaysBody,
    /// How much the budgets grew.
    budget: BudgetSumsBody,
    /// The phases by start date; a removed one by the start date that it had.
    phases: Vec<PhaseDiffBody>,
    /// The events about the project itself, and about phases that came and went between the moments.
    events: Vec<ChangeEventBody>,
}

/// What happened to a phase or a timeline; `unchanged` also if it is there at neither moment.
#[derive(ToSchema)]
#[schema(as = DiffStatus, rename_all = "snake_case")]
#[expect(dead_code, reason = "for the description")]
pub(super) enum DiffStatusBody {
    Added,
    Removed,
    Changed,
    Unchanged,
}

/// A timeline at one of the moments.
#[derive(ToSchema)]
#[schema(as = TimelineSide)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct TimelineSideBody {
    /// Whether the timeline was open.
    exists: bool,
    /// The version; 0 before the first event.
    version: i64,
    /// The position of the timeline's last event; 0 before the first one.
    position: i64,
    /// The project's first date.
    #[schema(format = Date, required)]
    start_date: Option<String>,
    /// Its last date, included.
    #[schema(format = Date, required)]
    end_date: Option<String>,
    /// The number of phases.
    phases: i64,
    /// The sums of their budgets.
    budget: BudgetSumsBody,
}

/// By how many days the ends of a range moved; later is positive. Null if one of the moments lacks the range.
#[derive(ToSchema)]
#[schema(as = MovedDays)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct MovedDaysBody {
    /// The days of the first date.
    #[schema(required)]
    start: Option<i64>,
    /// The days of the last date.
    #[schema(required)]
    end: Option<i64>,
}

/// A phase at the two moments.
#[derive(ToSchema)]
#[schema(as = PhaseDiff)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct PhaseDiffBody {
    /// The phase.
    phase_id: Uuid,
    /// Its name at the later moment, or at the earlier one if it was removed.
    name: String,
    /// What happened to it.
    status: DiffStatusBody,
    /// The fields that differ.
    changes: Vec<super::history::FieldChangeResponse>,
    /// By how many days its dates moved.
    moved_days: MovedDaysBody,
    /// How much its budget grew.
    budget: BudgetSumsBody,
    /// The events about it between the moments.
    events: Vec<ChangeEventBody>,
}

/// An event between the moments.
#[derive(ToSchema)]
#[schema(as = ChangeEvent)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct ChangeEventBody {
    /// Its position in the whole log.
    position: i64,
    /// Its version in the timeline's history.
    version: i64,
    /// When it was recorded (UTC).
    #[schema(format = DateTime)]
    recorded_at: String,
    /// Its type.
    event_type: String,
    /// Who did it, as the writer claims.
    #[schema(required)]
    actor: Option<String>,
    /// The actor's name: that time's if it was known, else the present one of a user of the planner.
    #[schema(required)]
    actor_name: Option<String>,
    /// The database login that wrote it.
    #[schema(required)]
    login: Option<String>,
    /// Why, as the writer claims.
    #[schema(required)]
    reason: Option<String>,
}

/// The given moments, in order; without them the beginning and the end of the log.
pub(super) async fn moments(
    app: &AppState,
    [from, to]: [Option<Moment>; 2],
) -> Result<[ResolvedMoment; 2], Box<Problem>> {
    if from.zip(to).is_some_and(|(from, to)| from.is_after(to)) {
        return Err(Box::new(bad_request("from is after to; exchange them")));
    }
    let from = resolved(app, from.unwrap_or(Moment::Position(0))).await?;
    let to = match to {
        Some(to) => resolved(app, to).await?,
        None => tip(app).await?,
    };
    if from.position > to.position {
        return Err(Box::new(bad_request(format!(
            "from (position {}) is after to (position {}); exchange them",
            from.position, to.position
        ))));
    }
    Ok([from, to])
}

/// What changed of a timeline between two moments
///
/// Phases that were removed meanwhile, and timelines of deleted projects, are on the earlier side. Moments inside a command mean its
/// end.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/diff", tag = "history", operation_id = "project_diff",
    params(("project_id" = Uuid, Path), DiffQuery), security(("bearer" = ["history:read"])),
    responses(AtMoment<TimelineDiffBody>, PastReadErrors))]
async fn of_project(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    query: QueryResult,
) -> Result<AtMoment<TimelineDiffBody>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::HistoryRead)?;
    let project: ProjectId = project.project_for(&caller)?;
    let Query(query) = query.map_err(Problem::from)?;
    let [from, to] = moments(&app, [end(&query, "from")?, end(&query, "to")?]).await?;
    let history = history_until(&app, project, to.position).await?;
    let mut diff = TimelineDiff::of_history(project, &history, from.position);
    actor_names::add_to_diff(&app, &mut diff).await?;
    let version = TimelineVersion { version: diff.after.version, position: diff.after.position };
    let entries = diff.phases.len();
    let body = TimelineDiffBody { from: from.into(), to: to.into(), diff };
    let path = format!("/api/v1/projects/{project}/diff?from={}&to={}", from.position, to.position);
    let response = AtMoment::new(body, entries, version).await?;
    // Names of actors are as they are now.
    Ok(response.changed(|response| add_moment(response, to, &path, Caching::Revalidated)))
}
