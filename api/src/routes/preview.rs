//! Previews a command: its effects on phases and assignments. Nothing is written.

use super::error::{ProblemError, field_errors};
use super::headers::TimelineVersion;
use super::openapi::ReadWithBodyErrors;
use super::opening::{OpenWith, preview_or_open};
use super::path_id::PathId;
use super::project_view;
use super::requests::{self, BatchPhase, Dates, NewOrder, NewPhase, PhaseChange};
use super::success::Previewed;
use super::validate::{FieldErrors, FromJson, JsonPath};
use super::write_request::WriteRequest;
use crate::auth::{Caller, Denied, Scope};
use crate::problem::{FieldError, is_zero};
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::extract::State;
use phaseline_domain::{DateRange, Phase, PhaseId, Timeline, TimelineCommand};
use phaseline_projections::planner_view::AssignmentDays;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The route.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(preview))
}

/// One command, in the form of the route that executes it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "for the description")]
enum PreviewRequest {
    /// Give the project other dates.
    Reschedule(Dates),
    /// Replace all phases.
    Replace(Replacement),
    /// Create a phase.
    Create(NewPhase),
    /// Change a phase.
    Change(ChangeOf),
    /// Remove a phase.
    Delete(Removal),
    /// Put phases into another order.
    Reorder(NewOrder),
}

/// The complete list of a project's phases.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
struct Replacement {
    /// The phases.
    phases: Vec<BatchPhase>,
}

/// A change with the id of its phase.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
struct ChangeOf {
    /// The phase.
    phase_id: Uuid,
    #[schema(inline)]
    #[serde(flatten)]
    change: PhaseChange,
}

/// A removal with the id of its phase.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
struct Removal {
    /// The phase.
    phase_id: Uuid,
    /// Whether the neighbours take its dates.
    neighbours: Option<requests::NeighboursBody>,
}

const KINDS: [&str; 6] = ["reschedule", "replace", "create", "change", "delete", "reorder"];

/// A command to preview.
struct PreviewCommand {
    command: TimelineCommand,
    /// What would open a timeline for it.
    with: Option<OpenWith>,
}

impl FromJson for PreviewCommand {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, place)?;
        faults.only(members, place, &KINDS);
        let mut found = KINDS.into_iter().filter_map(|kind| Some((kind, members.get(kind)?)));
        let (Some((kind, value)), None) = (found.next(), found.next()) else {
            faults.note(
                place,
                "union_tag_invalid",
                format!("Input should be exactly one of {}", KINDS.join(", ")),
            );
            return None;
        };
        let place = &place.member(kind);
        let (command, with) = match kind {
            "reschedule" => {
                let dates = Dates::read(value, place, faults)?;
                (dates.command(), Some(OpenWith::Dates(dates)))
            }
            "create" => (NewPhase::read(value, place, faults)?.command(PhaseId::random()), None),
            "change" => (requests::change_of(value, place, faults)?, None),
            "delete" => (requests::removal_of(value, place, faults)?, None),
            "reorder" => (NewOrder::read(value, place, faults)?.command(), None),
            _ => {
                let members = faults.object(value, place)?;
                let phases: Vec<BatchPhase> = faults.required(members, place, "phases")?;
                let phases = phases.into_iter().map(|phase| phase.replacement(PhaseId::random)).collect();
                (TimelineCommand::ReplaceAll { phases }, Some(OpenWith::ProjectDates))
            }
        };
        Some(Self { command, with })
    }
}

/// The effects of a command.
#[derive(Serialize, ToSchema)]
pub(super) struct Preview {
    /// Whether no rule refuses it.
    valid: bool,
    /// The rules that it would break; at most 100.
    errors: Vec<FieldError>,
    /// How many more there are; absent if there are no more.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
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
    /// Capital part of its budget.
    capital_budget: String,
    /// Expense part of its budget.
    expense_budget: String,
    /// The total budget.
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
    from: Option<Stretch>,
    /// Its dates after the command; null for a removed phase.
    #[schema(required)]
    to: Option<Stretch>,
}

/// A range of dates.
#[derive(Serialize, ToSchema)]
struct Stretch {
    /// The first.
    #[schema(format = Date)]
    start: String,
    /// The last, included.
    #[schema(format = Date)]
    end: String,
}

