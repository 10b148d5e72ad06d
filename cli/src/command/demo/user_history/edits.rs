//! Edits as users make them. Each is valid for the timeline that it is chosen for.

use super::phase_list;
use super::recorder::UserEdit;
use super::words::{ADDED, BUDGETED, DESCRIPTIONS, EXTENDED, RESIZED, RESTRUCTURED, WORDED};
use crate::command::demo::random::DemoRandom;
use chrono::TimeDelta;
use phaseline_domain::{Neighbours, Phase, PhaseChanges, PhaseDraft, PhaseId, Timeline, TimelineCommand};

/// What a renamed phase has at its end, until it is renamed again.
const REVISED: &str = " (revised)";

/// Share of edits without a reason, in percent.
const WITHOUT_REASON: usize = 15;

/// Any edit.
pub(super) fn any(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let chosen = match random.below(100) {
        0..30 => resized(timeline, random),
        30..34 => reordered(timeline, random),
        34..43 => added(timeline, random),
        43..48 => removed(timeline, random),
        48..58 => several(timeline, random),
        58..63 => extended(timeline, random),
        _ => None,
    };
    chosen.or_else(|| small(timeline, random))
}

/// An edit of one event: a name, a description or a budget.
pub(super) fn small(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let phase = phase(timeline, random)?;
    let phase_id = phase.id;
    Some(match random.below(4) {
        0 => edit(TimelineCommand::RenamePhase { phase_id, name: other_name(phase) }, WORDED, random),
        1 => {
            let description = Some(other_description(phase, random));
            edit(TimelineCommand::DescribePhase { phase_id, description }, WORDED, random)
        }
        _ => {
            let (capital_budget, expense_budget) = phase_list::budget(random);
            let budget =
                TimelineCommand::BudgetPhase { phase_id, capital_budget, expense_budget, total_budget: None };
            edit(budget, BUDGETED, random)
        }
    })
}

/// The edit with one of these reasons, or none.
pub(super) fn edit<const N: usize>(
    command: TimelineCommand,
    reasons: [&str; N],
    random: &mut DemoRandom,
) -> UserEdit {
    let reason = (!random.hits(WITHOUT_REASON)).then(|| random.pick(reasons).to_owned());
    UserEdit { command, reason }
}

fn phase<'t>(timeline: &'t Timeline, random: &mut DemoRandom) -> Option<&'t Phase> {
    timeline.phases().get(random.below(timeline.phases().len()))
}

fn other_name(phase: &Phase) -> String {
    let name = phase.name.as_str();
    match name.strip_suffix(REVISED) {
        Some(before) => before.to_owned(),
        None => name.chars().take(100 - REVISED.len()).chain(REVISED.chars()).collect(),
    }
}

fn other_description(phase: &Phase, random: &mut DemoRandom) -> String {
    let chosen = random.pick(DESCRIPTIONS);
    match &phase.description {
        Some(present) if present.as_str() == chosen => format!("{chosen} Reviewed."),
        _ => chosen.to_owned(),
    }
}

/// A phase ends up to three weeks earlier or later, and the next one follows.
fn resized(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let at = random.below(timeline.phases().len().saturating_sub(1));
    let (phase, next) = (timeline.phases().get(at)?, timeline.phases().get(at + 1)?);
    let least = -(phase.range.days() - 1).min(21);
    let most = (next.range.days() - 1).min(21);
    let by = Some(random.within(least, most)).filter(|days| *days != 0)?;
    let resize = TimelineCommand::ResizePhase {
        phase_id: phase.id,
        start_date: phase.range.start(),
        end_date: phase.range.end() + TimeDelta::days(by),
        neighbours: Neighbours::Adjust,
    };
    Some(edit(resize, RESIZED, random))
}

/// Two neighbours change places.
pub(super) fn reordered(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let mut phases: Vec<PhaseId> = timeline.phases().iter().map(|phase| phase.id).collect();
    let at = random.below(phases.len().checked_sub(1)?);
    if at + 1 >= phases.len() {
        return None;
    }
    phases.swap(at, at + 1);
    Some(edit(TimelineCommand::Reorder { phases }, RESTRUCTURED, random))
}

/// A new phase takes the end of another one.
fn added(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let shortened = phase(timeline, random).filter(|phase| phase.range.days() >= 14)?;
    let end_date = shortened.range.end();
    let (capital_budget, expense_budget) = phase_list::budget(random);
    let phase = PhaseDraft {
        id: random.id().into(),
        name: random.pick(ADDED).to_owned(),
        start_date: end_date - TimeDelta::days(random.within(4, shortened.range.days() / 2)),
        end_date,
        description: None,
        capital_budget,
        expense_budget,
        total_budget: capital_budget + expense_budget,
    };
    let create = TimelineCommand::CreatePhase { phase, neighbours: Neighbours::Adjust };
    Some(edit(create, RESTRUCTURED, random))
}

/// One of four or more phases goes.
fn removed(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let phase_id = phase(timeline, random).filter(|_| timeline.phases().len() > 3)?.id;
    let remove = TimelineCommand::RemovePhase { phase_id, neighbours: Neighbours::Adjust };
    Some(edit(remove, RESTRUCTURED, random))
}

/// Name, description and budget of a phase.
fn several(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let phase = phase(timeline, random)?;
    let (capital, expense) = phase_list::budget(random);
    let changes = PhaseChanges {
        name: Some(other_name(phase)),
        description: Some(Some(other_description(phase, random))),
        capital_budget: Some(capital),
        expense_budget: Some(expense),
        ..PhaseChanges::default()
    };
    let change = TimelineCommand::ChangePhase { phase_id: phase.id, changes, neighbours: Neighbours::Adjust };
    Some(edit(change, RESTRUCTURED, random))
}

/// The project ends one to six weeks later.
fn extended(timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let range = timeline.range()?;
    let reschedule = TimelineCommand::Reschedule {
        start_date: range.start(),
        end_date: range.end() + TimeDelta::weeks(random.within(1, 6)),
    };
    Some(edit(reschedule, EXTENDED, random))
}
