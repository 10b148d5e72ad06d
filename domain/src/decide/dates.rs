//! The commands that move dates between phases.
//!
//! With [`Neighbours::Adjust`] a phase takes dates from the edges of the phases beside it, or leaves its own to them.
//! No phase may lose all its dates that way (be swallowed), nor dates in its middle (be split), nor its place in the
//! order.

use super::phase_events::{created, resized};
use super::room::{Beside, gives_first_dates, gives_last_dates, overlap_violation};
use crate::event::PhaseRemoved;
use crate::rule::{self, Draft, phase, request, set};
use crate::{Neighbours, PhaseDraft, PhaseId, Refusal, Timeline, TimelineEvent, Violation};
use chrono::NaiveDate;
use std::collections::HashMap;

pub(super) fn create(
    timeline: &Timeline,
    requested: &PhaseDraft,
    neighbours: Neighbours,
) -> Result<Vec<TimelineEvent>, Refusal> {
    let project = request::is_open(timeline)?;
    let new = Draft::from(requested);
    if let Some(taken) = request::is_fresh(timeline, requested.id) {
        let mut broken = vec![taken];
        broken.extend(phase::violations(project, &new));
        Refusal::unless_empty(broken)?;
    }

    let mut drafts: Vec<Draft<'_>> = timeline.phases().iter().map(Draft::from).collect();
    if neighbours == Neighbours::Adjust {
        let mut broken = Vec::new();
        let dates_are_valid = phase::of_dates(project, &new).is_empty();
        if dates_are_valid {
            let last = drafts.len().saturating_sub(1);
            broken.extend(
                drafts
                    .iter()
                    .enumerate()
                    .filter_map(|(i, other)| overlap_violation(&new, other, Beside::of_new(i, last))),
            );
        }
        if !dates_are_valid || !broken.is_empty() {
            broken.extend(phase::violations(project, &new));
            Refusal::unless_empty(broken)?;
        }
        for other in &mut drafts {
            if gives_last_dates(other, &new) {
                other.end_date = day_before(new.start_date);
            } else if gives_first_dates(other, &new) {
                other.start_date = day_after(new.end_date);
            }
        }
    }

    let mut all: Vec<Draft<'_>> = drafts.iter().copied().chain([new]).collect();
    all.sort_by_key(Draft::place);
    Refusal::unless_empty(rule::validate(project, &all))?;
    let mut events = resized(timeline.phases(), &drafts)?;
    events.push(created(requested)?);
    Ok(events)
}

pub(super) fn resize(
    timeline: &Timeline,
    phase_id: PhaseId,
    (start, end): (NaiveDate, NaiveDate),
    neighbours: Neighbours,
) -> Result<Vec<TimelineEvent>, Refusal> {
    let project = request::is_open(timeline)?;
    let phase = request::has_phase(timeline, phase_id)?;
    if (start, end) == (phase.range.start(), phase.range.end()) {
        return Ok(Vec::new());
    }
    let mut drafts: Vec<Draft<'_>> = timeline.phases().iter().map(Draft::from).collect();
    let at = position(timeline, phase_id);
    let requested = Draft { start_date: start, end_date: end, ..Draft::from(phase) };
    if let Some(draft) = drafts.get_mut(at) {
        *draft = requested;
    }

    if neighbours == Neighbours::Adjust {
        let mut broken = Vec::new();
        if at == 0 {
            broken.extend(set::starts_with_project(project, &requested));
        }
        if at + 1 == drafts.len() {
            broken.extend(set::ends_with_project(project, &requested));
        }
        let own = phase::of_dates(project, &requested);
        if own.is_empty() {
            let others = drafts.iter().enumerate().filter(|(i, _)| *i != at);
            broken
                .extend(others.filter_map(|(i, other)| {
                    overlap_violation(&requested, other, Beside::of_resized(i, at))
                }));
        }
        broken.extend(own);
        Refusal::unless_empty(broken)?;
        if let Some(before) = at.checked_sub(1).and_then(|i| drafts.get_mut(i)) {
            before.end_date = day_before(start);
        }
        if let Some(after) = drafts.get_mut(at + 1) {
            after.start_date = day_after(end);
        }
    }

    Refusal::unless_empty(rule::validate(project, &drafts))?;
    resized(timeline.phases(), &drafts)
}

pub(super) fn remove(
    timeline: &Timeline,
    phase_id: PhaseId,
    neighbours: Neighbours,
) -> Result<Vec<TimelineEvent>, Refusal> {
    let project = request::is_open(timeline)?;
    let removed = request::has_phase(timeline, phase_id)?;
    Refusal::unless_empty(set::not_the_last_one(timeline.phases().len(), phase_id))?;
    let at = position(timeline, phase_id);
    let left = || timeline.phases().iter().filter(|phase| phase.id != phase_id);
    let mut drafts: Vec<Draft<'_>> = left().map(Draft::from).collect();
    match neighbours {
        Neighbours::Refuse => {
            Refusal::unless_empty(set::leaves_no_gap(project, &drafts, phase_id))?;
        }
        Neighbours::Adjust => {
            if let Some(before) = at.checked_sub(1).and_then(|i| drafts.get_mut(i)) {
                before.end_date = removed.range.end();
            } else if let Some(after) = drafts.first_mut() {
                after.start_date = removed.range.start();
            }
            Refusal::unless_empty(rule::validate(project, &drafts))?;
        }
    }
    let mut events = vec![PhaseRemoved { phase_id }.into()];
    events.extend(resized(left(), &drafts)?);
    Ok(events)
}

pub(super) fn reorder(timeline: &Timeline, order: &[PhaseId]) -> Result<Vec<TimelineEvent>, Refusal> {
    let project = request::is_open(timeline)?;
    let mut broken: Vec<Violation> =
        order.iter().filter_map(|id| request::has_phase(timeline, *id).err()).collect();
    broken.extend(set::each_named_once(order));
    broken.extend(set::all_named(timeline, order));
    Refusal::unless_empty(broken)?;
    let mut drafts: Vec<Draft<'_>> = timeline.phases().iter().map(Draft::from).collect();
    let places: HashMap<PhaseId, usize> =
        timeline.phases().iter().enumerate().map(|(at, phase)| (phase.id, at)).collect();
    let mut start = project.start();
    for id in order {
        let Some(at) = places.get(id).copied() else { continue };
        let (Some(draft), Some(phase)) = (drafts.get_mut(at), timeline.phases().get(at)) else { continue };
        draft.start_date = start;
        draft.end_date = start + (phase.range.end() - phase.range.start());
        start = day_after(draft.end_date);
    }
    if let Some(draft) = order.last().and_then(|id| drafts.get_mut(*places.get(id)?)) {
        draft.end_date = project.end();
    }
    Refusal::unless_empty(rule::validate(project, &drafts))?;
    resized(timeline.phases(), &drafts)
}

fn position(timeline: &Timeline, id: PhaseId) -> usize {
    timeline.phases().iter().take_while(|phase| phase.id != id).count()
}

/// Dates are within the years 1 to 9999 here, so that there is always one before and after.
fn day_before(date: NaiveDate) -> NaiveDate {
    date.pred_opt().unwrap_or(date)
}

fn day_after(date: NaiveDate) -> NaiveDate {
    date.succ_opt().unwrap_or(date)
}