/// The effects of a command on assignments.
#[derive(Serialize, ToSchema)]
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
/// Nothing is written. The status is 200 also if rules would refuse the command.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/timeline/preview", tag = "timelines",
    operation_id = "preview", params(("project_id" = Uuid, Path)), request_body = PreviewRequest,
    security(("bearer" = ["phases:read"])), responses(Previewed<Preview>, ReadWithBodyErrors))]
async fn preview(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Previewed<Preview>, ProblemError> {
    let caller = caller?.with_scope(Scope::PhasesRead)?;
    let project = project.project_for(&caller)?;
    let (PreviewCommand { command, with }, _body) = request.read(&app, FieldErrors::default()).await?;
    let preview = preview_or_open(&app, project, &command, with).await?;
    let days = project_view::assignment_days(&app, project).await?;
    let version = TimelineVersion { version: preview.before.version, position: preview.before.position };
    let phases = preview.before.timeline.phases().len().max(preview.after.phases().len());
    let body = aside_if(phases >= MANY, move || Preview::of(&preview, &days)).await?;
    Ok(Previewed::new(body, phases, version).await?)
}

impl Preview {
    fn of(preview: &phaseline_store::Preview, days: &AssignmentDays) -> Self {
        let (before, after) = (&preview.before.timeline, &preview.after);
        let broken = preview.events.as_ref().err().map(|refusal| refusal.violations()).unwrap_or_default();
        let (errors, more_errors) = field_errors(broken, &BTreeSet::new());
        Self {
            valid: broken.is_empty(),
            errors,
            more_errors,
            version: preview.before.version,
            before: phases(before, days),
            after: phases(after, days),
            moved: moved(before, after),
            assignments: assignments(before, after, days),
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

/// Existing phases by their current start date, then new ones.
fn moved(before: &Timeline, after: &Timeline) -> Vec<Moved> {
    let stretch =
        |range: DateRange| Stretch { start: range.start().to_string(), end: range.end().to_string() };
    let change = |phase: &Phase, from: Option<DateRange>, to: Option<DateRange>| Moved {
        phase_id: phase.id,
        name: phase.name.as_str().to_owned(),
        from: from.map(stretch),
        to: to.map(stretch),
    };
    let mut all = Vec::new();
    let ids = |timeline: &Timeline| -> HashMap<PhaseId, DateRange> {
        timeline.phases().iter().map(|phase| (phase.id, phase.range)).collect()
    };
    let (had, has) = (ids(before), ids(after));
    for phase in before.phases() {
        let to = has.get(&phase.id).copied();
        if to != Some(phase.range) {
            all.push(change(phase, Some(phase.range), to));
        }
    }
    let new = after.phases().iter().filter(|phase| !had.contains_key(&phase.id));
    all.extend(new.map(|phase| change(phase, None, Some(phase.range))));
    all
}

fn assignments(before: &Timeline, after: &Timeline, days: &AssignmentDays) -> Assignments {
    let mut sums = Assignments {
        total: days.total(),
        outside_before: days.odd(),
        outside_after: days.odd(),
        changed: 0,
        moves: Vec::new(),
    };
    let mut moves: BTreeMap<(Option<PhaseId>, Option<PhaseId>), Move> = BTreeMap::new();
    for (day, count) in days.each() {
        let from_phase = before.phase_on(day).map(|phase| phase.id);
        let to_phase = after.phase_on(day).map(|phase| phase.id);
        sums.outside_before += if from_phase.is_none() { count } else { 0 };
        sums.outside_after += if to_phase.is_none() { count } else { 0 };
        if from_phase == to_phase {
            continue;
        }
        sums.changed += count;
        let day = day.to_string();
        let so_far = moves.entry((from_phase, to_phase)).or_insert_with(|| Move {
            from_phase,
            to_phase,
            count: 0,
            first_date: day.clone(),
            last_date: day.clone(),
        });
        so_far.count += count;
        so_far.last_date = day;
    }
    sums.moves = moves.into_values().collect();
    sums.moves.sort_by(|a, b| {
        (&a.first_date, a.from_phase, a.to_phase).cmp(&(&b.first_date, b.from_phase, b.to_phase))
    });
    sums
}
