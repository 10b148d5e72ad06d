use super::*;
use crate::changes::{ChangedField, FieldChange};
use chrono::TimeDelta;
use phaseline_domain::{Neighbours, PhaseDraft, TimelineCommand, TimelineEvent, decide};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Numbers of a fixed seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn day(n: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + TimeDelta::days(i64::try_from(n).unwrap())
}

fn project() -> ProjectId {
    Uuid::from_u128(1).into()
}

/// A command that may be refused.
fn any_command(numbers: &mut Numbers, folded: &FoldedTimeline) -> TimelineCommand {
    let phases = folded.timeline.phases();
    let range = folded.timeline.range().unwrap();
    let length = u64::try_from(range.days()).unwrap();
    let offset = u64::try_from((range.start() - day(0)).num_days()).unwrap();
    let phase_id = phases[usize::try_from(numbers.below(phases.len() as u64)).unwrap()].id;
    let start = offset + numbers.below(length);
    let end = start + numbers.below(length);
    let amount = Decimal::new(i64::try_from(numbers.below(3000)).unwrap(), 2);
    match numbers.below(8) {
        0 | 1 => TimelineCommand::CreatePhase {
            phase: PhaseDraft {
                // A removed phase may come back under its id.
                id: Uuid::from_u128(u128::from(100 + numbers.below(6))).into(),
                name: format!("P{}", numbers.below(4)),
                start_date: day(start),
                end_date: day(end),
                description: None,
                capital_budget: amount,
                expense_budget: Decimal::ZERO,
                total_budget: amount,
            },
            neighbours: Neighbours::Adjust,
        },
        2 => TimelineCommand::RemovePhase { phase_id, neighbours: Neighbours::Adjust },
        3 => TimelineCommand::RenamePhase { phase_id, name: format!("N{}", numbers.below(3)) },
        4 => TimelineCommand::BudgetPhase {
            phase_id,
            capital_budget: amount,
            expense_budget: Decimal::ONE,
            total_budget: None,
        },
        5 => TimelineCommand::DescribePhase { phase_id, description: Some(format!("d{}", numbers.below(3))) },
        6 => TimelineCommand::Reschedule {
            start_date: day(40 + numbers.below(40)),
            end_date: day(200 + numbers.below(40)),
        },
        _ => TimelineCommand::ResizePhase {
            phase_id,
            start_date: day(start),
            end_date: day(end),
            neighbours: Neighbours::Adjust,
        },
    }
}

/// The timeline after each of many commands: before it was opened, open, and closed at last.
fn timelines(seed: u64) -> Vec<FoldedTimeline> {
    let mut numbers = Numbers(seed);
    let mut folded = FoldedTimeline::default();
    let mut all = vec![folded.clone()];
    let mut apply = |folded: &mut FoldedTimeline, events: &[TimelineEvent]| {
        for event in events {
            folded.version += 1;
            folded.apply(event, chrono::NaiveDateTime::default());
        }
        all.push(folded.clone());
    };
    let open = TimelineCommand::Open {
        project_id: project(),
        range: DateRange::new(day(50), day(210)).unwrap(),
        default_phase_id: Uuid::from_u128(99).into(),
    };
    apply(&mut folded, &decide(&FoldedTimeline::default().timeline, &open).unwrap());
    for _ in 0..60 {
        let command = any_command(&mut numbers, &folded);
        if let Ok(events) = decide(&folded.timeline, &command) {
            apply(&mut folded, &events);
        }
    }
    let closed = phaseline_domain::event::TimelineClosed { project_id: project() };
    apply(&mut folded, &[closed.into()]);
    all
}

type Changes = BTreeMap<Option<PhaseId>, BTreeMap<ChangedField, FieldChange>>;

