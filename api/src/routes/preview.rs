//! Previews a command: its effects on phases and assignments. Nothing is written.

mod request;

use super::error::{ProblemError, explained_errors};
use super::headers::TimelineVersion;
use super::money::MoneyText;
use super::opening::preview_or_open;
use super::path_id::PathId;
use super::project_view;
use super::restore;
use super::success::Previewed;
use super::validate::FieldErrors;
use super::write_request::WriteRequest;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::ReadWithBodyErrors;
use crate::problem::{FieldError, is_zero};
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::extract::State;
use phaseline_domain::{Phase, PhaseId, Timeline};
use phaseline_projections::effects::{AssignmentEffects, AssignmentMove, PhaseEffect, phase_effects};
use phaseline_projections::planner_view::AssignmentDays;
use request::{PreviewCommand, PreviewRequest};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(preview))
}

/// The effects of a command.
#[derive(Serialize, ToSchema)]
#[schema(as = Preview)]
pub(super) struct PreviewResponse {
    /// Whether no rule refuses it.
    valid: bool,
    /// The rules that it would break; at most 100.
    errors: Vec<FieldError>,
    /// How many more there are; absent if there are no more.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
    /// The position whose timeline would be restored, the end of a command; only for `restore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    restored_from: Option<i64>,
    /// The version of the timeline that it was tried on.
    version: i64,
    /// The current phases.
    before: Vec<PreviewPhase>,
    /// The phases after the command; the id of a new one is valid in this preview only.
    after: Vec<PreviewPhase>,
    /// The phases whose dates would change.
    moved: Vec<Moved>,
    /// The effects on assignments.
    assignments: Assignments,
}

/// A phase before or after the command.
#[derive(Serialize, ToSchema)]
struct PreviewPhase {
    /// Its id.
    #[schema(value_type = Uuid)]
    id: PhaseId,
    /// Its name.
    name: String,
    /// Its first date.
    #[schema(format = Date)]
    start_date: String,
    /// Its last date, included.
    #[schema(format = Date)]
    end_date: String,
    /// The description.
    #[schema(required)]
    description: Option<String>,
    /// The capital part of its budget.
    #[schema(value_type = MoneyText)]
    capital_budget: String,
    /// The expense part of its budget.
    #[schema(value_type = MoneyText)]
    expense_budget: String,
    /// The total budget.
    #[schema(value_type = MoneyText)]
    total_budget: String,
    /// The number of the project's assignments on its dates.
    assignment_count: i64,
}

/// A phase whose dates would change.
#[derive(Serialize, ToSchema)]
struct Moved {
    /// The phase.
    #[schema(value_type = Uuid)]
    phase_id: PhaseId,
    /// Its name before the command, or after it for a new phase.
    name: String,
    /// Its dates before the command; null for a new phase.
    #[schema(required)]
    from: Option<DateRangeResponse>,
    /// Its dates after the command; null for a removed phase.
    #[schema(required)]
    to: Option<DateRangeResponse>,
}

/// A range of dates.
#[derive(Serialize, ToSchema)]
#[schema(as = DateRange)]
struct DateRangeResponse {
    /// The first date.
    #[schema(format = Date)]
    start_date: String,
    /// The last date, included.
    #[schema(format = Date)]
    end_date: String,
}

/// The effects of a command on assignments.
#[derive(Serialize, ToSchema)]
#[schema(as = AssignmentEffects)]
struct Assignments {
    /// The number of the project's assignments.
    total: i64,
    /// The number outside all phases now.
    outside_before: i64,
    /// The number outside all phases after the command.
    outside_after: i64,
    /// The number that would enter, leave or change their phase.
    changed: i64,
    /// The changes, by phases.
    moves: Vec<Move>,
}

/// Assignments that would change from one phase to another.
#[derive(Serialize, ToSchema)]
struct Move {
    /// The phase before the command; null for none.
    #[schema(value_type = Option<Uuid>, required)]
    from_phase: Option<PhaseId>,
    /// The phase after the command; null for none.
    #[schema(value_type = Option<Uuid>, required)]
    to_phase: Option<PhaseId>,
    /// The number of assignments.
    count: i64,
    /// The date of the first one.
    #[schema(format = Date)]
    first_date: String,
    /// The date of the last one.
    #[schema(format = Date)]
    last_date: String,
}

