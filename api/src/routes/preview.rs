//! What a command would do: to the phases, and to the assignments on their days. Nothing is written.

use super::error::{Failure, field_errors};
use super::execute::of_store;
use super::headers::answer;
use super::openapi::Asking;
use super::planner::batch::Entry;
use super::project_view;
use super::requests::{self, Days, NewOrder, NewPhase, PhaseChange};
use super::timeline::opening;
use super::validate::{FieldErrors, JsonPath, Shape};
use super::write_request::{Segment, WriteRequest};
use crate::auth::{Caller, Denied, Scope};
use crate::problem::{FieldError, is_zero};
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use phaseline_domain::{DateRange, Phase, PhaseId, ProjectId, Rule, Timeline, TimelineCommand};
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

/// One command, as the routes that carry it out take it.
#[derive(ToSchema)]
#[schema(as = PreviewRequest, rename_all = "snake_case")]
#[expect(dead_code, reason = "for the description")]
enum Asked {
    /// Give the project other days.
    Reschedule(Days),
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
    phases: Vec<Entry>,
}

/// A change with the phase that it is about.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
struct ChangeOf {
    /// The phase.
    phase_id: Uuid,
    #[schema(inline)]
    #[serde(flatten)]
    change: PhaseChange,
}

/// A removal with the phase that it is about.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the description")]
struct Removal {
    /// The phase.
    phase_id: Uuid,
    /// Whether neighbours take its days.
    neighbours: Option<requests::NeighboursBody>,
}

const KINDS: [&str; 6] = ["reschedule", "replace", "create", "change", "delete", "reorder"];

/// A command that is to be tried.
enum Tried {
    /// The project's days: a timeline that is not there would be opened.
    Days(Days),
    Command(TimelineCommand),
}

impl Shape for Tried {
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
        let command = match kind {
            "reschedule" => return Days::read(value, place, faults).map(Self::Days),
            "create" => NewPhase::read(value, place, faults)?.command(PhaseId::random()),
            "change" => requests::change_of(value, place, faults)?,
            "delete" => requests::removal_of(value, place, faults)?,
            "reorder" => NewOrder::read(value, place, faults)?.command(),
            _ => {
                let members = faults.object(value, place)?;
                let phases: Vec<Entry> = faults.required(members, place, "phases")?;
                let phases = phases.into_iter().map(|entry| entry.replacement(PhaseId::random)).collect();
                TimelineCommand::ReplaceAll { phases }
            }
        };
        Some(Self::Command(command))
    }
}

/// What a command would do.
#[derive(Serialize, ToSchema)]
struct Preview {
    /// Whether the rules let it pass.
    valid: bool,
    /// The rules that it would break, at most 100.
    errors: Vec<FieldError>,
    /// How many more there are; absent if there are no more.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    more_errors: usize,
    /// The version of the timeline that it was tried on.
    version: i64,
    /// The phases as they are.
    before: Vec<PreviewPhase>,
    /// The phases as they would be; a new one has an id of this preview only.
    after: Vec<PreviewPhase>,
    /// The phases whose days would change.
    moved: Vec<Moved>,
    /// What it would mean for assignments.
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
    /// Its first day.
    #[schema(format = Date)]
    start_date: String,
    /// Its last day, included.
    #[schema(format = Date)]
    end_date: String,
    /// What is said about it.
    #[schema(required)]
    description: Option<String>,
    /// Capital part of its budget.
    capital_budget: String,
    /// Expense part of its budget.
    expense_budget: String,
    /// The whole of it.
    total_budget: String,
    /// How many of the project's assignments lie on its days.
    assignment_count: i64,
}

/// A phase whose days would change.
#[derive(Serialize, ToSchema)]
struct Moved {
    /// The phase.
    #[schema(value_type = Uuid)]
    phase_id: PhaseId,
    /// Its name, before the command if it is there.
    name: String,
    /// Its days before; null if it would be new.
    #[schema(required)]
    from: Option<Stretch>,
    /// Its days after; null if it would be removed.
    #[schema(required)]
    to: Option<Stretch>,
}

/// Days from one to another.
#[derive(Serialize, ToSchema)]
struct Stretch {
    /// The first.
    #[schema(format = Date)]
    start: String,
    /// The last, included.
    #[schema(format = Date)]
    end: String,
}

/// What a command would mean for assignments.
#[derive(Serialize, ToSchema)]
struct Assignments {
    /// How many the project has.
    total: i64,
    /// How many are in no phase.
    outside_before: i64,
    /// How many would be in no phase.
    outside_after: i64,
    /// How many would be in another phase, or in none, or in one for the first time.
    changed: i64,
    /// From which phase to which.
    moves: Vec<Move>,
}