/// All changed fields, of phases and of the project.
fn fields(diff: &TimelineDiff) -> Changes {
    let of = |changes: &[FieldChange]| changes.iter().map(|change| (change.field, change.clone())).collect();
    let phases = diff.phases.iter().map(|phase| (Some(phase.phase_id), of(&phase.changes)));
    let all = phases.chain([(None, of(&diff.changes))]);
    all.filter(|(_, changes): &(_, BTreeMap<_, _>)| !changes.is_empty()).collect()
}

/// The changes of two differences in a row.
fn composed(first: &TimelineDiff, second: &TimelineDiff) -> Changes {
    let mut changes = fields(first);
    for (id, later) in fields(second) {
        let so_far = changes.entry(id).or_default();
        for (field, change) in later {
            let before = so_far.get(&field).map_or(change.before.clone(), |earlier| earlier.before.clone());
            so_far.insert(field, FieldChange { field, before, after: change.after });
        }
    }
    for fields in changes.values_mut() {
        fields.retain(|_, change| change.before != change.after);
    }
    changes.retain(|_, fields| !fields.is_empty());
    changes
}

#[test]
fn differences_in_a_row_are_the_difference_of_their_ends() {
    let (mut compared, mut seen) = (0, BTreeMap::<DiffStatus, u32>::new());
    for seed in 0..40 {
        let timelines = timelines(seed);
        let mut numbers = Numbers(seed);
        for _ in 0..60 {
            let mut at = [(); 3].map(|()| usize::try_from(numbers.below(timelines.len() as u64)).unwrap());
            at.sort_unstable();
            let [a, b, c] = at.map(|at| &timelines[at]);
            let between = |from, to| TimelineDiff::between(project(), from, to);
            let (first, second, whole) = (between(a, b), between(b, c), between(a, c));
            assert_eq!(composed(&first, &second), fields(&whole), "seed {seed}, {at:?}");
            let sum = |one: Decimal, other: Decimal| one + other;
            assert_eq!(sum(first.budget.total, second.budget.total), whole.budget.total);
            whole.phases.iter().for_each(|phase| *seen.entry(phase.status).or_default() += 1);
            compared += 1;
        }
    }
    assert!(compared > 1000, "{compared}");
    for status in [DiffStatus::Added, DiffStatus::Removed, DiffStatus::Changed, DiffStatus::Unchanged] {
        assert!(seen.contains_key(&status), "{seen:?}");
    }
}

#[test]
fn a_difference_names_what_came_went_and_moved() {
    let timelines = timelines(3);
    let empty = &timelines[0];
    let (opened, last) = (&timelines[1], &timelines[timelines.len() - 2]);
    let closed = &timelines[timelines.len() - 1];
    let status = |from, to| TimelineDiff::between(project(), from, to).status;
    assert_eq!(status(empty, opened), DiffStatus::Added);
    assert_eq!(status(opened, closed), DiffStatus::Removed);
    assert_eq!(status(opened, last), DiffStatus::Changed);
    assert_eq!(status(empty, closed), DiffStatus::Unchanged);
    let mut moved = opened.clone();
    let events =
        decide(&opened.timeline, &TimelineCommand::Reschedule { start_date: day(53), end_date: day(200) });
    for event in events.unwrap() {
        moved.apply(&event, chrono::NaiveDateTime::default());
    }
    let diff = TimelineDiff::between(project(), opened, &moved);
    assert_eq!(diff.moved_days, MovedDays { start: Some(3), end: Some(-10) });
    assert_eq!(diff.phases[0].moved_days, MovedDays { start: Some(3), end: Some(-10) });
    let change = |field, before: NaiveDate, after: NaiveDate| FieldChange {
        field,
        before: Some(before.to_string()),
        after: Some(after.to_string()),
    };
    let expected = [
        change(ChangedField::StartDate, day(50), day(53)),
        change(ChangedField::EndDate, day(210), day(200)),
    ];
    assert_eq!(diff.changes, expected);
    assert_eq!(diff.phases[0].changes, expected);
}