/// Preview a command
///
/// Nothing is written. The status is 200 also if rules would refuse the command. To restore an earlier timeline needs `history:read`
/// as well.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/timeline/preview", tag = "timelines",
    operation_id = "preview", params(("project_id" = Uuid, Path)), request_body = PreviewRequest,
    security(("bearer" = ["phases:read"])), responses(Previewed<PreviewResponse>, ReadWithBodyErrors))]
async fn preview(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Previewed<PreviewResponse>, ProblemError> {
    let caller = caller?.with_scope(TokenScope::PhasesRead)?;
    let project = project.project_for(&caller)?;
    let (command, with, restored_from) = match request.read(&app, FieldErrors::default()).await?.0 {
        PreviewCommand::Whole(command, with) => (command, with, None),
        PreviewCommand::Restore(to) => {
            caller.need(TokenScope::HistoryRead)?;
            let (command, position) = restore::command_of(&app, project, to).await?;
            (command, None, Some(position))
        }
    };
    let preview = preview_or_open(&app, project, &command, with).await?;
    let days = project_view::assignment_days(&app, project).await?;
    let version = TimelineVersion { version: preview.before.version, position: preview.before.position };
    let phases = preview.before.timeline.phases().len().max(preview.after.phases().len());
    let body = aside_if(phases >= MANY, move || PreviewResponse::of(&preview, &days)).await?;
    let body = PreviewResponse { restored_from, ..body };
    Ok(Previewed::new(body, phases, version).await?)
}

impl PreviewResponse {
    fn of(preview: &phaseline_store::Preview, days: &AssignmentDays) -> Self {
        let (before, after) = (&preview.before.timeline, &preview.after);
        let broken = preview.events.as_ref().err().map(|refusal| refusal.violations()).unwrap_or_default();
        let (errors, more_errors) = explained_errors(broken, &BTreeSet::new());
        Self {
            valid: broken.is_empty(),
            errors,
            more_errors,
            restored_from: None,
            version: preview.before.version,
            before: phases(before, days),
            after: phases(after, days),
            moved: moved(before, after),
            assignments: AssignmentEffects::of(before, after, days).into(),
        }
    }
}

fn phases(timeline: &Timeline, days: &AssignmentDays) -> Vec<PreviewPhase> {
    let phases = timeline.phases().iter().map(|phase| PreviewPhase {
        id: phase.id,
        name: phase.name.as_str().to_owned(),
        start_date: phase.range.start().to_string(),
        end_date: phase.range.end().to_string(),
        description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
        capital_budget: phase.budget.capital().to_string(),
        expense_budget: phase.budget.expense().to_string(),
        total_budget: phase.budget.total().to_string(),
        assignment_count: days.within(phase.range.start(), phase.range.end()),
    });
    phases.collect()
}

/// The phases whose dates differ.
fn moved(before: &Timeline, after: &Timeline) -> Vec<Moved> {
    let dates = |phase: &Phase| DateRangeResponse {
        start_date: phase.range.start().to_string(),
        end_date: phase.range.end().to_string(),
    };
    let range = |phase: Option<&Phase>| phase.map(|phase| phase.range);
    let effects = phase_effects(before, after);
    let moved = effects.into_iter().filter(|effect| range(effect.before) != range(effect.after));
    let moved = moved.filter_map(|PhaseEffect { before, after }| {
        let named = before.or(after)?;
        Some(Moved {
            phase_id: named.id,
            name: named.name.as_str().to_owned(),
            from: before.map(dates),
            to: after.map(dates),
        })
    });
    moved.collect()
}

impl From<AssignmentEffects> for Assignments {
    fn from(effects: AssignmentEffects) -> Self {
        let AssignmentEffects { total, outside_before, outside_after, changed, moves } = effects;
        let moves = moves.into_iter().map(Move::from).collect();
        Self { total, outside_before, outside_after, changed, moves }
    }
}

impl From<AssignmentMove> for Move {
    fn from(found: AssignmentMove) -> Self {
        let AssignmentMove { from_phase, to_phase, count, first_date, last_date } = found;
        Self {
            from_phase,
            to_phase,
            count,
            first_date: first_date.to_string(),
            last_date: last_date.to_string(),
        }
    }
}
