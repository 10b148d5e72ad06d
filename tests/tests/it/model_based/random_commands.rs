//! Generates commands of every kind, valid and invalid.

use chrono::{Days as Number, NaiveDate};
use phaseline_domain::{
    DateRange, Neighbours, PhaseChanges, PhaseDraft, PhaseId, ReplacementPhase, TimelineCommand,
};
use phaseline_tests::model::{Budget, Days, Model, Phase, Timeline};
use phaseline_tests::random::SeededRandom;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
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

/// A command on one of the timelines that accept commands.
pub(crate) fn command(random: &mut SeededRandom, model: &Model) -> Option<(Uuid, TimelineCommand)> {
    let drifted = model.drifted();
    // Projects without a timeline are adopted by their first command.
    let mut knowing = model.clone();
    for project in model.unadopted() {
        knowing.adopt(project);
    }
    let known = knowing.log.iter().filter(|(project, _)| model.projects.contains_key(project));
    let known: Vec<_> = known.filter(|(project, _)| !drifted.contains(project)).collect();
    let (project, timeline) = random.one_of(&known)?;
    let several: Vec<_> = known.iter().filter(|(_, timeline)| timeline.phases.len() > 1).copied().collect();
    // A single phase must cover the whole project, so few changes of its dates are valid.
    let (project, timeline) = match random.one_of(&several) {
        Some(other) if timeline.phases.len() == 1 && random.hits(60) => other,
        _ => (project, timeline),
    };
    let phase = random.one_of(&timeline.phases)?;
    let phase_id = if random.hits(4) { random.id() } else { phase.id }.into();
    let command = match random.below(26) {
        0..4 => TimelineCommand::CreatePhase {
            phase: draft(random, model, timeline),
            neighbours: neighbours(random),
        },
        4..8 => {
            let days = resized(random, timeline, phase.days);
            TimelineCommand::ResizePhase {
                phase_id,
                start_date: days.first,
                end_date: days.last,
                neighbours: neighbours(random),
            }
        }
        8..11 => TimelineCommand::RenamePhase { phase_id, name: name(random) },
        11..13 => TimelineCommand::DescribePhase { phase_id, description: description(random) },
        13..15 => {
            let [capital_budget, expense_budget, total] = amounts(random);
            let total_budget = random.hits(50).then_some(total);
            TimelineCommand::BudgetPhase { phase_id, capital_budget, expense_budget, total_budget }
        }
        15..17 => TimelineCommand::RemovePhase { phase_id, neighbours: neighbours(random) },
        17..19 => {
            let days = rescheduled(random, timeline);
            TimelineCommand::Reschedule { start_date: days.first, end_date: days.last }
        }
        19 => {
            let range = DateRange::new(timeline.days.first, timeline.days.last).ok()?;
            let default_phase_id = random.id().into();
            TimelineCommand::Open { project_id: (*project).into(), range, default_phase_id }
        }
        20..22 => {
            let days = resized(random, timeline, phase.days);
            let [capital, expense, _] = amounts(random);
            let changes = PhaseChanges {
                name: random.hits(50).then(|| name(random)),
                start_date: random.hits(50).then_some(days.first),
                end_date: random.hits(50).then_some(days.last),
                description: random.hits(50).then(|| description(random)),
                capital_budget: random.hits(50).then_some(capital),
                expense_budget: random.hits(50).then_some(expense),
                total_budget: None,
            };
            TimelineCommand::ChangePhase { phase_id, changes, neighbours: neighbours(random) }
        }
        22..24 => {
            let mut phases: Vec<PhaseId> = timeline.phases.iter().map(|phase| phase.id.into()).collect();
            for place in (1..phases.len()).rev() {
                phases.swap(place, usize::try_from(random.below(place as u64 + 1)).unwrap());
            }
            if random.hits(10) {
                phases.pop();
            }
            TimelineCommand::Reorder { phases }
        }
        _ => TimelineCommand::ReplaceAll { phases: list(random, timeline) },
    };
    Some((*project, command))
}

/// The command that restores a timeline that its project has had.
pub(crate) fn restore(
    random: &mut SeededRandom,
    model: &Model,
    earlier: &BTreeMap<Uuid, Vec<Timeline>>,
) -> Option<(Uuid, TimelineCommand)> {
    let drifted = model.drifted();
    let mut usable = Vec::new();
    for (project, timeline) in &model.log {
        if model.projects.contains_key(project) && !drifted.contains(project) {
            let others = earlier.get(project).into_iter().flatten().filter(|earlier| *earlier != timeline);
            usable.extend(others.map(|earlier| (*project, earlier)));
        }
    }
    let (project, timeline) = random.one_of(&usable)?;
    let command = TimelineCommand::Restore {
        phases: timeline.phases.iter().map(draft_of).collect(),
        range: DateRange::new(timeline.days.first, timeline.days.last).ok()?,
        with_project_days: random.hits(60),
    };
    Some((project, command))
}

/// The command that opens the timeline of a project without phases.
pub(crate) fn open(random: &mut SeededRandom, project: Uuid, days: Days) -> Option<TimelineCommand> {
    let range = DateRange::new(days.first, days.last).ok()?;
    Some(TimelineCommand::Open { project_id: project.into(), range, default_phase_id: random.id().into() })
}

fn neighbours(random: &mut SeededRandom) -> Neighbours {
    if random.hits(12) { Neighbours::Refuse } else { Neighbours::Adjust }
}

fn name(random: &mut SeededRandom) -> String {
    match random.below(24) {
        0 => String::new(),
        1 => "é".repeat(100),
        2 => "é".repeat(101),
        _ => random.pick(NAMES).to_owned(),
    }
}

