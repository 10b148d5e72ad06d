//! Complete lists of phases.

use super::words::{CHOSEN, CONSTRUCTION, SOFTWARE};
use crate::command::demo::random::DemoRandom;
use chrono::TimeDelta;
use phaseline_domain::{PhaseDraft, ReplacementPhase, Timeline, TimelineCommand};
use rust_decimal::Decimal;

/// Names of three to eight phases.
pub(super) fn names(random: &mut DemoRandom) -> Vec<String> {
    let all = random.pick([SOFTWARE, SOFTWARE, CONSTRUCTION]);
    random.pick(CHOSEN).iter().map(|at| all[at % all.len()].to_owned()).collect()
}

/// Capital and expense parts of a phase's budget: thousands, some with cents.
pub(super) fn budget(random: &mut DemoRandom) -> (Decimal, Decimal) {
    let thousands = random.within(8, 400);
    let capital = thousands * random.within(0, 90) / 100;
    let cents = if random.hits(20) { random.within(1, 99_999) } else { 0 };
    (Decimal::new(capital * 100_000 + cents, 2), Decimal::new((thousands - capital) * 100_000, 2))
}

/// The command that divides a timeline's dates into phases with these names, of random lengths. Its phases are kept as the first ones. None
/// if it has too few days.
pub(super) fn divided(
    timeline: &Timeline,
    names: Vec<String>,
    random: &mut DemoRandom,
) -> Option<TimelineCommand> {
    let range = timeline.range()?;
    let spare = range.days() - i64::try_from(names.len()).ok()?;
    if spare < 0 || names.is_empty() {
        return None;
    }
    let weights: Vec<i64> = names.iter().map(|_| random.within(2, 7)).collect();
    let all: i64 = weights.iter().sum();
    let (mut passed, mut next) = (0, range.start());
    let mut kept = timeline.phases().iter();
    let mut phases = Vec::with_capacity(names.len());
    for (place, (name, weight)) in (1..).zip(names.into_iter().zip(weights)) {
        passed += weight;
        let end_date = range.start() + TimeDelta::days(place - 1 + spare * passed / all);
        let (capital_budget, expense_budget) = budget(random);
        let draft = |id| PhaseDraft {
            id,
            name,
            start_date: next,
            end_date,
            description: None,
            capital_budget,
            expense_budget,
            total_budget: capital_budget + expense_budget,
        };
        phases.push(match kept.next() {
            Some(phase) => ReplacementPhase::Existing(draft(phase.id)),
            None => ReplacementPhase::New(draft(random.id().into())),
        });
        next = end_date + TimeDelta::days(1);
    }
    Some(TimelineCommand::ReplaceAll { phases })
}

/// The command that gives every phase another budget.
pub(super) fn rebudgeted(timeline: &Timeline, random: &mut DemoRandom) -> TimelineCommand {
    let phases = timeline.phases().iter().map(|phase| {
        let (capital_budget, expense_budget) = budget(random);
        ReplacementPhase::Existing(PhaseDraft {
            capital_budget,
            expense_budget,
            total_budget: capital_budget + expense_budget,
            ..PhaseDraft::from(phase)
        })
    });
    TimelineCommand::ReplaceAll { phases: phases.collect() }
}
