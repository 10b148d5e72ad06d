//! Commands of every kind, to be taken and to be refused.

use chrono::{Days as Number, NaiveDate};
use phaseline_domain::{
    DateRange, Neighbours, PhaseChanges, PhaseDraft, PhaseId, ReplacementPhase, TimelineCommand,
};
use phaseline_tests::chance::Chance;
use phaseline_tests::model::{Budget, Days, Model, Phase, Timeline};
use rust_decimal::Decimal;
use uuid::Uuid;

const NAMES: [&str; 12] = [
    "Planning",
    "Execution",
    "Discovery",
    "Execution (after planning)",
    "RE-PLANNING",
    "Planung",
    "Default Phase",
    " Build ",
    "l'été\tund\n\"so\"",
    "阶段",
    "Hand-over",
    "\\N",
];

/// A command to one of the timelines that may be commanded.
pub(crate) fn command(chance: &mut Chance, model: &Model) -> Option<(Uuid, TimelineCommand)> {
    let drifted = model.drifted();
    // Projects that only the table knows are adopted by their first command.
    let mut knowing = model.clone();
    for project in model.strangers() {
        knowing.adopt(project);
    }
    let known = knowing.log.iter().filter(|(project, _)| model.projects.contains_key(project));
    let known: Vec<_> = known.filter(|(project, _)| !drifted.contains(project)).collect();
    let (project, timeline) = chance.one_of(&known)?;
    let several: Vec<_> = known.iter().filter(|(_, timeline)| timeline.phases.len() > 1).copied().collect();
    // Where a phase is alone, little can be done to its days.
    let (project, timeline) = match chance.one_of(&several) {
        Some(other) if timeline.phases.len() == 1 && chance.hits(60) => other,
        _ => (project, timeline),
    };
    let phase = chance.one_of(&timeline.phases)?;
    let phase_id = if chance.hits(4) { chance.id() } else { phase.id }.into();
    let command = match chance.below(26) {
        0..4 => TimelineCommand::CreatePhase {
            phase: draft(chance, model, timeline),
            neighbours: neighbours(chance),
        },
        4..8 => {
            let days = resized(chance, timeline, phase.days);
            TimelineCommand::ResizePhase {
                phase_id,
                start_date: days.first,
                end_date: days.last,
                neighbours: neighbours(chance),
            }
        }
        8..11 => TimelineCommand::RenamePhase { phase_id, name: name(chance) },
        11..13 => TimelineCommand::DescribePhase { phase_id, description: description(chance) },
        13..15 => {
            let [capital_budget, expense_budget, total] = amounts(chance);
            let total_budget = chance.hits(50).then_some(total);
            TimelineCommand::BudgetPhase { phase_id, capital_budget, expense_budget, total_budget }
        }
        15..17 => TimelineCommand::RemovePhase { phase_id, neighbours: neighbours(chance) },
        17..19 => {
            let days = rescheduled(chance, timeline);
            TimelineCommand::Reschedule { start_date: days.first, end_date: days.last }
        }
        19 => {
            let range = DateRange::new(timeline.days.first, timeline.days.last).ok()?;
            let default_phase_id = chance.id().into();
            TimelineCommand::Open { project_id: (*project).into(), range, default_phase_id }
        }
        20..22 => {
            let days = resized(chance, timeline, phase.days);
            let [capital, expense, _] = amounts(chance);
            let changes = PhaseChanges {
                name: chance.hits(50).then(|| name(chance)),
                start_date: chance.hits(50).then_some(days.first),
                end_date: chance.hits(50).then_some(days.last),
                description: chance.hits(50).then(|| description(chance)),
                capital_budget: chance.hits(50).then_some(capital),
                expense_budget: chance.hits(50).then_some(expense),
                total_budget: None,
            };
            TimelineCommand::ChangePhase { phase_id, changes, neighbours: neighbours(chance) }
        }
        22..24 => {
            let mut phases: Vec<PhaseId> = timeline.phases.iter().map(|phase| phase.id.into()).collect();
            for place in (1..phases.len()).rev() {
                phases.swap(place, usize::try_from(chance.below(place as u64 + 1)).unwrap());
            }
            if chance.hits(10) {
                phases.pop();
            }
            TimelineCommand::Reorder { phases }
        }
        _ => TimelineCommand::ReplaceAll { phases: list(chance, timeline) },
    };
    Some((*project, command))
}

/// The command that opens the timeline of a project without phases.
pub(crate) fn open(chance: &mut Chance, project: Uuid, days: Days) -> Option<TimelineCommand> {
    let range = DateRange::new(days.first, days.last).ok()?;
    Some(TimelineCommand::Open { project_id: project.into(), range, default_phase_id: chance.id().into() })
}

fn neighbours(chance: &mut Chance) -> Neighbours {
    if chance.hits(12) { Neighbours::Refuse } else { Neighbours::Adjust }
}

fn name(chance: &mut Chance) -> String {
    match chance.below(24) {
        0 => String::new(),
        1 => "é".repeat(100),
        2 => "é".repeat(101),
        _ => chance.pick(NAMES).to_owned(),
    }
}

fn description(chance: &mut Chance) -> Option<String> {
    match chance.below(10) {
        0 => Some("ü".repeat(500)),
        1 => Some("ü".repeat(501)),
        2 => Some(String::new()),
        3..5 => None,
        _ => Some(format!("said {}\tof\\it", chance.below(4))),
    }
}