fn description(random: &mut SeededRandom) -> Option<String> {
    match random.below(10) {
        0 => Some("ü".repeat(500)),
        1 => Some("ü".repeat(501)),
        2 => Some(String::new()),
        3..5 => None,
        _ => Some(format!("said {}\tof\\it", random.below(4))),
    }
}

/// Capital, expense and total.
fn amounts(random: &mut SeededRandom) -> [Decimal; 3] {
    let cents = |cents: i64| Decimal::new(cents, 2);
    match random.below(14) {
        0 => [cents(-1), cents(1), cents(0)],
        1 => [Decimal::new(1, 3), cents(0), Decimal::new(1, 3)],
        2 => [cents(999_999_999_999_999), cents(1), cents(1_000_000_000_000_000)],
        3 => [cents(5), cents(5), cents(11)],
        4 => [cents(0), cents(999_999_999_999_999), cents(999_999_999_999_999)],
        5 => [Decimal::ZERO; 3],
        _ => {
            let (capital, expense) = (random.within(0, 90_000_000), random.within(0, 90_000_000));
            [cents(capital), cents(expense), cents(capital + expense)]
        }
    }
}

/// The date that many days later; the same date at the end of the calendar.
pub(crate) fn shifted(day: NaiveDate, by: i64) -> NaiveDate {
    let number = Number::new(by.unsigned_abs());
    let other = if by < 0 { day.checked_sub_days(number) } else { day.checked_add_days(number) };
    other.unwrap_or(day)
}

fn day_in(random: &mut SeededRandom, days: Days) -> NaiveDate {
    shifted(days.first, random.below(days.count()) as i64)
}

fn resized(random: &mut SeededRandom, timeline: &Timeline, old: Days) -> Days {
    let near = |random: &mut SeededRandom, day: NaiveDate| {
        let reach = (timeline.days.count() as i64 / 3).clamp(1, 12);
        shifted(day, random.within(-reach, reach))
    };
    // A change of the first start or the last end is refused, so most commands keep these dates.
    let keeps_start = old.first == timeline.days.first && random.hits(85);
    let keeps_end = old.last == timeline.days.last && random.hits(85);
    let first = if keeps_start || random.hits(25) { old.first } else { near(random, old.first) };
    let keeps_end = keeps_end || (first != old.first && random.hits(25));
    Days::new(first, if keeps_end { old.last } else { near(random, old.last) })
}

fn rescheduled(random: &mut SeededRandom, timeline: &Timeline) -> Days {
    let old = timeline.days;
    if random.hits(10) {
        return Days::new(old.last, old.first);
    }
    let by = random.within(-20, 20);
    match random.below(4) {
        0 => Days::new(shifted(old.first, by), old.last),
        1 => Days::new(old.first, shifted(old.last, by)),
        2 => Days::new(shifted(old.first, by), shifted(old.last, by)),
        _ => Days::new(shifted(old.first, -random.within(0, 9)), shifted(old.last, random.within(0, 9))),
    }
}

fn draft(random: &mut SeededRandom, model: &Model, timeline: &Timeline) -> PhaseDraft {
    let id = if random.hits(3) {
        // The id of an existing phase.
        random.one_of(&model.phase_ids()).map(|(_, id)| id).unwrap_or_default()
    } else {
        random.id()
    };
    let start = day_in(random, timeline.days);
    let days = Days::new(start, shifted(start, random.within(-1, 9)));
    // At the edge of a phase, which can give up days.
    let edge = random.one_of(&timeline.phases).map_or(days, |phase: Phase| {
        let part = random.below(phase.days.count().max(2) - 1) as i64;
        if random.hits(50) {
            Days::new(phase.days.first, shifted(phase.days.first, part))
        } else {
            Days::new(shifted(phase.days.last, -part), phase.days.last)
        }
    });
    let days = if random.hits(70) { edge } else { days };
    let proper = random.hits(80);
    let [capital_budget, expense_budget, total_budget] =
        if proper { [Decimal::ONE, Decimal::TEN, Decimal::from(11)] } else { amounts(random) };
    let (name, description) = if proper {
        (random.pick(NAMES).to_owned(), random.hits(50).then(|| "as it should be".to_owned()))
    } else {
        (name(random), description(random))
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

/// The complete list, some of it left out, changed or new, with new dates; sometimes with a gap, or empty.
fn list(random: &mut SeededRandom, timeline: &Timeline) -> Vec<ReplacementPhase> {
    let mut drafts = Vec::new();
    for phase in &timeline.phases {
        if random.hits(75) {
            let mut draft = draft_of(phase);
            if random.hits(25) {
                draft.name = name(random);
            }
            if random.hits(15) {
                draft.description = description(random);
            }
            if random.hits(15) {
                [draft.capital_budget, draft.expense_budget, draft.total_budget] = amounts(random);
            }
            drafts.push(ReplacementPhase::Existing(draft));
        }
    }
    if random.hits(50) || drafts.is_empty() {
        let new_phase = Phase { id: random.id(), ..timeline.phases[0].clone() };
        drafts.push(ReplacementPhase::New(PhaseDraft { name: name(random), ..draft_of(&new_phase) }));
    }
    if let Some(shares) = timeline.days.shared(drafts.len()) {
        for (draft, share) in drafts.iter_mut().zip(shares) {
            let (ReplacementPhase::Existing(draft) | ReplacementPhase::New(draft)) = draft;
            (draft.start_date, draft.end_date) = (share.first, share.last);
        }
    }
    match random.below(12) {
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
