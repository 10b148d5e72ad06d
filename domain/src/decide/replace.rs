//! The commands that state the complete list.

use super::phase_events::{budget, created, date_range, describe, renamed};
use crate::event::{PhaseRemoved, PhaseResized, TimelineRescheduled};
use crate::rule::{self, Draft, DraftBudget, request};
use crate::{
    DateRange, Phase, PhaseDraft, PhaseId, Refusal, Timeline, TimelineEvent, Violation,
    command::ReplacementPhase,
};
use std::collections::HashSet;

pub(super) fn all(timeline: &Timeline, phases: &[ReplacementPhase]) -> Result<Vec<TimelineEvent>, Refusal> {
    let project = request::is_open(timeline)?;
    let mut requested = Vec::with_capacity(phases.len());
    let mut broken = Vec::new();
    for phase in phases {
        match phase {
            ReplacementPhase::Existing(draft) => {
                broken.extend(request::has_phase(timeline, draft.id).err());
                requested.push(draft);
            }
            ReplacementPhase::New(draft) => {
                broken.extend(request::is_fresh(timeline, draft.id));
                requested.push(draft);
            }
        }
    }
    complete(timeline, project, requested, broken)
}

/// The timeline as it was. Whether a phase exists now does not matter: a removed one comes back under its id.
pub(super) fn restore(
    timeline: &Timeline,
    phases: &[PhaseDraft],
    range: DateRange,
    with_project_days: bool,
) -> Result<Vec<TimelineEvent>, Refusal> {
    let current = request::is_open(timeline)?;
    if range == current {
        return complete(timeline, current, phases.iter().collect(), Vec::new());
    }
    // Phases over other dates would break V2 and V3 as well, which says less.
    if !with_project_days {
        return Err(request::keeps_project_dates(current, range).into());
    }
    let broken = request::ends_after_it_starts(range.start(), range.end()).into_iter().collect();
    let mut events = vec![TimelineRescheduled { range }.into()];
    events.extend(complete(timeline, range, phases.iter().collect(), broken)?);
    Ok(events)
}

/// Leaves the timeline with the requested phases, which must cover the project. `broken` are the violations so far.
fn complete(
    timeline: &Timeline,
    project: DateRange,
    mut requested: Vec<&PhaseDraft>,
    mut broken: Vec<Violation>,
) -> Result<Vec<TimelineEvent>, Refusal> {
    requested.sort_by_key(|draft| draft.start_date);
    let drafts: Vec<Draft<'_>> = requested.iter().map(|draft| Draft::from(*draft)).collect();
    broken.extend(rule::validate(project, &drafts));
    Refusal::unless_empty(broken)?;

    let kept: HashSet<PhaseId> = requested.iter().map(|draft| draft.id).collect();
    let gone = timeline.phases().iter().map(|phase| phase.id).filter(|id| !kept.contains(id));
    let mut events: Vec<TimelineEvent> = gone.map(|phase_id| PhaseRemoved { phase_id }.into()).collect();
    for draft in requested {
        match timeline.phase(draft.id) {
            Some(phase) => events.extend(changed(timeline, phase, draft)?),
            None => events.push(created(draft)?),
        }
    }
    Ok(events)
}

/// The changes of one phase.
fn changed(timeline: &Timeline, phase: &Phase, draft: &PhaseDraft) -> Result<Vec<TimelineEvent>, Refusal> {
    let phase_id = phase.id;
    let mut events = Vec::new();
    let range = date_range(Some(phase_id), draft.start_date, draft.end_date)?;
    if range != phase.range {
        events.push(PhaseResized { phase_id, range }.into());
    }
    let requested = DraftBudget {
        capital: draft.capital_budget,
        expense: draft.expense_budget,
        total: Some(draft.total_budget),
    };
    events.extend(renamed(phase, &draft.name)?);
    events.extend(describe(timeline, phase_id, draft.description.as_deref())?);
    events.extend(budget(timeline, phase_id, requested)?);
    Ok(events)
}
