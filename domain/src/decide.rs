//! Decides a command: the events that it causes, or every rule that it breaks.
//!
//! The order of the events of one command is always the same:
//!
//! - `Open`: the timeline, then its default phase.
//! - `Reschedule`: the project's dates, then the phases whose dates follow, by start date.
//! - `CreatePhase`: the neighbours that make room, by start date, then the new phase.
//! - `ResizePhase`: the phases whose dates change, the requested one among them, by their start date before.
//! - `ChangePhase`: as for `ResizePhase`, then the phase's name, description and budget.
//! - `Reorder`: the phases whose dates change, by the start date they had.
//! - `RemovePhase`: the removal, then the neighbour that takes its dates.
//! - `ReplaceAll`: the removals by start date; then, by the start date in the list, each phase: its creation, or
//!   what changes of its dates, name, description and budget, in this order.
//! - `Restore`: the project's dates, if they change; then as for `ReplaceAll`.

mod dates;
mod phase_events;
mod project_dates;
mod replace;
mod room;

pub use project_dates::{Following, decide_following, follow_dates};

use crate::event::{PhaseCreated, TimelineOpened, TimelineRescheduled};
use crate::rule::{self, Draft, DraftBudget, phase, request};
use crate::{
    Budget, DateRange, Neighbours, PhaseChanges, PhaseDraft, PhaseId, PhaseName, ProjectId, Refusal, Rule,
    Timeline, TimelineCommand, TimelineEvent,
};
use chrono::NaiveDate;
use phase_events::{budget, date_range, describe, renamed, resized};

/// Decides a command: returns the events that it causes, none if it changes nothing. After these events the rules hold; a command
/// whose events would break a rule is refused as a whole.
pub fn decide(timeline: &Timeline, command: &TimelineCommand) -> Result<Vec<TimelineEvent>, Refusal> {
    match command {
        TimelineCommand::Open { project_id, range, default_phase_id } => {
            open(timeline, *project_id, *range, *default_phase_id)
        }
        TimelineCommand::Reschedule { start_date, end_date } => reschedule(timeline, *start_date, *end_date),
        TimelineCommand::CreatePhase { phase, neighbours } => create(timeline, phase, *neighbours),
        TimelineCommand::ResizePhase { phase_id, start_date, end_date, neighbours } => {
            dates::resize(timeline, *phase_id, (*start_date, *end_date), *neighbours)
        }
        TimelineCommand::RenamePhase { phase_id, name } => rename(timeline, *phase_id, name),
        TimelineCommand::DescribePhase { phase_id, description } => {
            describe(timeline, *phase_id, description.as_deref())
        }
        TimelineCommand::BudgetPhase { phase_id, capital_budget, expense_budget, total_budget } => {
            let requested =
                DraftBudget { capital: *capital_budget, expense: *expense_budget, total: *total_budget };
            budget(timeline, *phase_id, requested)
        }
        TimelineCommand::ChangePhase { phase_id, changes, neighbours } => {
            change(timeline, *phase_id, changes, *neighbours)
        }
        TimelineCommand::Reorder { phases } => dates::reorder(timeline, phases),
        TimelineCommand::RemovePhase { phase_id, neighbours } => {
            dates::remove(timeline, *phase_id, *neighbours)
        }
        TimelineCommand::ReplaceAll { phases } => replace::all(timeline, phases),
        TimelineCommand::Restore { phases, range, with_project_days } => {
            replace::restore(timeline, phases, *range, *with_project_days)
        }
    }
}

fn open(
    timeline: &Timeline,
    project_id: ProjectId,
    range: DateRange,
    default_phase_id: PhaseId,
) -> Result<Vec<TimelineEvent>, Refusal> {
    let mut broken = Vec::new();
    broken.extend(request::is_not_open(timeline));
    broken.extend(request::ends_after_it_starts(range.start(), range.end()));
    Refusal::unless_empty(broken)?;
    let default = PhaseCreated {
        phase_id: default_phase_id,
        name: PhaseName::of_default_phase(),
        range,
        description: None,
        budget: Budget::ZERO,
    };
    Ok(vec![TimelineOpened { project_id, range }.into(), default.into()])
}