/// Capital, expense and total.
fn amounts(chance: &mut Chance) -> [Decimal; 3] {
    let cents = |cents: i64| Decimal::new(cents, 2);
    match chance.below(14) {
        0 => [cents(-1), cents(1), cents(0)],
        1 => [Decimal::new(1, 3), cents(0), Decimal::new(1, 3)],
        2 => [cents(999_999_999_999_999), cents(1), cents(1_000_000_000_000_000)],
        3 => [cents(5), cents(5), cents(11)],
        4 => [cents(0), cents(999_999_999_999_999), cents(999_999_999_999_999)],
        5 => [Decimal::ZERO; 3],
        _ => {
            let (capital, expense) = (chance.within(0, 90_000_000), chance.within(0, 90_000_000));
            [cents(capital), cents(expense), cents(capital + expense)]
        }
    }
}

/// That many days later; the same day where the calendar ends.
pub(crate) fn shifted(day: NaiveDate, by: i64) -> NaiveDate {
    let number = Number::new(by.unsigned_abs());
    let other = if by < 0 { day.checked_sub_days(number) } else { day.checked_add_days(number) };
    other.unwrap_or(day)
}

fn day_in(chance: &mut Chance, days: Days) -> NaiveDate {
    shifted(days.first, chance.below(days.count()) as i64)
}

fn resized(chance: &mut Chance, timeline: &Timeline, old: Days) -> Days {
    let near = |chance: &mut Chance, day: NaiveDate| {
        let reach = (timeline.days.count() as i64 / 3).clamp(1, 12);
        shifted(day, chance.within(-reach, reach))
    };
    // The first phase keeps its start and the last one its end, or is refused; mostly they are spared that.
    let keeps_start = old.first == timeline.days.first && chance.hits(85);
    let keeps_end = old.last == timeline.days.last && chance.hits(85);
    let first = if keeps_start || chance.hits(25) { old.first } else { near(chance, old.first) };
    let keeps_end = keeps_end || (first != old.first && chance.hits(25));
    Days::new(first, if keeps_end { old.last } else { near(chance, old.last) })
}

fn rescheduled(chance: &mut Chance, timeline: &Timeline) -> Days {
    let old = timeline.days;
    if chance.hits(10) {
        return Days::new(old.last, old.first);
    }
    let by = chance.within(-20, 20);
    match chance.below(4) {
        0 => Days::new(shifted(old.first, by), old.last),
        1 => Days::new(old.first, shifted(old.last, by)),
        2 => Days::new(shifted(old.first, by), shifted(old.last, by)),
        _ => Days::new(shifted(old.first, -chance.within(0, 9)), shifted(old.last, chance.within(0, 9))),
    }
}

fn draft(chance: &mut Chance, model: &Model, timeline: &Timeline) -> PhaseDraft {
    let id = if chance.hits(3) {
        // Somebody's already.
        chance.one_of(&model.phase_ids()).map(|(_, id)| id).unwrap_or_default()
    } else {
        chance.id()
    };
    let start = day_in(chance, timeline.days);
    let days = Days::new(start, shifted(start, chance.within(-1, 9)));
    // At the edge of a phase, where there is room.
    let edge = chance.one_of(&timeline.phases).map_or(days, |phase: Phase| {
        let part = chance.below(phase.days.count().max(2) - 1) as i64;
        if chance.hits(50) {
            Days::new(phase.days.first, shifted(phase.days.first, part))
        } else {
            Days::new(shifted(phase.days.last, -part), phase.days.last)
        }
    });
    let days = if chance.hits(70) { edge } else { days };
    let proper = chance.hits(80);
    let [capital_budget, expense_budget, total_budget] =
        if proper { [Decimal::ONE, Decimal::TEN, Decimal::from(11)] } else { amounts(chance) };
    let (name, description) = if proper {
        (chance.pick(NAMES).to_owned(), chance.hits(50).then(|| "as it should be".to_owned()))
    } else {
        (name(chance), description(chance))
    };
    PhaseDraft {
        id: id.into(),
        name,
        start_date: days.first,
        end_date: days.last,
        description,
        capital_budget,
        expense_budget,
        total_budget,
    }
}

/// The complete list, some of it left out, changed or new, the days shared out anew; at times with a gap, or nothing.
fn list(chance: &mut Chance, timeline: &Timeline) -> Vec<ReplacementPhase> {
    let mut drafts = Vec::new();
    for phase in &timeline.phases {
        if chance.hits(75) {
            let mut draft = draft_of(phase);
            if chance.hits(25) {
                draft.name = name(chance);
            }
            if chance.hits(15) {
                draft.description = description(chance);
            }
            if chance.hits(15) {
                [draft.capital_budget, draft.expense_budget, draft.total_budget] = amounts(chance);
            }
            drafts.push(ReplacementPhase::Existing(draft));
        }
    }
    if chance.hits(50) || drafts.is_empty() {
        let born = Phase { id: chance.id(), ..timeline.phases[0].clone() };
        drafts.push(ReplacementPhase::New(PhaseDraft { name: name(chance), ..draft_of(&born) }));
    }
    if let Some(shares) = timeline.days.shared(drafts.len()) {
        for (draft, share) in drafts.iter_mut().zip(shares) {
            let (ReplacementPhase::Existing(draft) | ReplacementPhase::New(draft)) = draft;
            (draft.start_date, draft.end_date) = (share.first, share.last);
        }
    }
    match chance.below(12) {
        0 => drafts.clear(),
        1 => drop(drafts.pop()),
        2 => drafts.extend(drafts.first().cloned()),
        _ => {}
    }
    drafts
}

fn draft_of(phase: &Phase) -> PhaseDraft {
    let Budget { capital, expense } = phase.budget;
    PhaseDraft {
        id: phase.id.into(),
        name: phase.name.clone(),
        start_date: phase.days.first,
        end_date: phase.days.last,
        description: phase.description.clone(),
        capital_budget: Decimal::new(capital, 2),
        expense_budget: Decimal::new(expense, 2),
        total_budget: Decimal::new(capital + expense, 2),
    }
}