/// Assignments that would go from one phase to another.
#[derive(Serialize, ToSchema)]
struct Move {
    /// The phase that they are in; null for none.
    #[schema(value_type = Option<Uuid>, required)]
    from_phase: Option<PhaseId>,
    /// The phase that they would be in; null for none.
    #[schema(value_type = Option<Uuid>, required)]
    to_phase: Option<PhaseId>,
    /// How many.
    count: i64,
    /// The first day of one.
    #[schema(format = Date)]
    first_date: String,
    /// The last day of one.
    #[schema(format = Date)]
    last_date: String,
}

/// What a command would do
///
/// Nothing is written. The answer is 200 also if rules would refuse it.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/timeline/preview", tag = "timelines",
    operation_id = "preview", params(("project_id" = Uuid, Path)), request_body = Asked,
    security(("bearer" = ["phases:read"])),
    responses(
        (status = OK, body = Preview, headers(
            ("ETag" = String, description = "The version that it was tried on."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."))),
        Asking,
    ))]
async fn preview(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    project: Segment,
    mut sent: WriteRequest,
) -> Response {
    let tried = async {
        let caller = asks?;
        caller.need(Scope::PhasesRead)?;
        let project: ProjectId = requests::id("project", &project.0)?;
        caller.need_project(project)?;
        let (tried, _body) = sent.read::<Tried>(&app, FieldErrors::default()).await?;
        let command = match &tried {
            Tried::Days(days) => days.command(),
            Tried::Command(command) => command.clone(),
        };
        let failed = |error| of_store(&error, project, None, BTreeSet::new());
        let mut said = app.store.preview(project, None, &command).await.map_err(failed)?;
        if let (Tried::Days(days), Err(refusal)) = (&tried, &said.events)
            && refusal.breaks(Rule::V16)
        {
            let command = opening(project, *days, PhaseId::random())?;
            said = app.store.preview(project, None, &command).await.map_err(failed)?;
        }
        if let (Tried::Command(TimelineCommand::ReplaceAll { .. }), Err(refusal)) = (&tried, &said.events)
            && refusal.breaks(Rule::V16)
            && let Some(found) = project_view::current_project(&app, project).await?
        {
            let opening = super::planner::batch::opening(&found)?;
            said = app.store.preview(project, Some(&opening), &command).await.map_err(failed)?;
        }
        let days = project_view::assignment_days(&app, project).await?;
        let place = (said.before.version, said.before.position);
        let phases = said.before.timeline.phases().len().max(said.after.phases().len());
        let body = aside_if(phases >= MANY, move || Preview::of(&said, &days)).await?;
        Ok(answer(StatusCode::OK, body, phases, place).await?)
    };
    tried.await.unwrap_or_else(Failure::into_problem)
}

impl Preview {
    fn of(said: &phaseline_store::Preview, days: &AssignmentDays) -> Self {
        let (before, after) = (&said.before.timeline, &said.after);
        let broken = said.events.as_ref().err().map(|refusal| refusal.violations()).unwrap_or_default();
        let (errors, more_errors) = field_errors(broken, &BTreeSet::new());
        Self {
            valid: broken.is_empty(),
            errors,
            more_errors,
            version: said.before.version,
            before: phases(before, days),
            after: phases(after, days),
            moved: moved(before, after),
            assignments: assignments(before, after, days),
        }
    }
}

fn phases(timeline: &Timeline, days: &AssignmentDays) -> Vec<PreviewPhase> {
    let told = timeline.phases().iter().map(|phase| PreviewPhase {
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
    told.collect()
}

/// Phases that are there first, by the start date that they have; then new ones.
fn moved(before: &Timeline, after: &Timeline) -> Vec<Moved> {
    let stretch =
        |range: DateRange| Stretch { start: range.start().to_string(), end: range.end().to_string() };
    let told = |phase: &Phase, from: Option<DateRange>, to: Option<DateRange>| Moved {
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
            all.push(told(phase, Some(phase.range), to));
        }
    }
    let new = after.phases().iter().filter(|phase| !had.contains_key(&phase.id));
    all.extend(new.map(|phase| told(phase, None, Some(phase.range))));
    all
}

fn assignments(before: &Timeline, after: &Timeline, days: &AssignmentDays) -> Assignments {
    let mut told = Assignments {
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
        told.outside_before += if from_phase.is_none() { count } else { 0 };
        told.outside_after += if to_phase.is_none() { count } else { 0 };
        if from_phase == to_phase {
            continue;
        }
        told.changed += count;
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
    told.moves = moves.into_values().collect();
    told.moves.sort_by(|a, b| {
        (&a.first_date, a.from_phase, a.to_phase).cmp(&(&b.first_date, b.from_phase, b.to_phase))
    });
    told
}