/// The first phase's start and the last phase's end follow the project. A default phase that is still alone is both,
/// so it follows as a whole.
fn reschedule(timeline: &Timeline, start: NaiveDate, end: NaiveDate) -> Result<Vec<TimelineEvent>, Refusal> {
    let current = request::is_open(timeline)?;
    if (start, end) == (current.start(), current.end()) {
        return Ok(Vec::new());
    }
    let mut broken = Vec::new();
    broken.extend(request::ends_after_it_starts(start, end));
    broken.extend(phase::date_exists(None, start));
    broken.extend(phase::date_exists(None, end));
    Refusal::unless_empty(broken)?;
    let range = date_range(None, start, end)?;

    let mut drafts: Vec<Draft<'_>> = timeline.phases().iter().map(Draft::from).collect();
    if let Some(first) = drafts.first_mut() {
        first.start_date = start;
    }
    if let Some(last) = drafts.last_mut() {
        last.end_date = end;
    }
    // Only the phase that would end before it starts is reported: at its wrong place its neighbours would seem wrong, too.
    Refusal::unless_empty(drafts.iter().flat_map(|draft| phase::of_dates(range, draft)))?;
    Refusal::unless_empty(rule::validate(range, &drafts))?;
    let mut events = vec![TimelineRescheduled { range }.into()];
    events.extend(resized(timeline.phases(), &drafts)?);
    Ok(events)
}

fn create(
    timeline: &Timeline,
    requested: &PhaseDraft,
    neighbours: Neighbours,
) -> Result<Vec<TimelineEvent>, Refusal> {
    let invisible = phase::name_is_visible(Some(requested.id), &requested.name);
    match dates::create(timeline, requested, neighbours) {
        Ok(events) => Refusal::unless_empty(invisible).map(|()| events),
        Err(refusal) if refusal.breaks(Rule::TimelineOpen) => Err(refusal),
        Err(refusal) => {
            let all = refusal.into_violations().into_iter().chain(invisible);
            Refusal::unless_empty(all).map(|()| Vec::new())
        }
    }
}

/// The new name of one phase. An invisible name is refused, unless the phase has it already, as phases of the planner may.
fn rename(timeline: &Timeline, phase_id: PhaseId, requested: &str) -> Result<Vec<TimelineEvent>, Refusal> {
    request::is_open(timeline)?;
    let phase = request::has_phase(timeline, phase_id)?;
    let invisible =
        phase::name_is_visible(Some(phase_id), requested).filter(|_| phase.name.as_str() != requested);
    Refusal::unless_empty(phase::of_name(Some(phase_id), requested).into_iter().chain(invisible))?;
    renamed(phase, requested)
}

/// Dates, name, description and budget do not depend on each other, so each is decided by itself, and a refusal has all
/// violations.
fn change(
    timeline: &Timeline,
    phase_id: PhaseId,
    changes: &PhaseChanges,
    neighbours: Neighbours,
) -> Result<Vec<TimelineEvent>, Refusal> {
    request::is_open(timeline)?;
    let phase = request::has_phase(timeline, phase_id)?;
    let (mut events, mut broken) = (Vec::new(), Vec::new());
    let mut take = |decided: Result<Vec<TimelineEvent>, Refusal>| match decided {
        Ok(more) => events.extend(more),
        Err(refusal) => broken.extend(refusal.into_violations()),
    };
    let range =
        (changes.start_date.unwrap_or(phase.range.start()), changes.end_date.unwrap_or(phase.range.end()));
    take(dates::resize(timeline, phase_id, range, neighbours));
    if let Some(requested) = &changes.name {
        take(rename(timeline, phase_id, requested));
    }
    if let Some(requested) = &changes.description {
        take(describe(timeline, phase_id, requested.as_deref()));
    }
    if changes.capital_budget.is_some() || changes.expense_budget.is_some() || changes.total_budget.is_some()
    {
        let requested = DraftBudget {
            capital: changes.capital_budget.unwrap_or(phase.budget.capital().amount()),
            expense: changes.expense_budget.unwrap_or(phase.budget.expense().amount()),
            total: changes.total_budget,
        };
        take(budget(timeline, phase_id, requested));
    }
    Refusal::unless_empty(broken)?;
    Ok(events)
}
