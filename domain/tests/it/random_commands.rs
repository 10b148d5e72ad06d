//! Random commands: mostly plausible ones, some invalid ones.

use crate::fixture::{id, project_id};
use chrono::{Days, NaiveDate, TimeDelta};
use phaseline_domain::{
    DateRange, Neighbours, PhaseChanges, PhaseDraft, PhaseId, ReplacementPhase, Timeline, TimelineCommand,
};
use proptest::prelude::*;
use proptest::sample::Index;
use rust_decimal::Decimal;

/// The requested fields of a phase other than its dates.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    name: String,
    description: Option<String>,
    capital: Decimal,
    expense: Decimal,
    total: Option<Decimal>,
}

/// A command before its timeline is known: phases by index, dates relative to the current ones.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Open {
        length: i64,
    },
    Reschedule {
        start_shift: i64,
        end_shift: i64,
    },
    Create {
        number: u128,
        from: i64,
        length: i64,
        contents: Contents,
        neighbours: Neighbours,
    },
    Resize {
        phase: Option<Index>,
        start_shift: i64,
        end_shift: i64,
        neighbours: Neighbours,
    },
    Rename {
        phase: Option<Index>,
        contents: Contents,
    },
    Describe {
        phase: Option<Index>,
        contents: Contents,
    },
    Budget {
        phase: Option<Index>,
        contents: Contents,
    },
    Remove {
        phase: Option<Index>,
        neighbours: Neighbours,
    },
    Change {
        phase: Option<Index>,
        start_shift: Option<i64>,
        end_shift: Option<i64>,
        contents: Contents,
        stated: [bool; 5],
        neighbours: Neighbours,
    },
    Reorder {
        keys: Vec<u32>,
        flaw: Option<OrderFlaw>,
    },
    Replace {
        cuts: Vec<Index>,
        phases: Vec<(u128, Contents)>,
        flaw: Option<Flaw>,
    },
    Restore {
        start_shift: i64,
        end_shift: i64,
        cuts: Vec<Index>,
        phases: Vec<(u128, Contents)>,
        flaw: Option<Flaw>,
        with_project_days: bool,
    },
}

/// The error in a list that would cover the project.
#[derive(Clone, Debug)]
pub(crate) enum Flaw {
    Shift { phase: Index, start_shift: i64, end_shift: i64 },
    Twice { phase: Index },
    Taken { phase: Index },
    Unknown { phase: Index },
    Empty,
}

/// The error in a new order.
#[derive(Clone, Debug)]
pub(crate) enum OrderFlaw {
    Twice,
    Unknown,
    LeftOut,
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[A-D]",
        1 => Just("Default Phase".to_owned()),
        1 => Just(" ".to_owned()),
        1 => Just("a\0".to_owned()),
        1 => Just("\u{200b}".to_owned()),
        1 => (99_usize..=102).prop_map(|n| "é".repeat(n)),
        1 => (499_usize..=502).prop_map(|n| "ü".repeat(n)),
    ]
}

fn good_texts() -> impl Strategy<Value = String> {
    "[A-D]"
}

fn amounts() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        6 => (0_i64..300).prop_map(|cents| Decimal::new(cents, 2)),
        1 => Just(Decimal::new(-1, 2)),
        1 => Just(Decimal::new(1, 3)),
        1 => (-1_i64..=1).prop_map(|n| Decimal::new(10_i64.pow(15) + n, 2)),
        1 => Just(Decimal::MAX),
    ]
}

fn any_contents() -> impl Strategy<Value = Contents> {
    (texts(), proptest::option::of(texts()), amounts(), amounts(), proptest::option::of(amounts())).prop_map(
        |(name, description, capital, expense, total)| Contents {
            name,
            description,
            capital,
            expense,
            total,
        },
    )
}

fn good_contents() -> impl Strategy<Value = Contents> {
    (good_texts(), proptest::option::of(good_texts()), 0_i64..300, 0_i64..300).prop_map(
        |(name, description, capital, expense)| Contents {
            name,
            description,
            capital: Decimal::new(capital, 2),
            expense: Decimal::new(expense, 2),
            total: None,
        },
    )
}

fn contents() -> impl Strategy<Value = Contents> {
    prop_oneof![3 => good_contents(), 1 => any_contents()]
}

fn shift() -> impl Strategy<Value = i64> {
    prop_oneof![10 => Just(0), 20 => -4_i64..=4, 4 => -20_i64..=20, 1 => Just(3_000_000), 1 => Just(-800_000)]
}

fn first_day() -> impl Strategy<Value = i64> {
    prop_oneof![20 => -2_i64..70, 1 => Just(3_000_000), 1 => Just(-800_000)]
}

fn phase() -> impl Strategy<Value = Option<Index>> {
    proptest::option::weighted(0.95, any::<Index>())
}

fn neighbours() -> impl Strategy<Value = Neighbours> {
    prop_oneof![3 => Just(Neighbours::Adjust), 1 => Just(Neighbours::Refuse)]
}

fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        4 => (any::<Index>(), shift(), shift())
            .prop_map(|(phase, start_shift, end_shift)| Flaw::Shift { phase, start_shift, end_shift }),
        1 => any::<Index>().prop_map(|phase| Flaw::Twice { phase }),
        1 => any::<Index>().prop_map(|phase| Flaw::Taken { phase }),
        1 => any::<Index>().prop_map(|phase| Flaw::Unknown { phase }),
        1 => Just(Flaw::Empty),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (1_i64..70).prop_map(|length| Step::Open { length }),
        4 => (shift(), shift())
            .prop_map(|(start_shift, end_shift)| Step::Reschedule { start_shift, end_shift }),
        8 => (1_u128..30, first_day(), 0_i64..20, contents(), neighbours()).prop_map(
            |(number, from, length, contents, neighbours)| {
                Step::Create { number, from, length, contents, neighbours }
            }
        ),
        8 => (phase(), shift(), shift(), neighbours()).prop_map(|(phase, start_shift, end_shift, neighbours)| {
            Step::Resize { phase, start_shift, end_shift, neighbours }
        }),
        2 => (phase(), contents()).prop_map(|(phase, contents)| Step::Rename { phase, contents }),
        2 => (phase(), contents()).prop_map(|(phase, contents)| Step::Describe { phase, contents }),
        2 => (phase(), contents()).prop_map(|(phase, contents)| Step::Budget { phase, contents }),
        4 => (phase(), neighbours()).prop_map(|(phase, neighbours)| Step::Remove { phase, neighbours }),
        4 => (
            phase(),
            proptest::option::of(shift()),
            proptest::option::of(shift()),
            contents(),
            any::<[bool; 5]>(),
            neighbours(),
        )
            .prop_map(|(phase, start_shift, end_shift, contents, stated, neighbours)| {
                Step::Change { phase, start_shift, end_shift, contents, stated, neighbours }
            }),
        3 => (
            proptest::collection::vec(any::<u32>(), 30),
            proptest::option::weighted(
                0.3,
                prop_oneof![Just(OrderFlaw::Twice), Just(OrderFlaw::Unknown), Just(OrderFlaw::LeftOut)],
            ),
        )
            .prop_map(|(keys, flaw)| Step::Reorder { keys, flaw }),
        6 => (
            proptest::collection::vec(any::<Index>(), 0..6),
            proptest::collection::vec((1_u128..30, contents()), 6),
            proptest::option::weighted(0.4, flaw()),
        )
            .prop_map(|(cuts, phases, flaw)| Step::Replace { cuts, phases, flaw }),
        4 => (
            [shift(), shift()],
            proptest::collection::vec(any::<Index>(), 0..6),
            proptest::collection::vec((1_u128..30, contents()), 6),
            proptest::option::weighted(0.4, flaw()),
            any::<bool>(),
        )
            .prop_map(|([start_shift, end_shift], cuts, phases, flaw, with_project_days)| {
                Step::Restore { start_shift, end_shift, cuts, phases, flaw, with_project_days }
            }),
    ]
}

/// The history of a project: usually its opening, and later events.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    (proptest::option::weighted(0.95, 2_i64..70), proptest::collection::vec(step(), 1..20)).prop_map(
        |(length, mut steps)| {
            if let Some(length) = length {
                steps.insert(0, Step::Open { length });
            }
            steps
        },
    )
}

fn moved(day: NaiveDate, shift: i64) -> NaiveDate {
    day.checked_add_signed(TimeDelta::days(shift)).unwrap_or(day)
}

fn chosen(timeline: &Timeline, index: &Option<Index>) -> PhaseId {
    match index {
        Some(index) if !timeline.phases().is_empty() => index.get(timeline.phases()).id,
        _ => id(99),
    }
}

fn draft(id: PhaseId, start_date: NaiveDate, end_date: NaiveDate, contents: Contents) -> PhaseDraft {
    let sum = contents.capital.checked_add(contents.expense).unwrap_or(contents.capital);
    PhaseDraft {
        id,
        name: contents.name,
        start_date,
        end_date,
        description: contents.description,
        capital_budget: contents.capital,
        expense_budget: contents.expense,
        total_budget: contents.total.unwrap_or(sum),
    }
}

/// The list as a command: phases of the timeline are existing ones, all others new.
pub(crate) fn replacement(timeline: &Timeline, drafts: Vec<PhaseDraft>) -> TimelineCommand {
    let phases = drafts
        .into_iter()
        .map(|draft| match timeline.phase(draft.id) {
            Some(_) => ReplacementPhase::Existing(draft),
            None => ReplacementPhase::New(draft),
        })
        .collect();
    TimelineCommand::ReplaceAll { phases }
}

/// Drafts that cover the range, cut at the given days, under different ids.
fn covering(range: DateRange, cuts: &[Index], phases: Vec<(u128, Contents)>) -> Vec<PhaseDraft> {
    let length = usize::try_from(range.days()).unwrap();
    let mut first_days: Vec<usize> = cuts.iter().map(|cut| cut.index(length)).collect();
    first_days.push(0);
    first_days.sort_unstable();
    first_days.dedup();
    let mut drafts: Vec<PhaseDraft> = Vec::new();
    for (i, (number, contents)) in first_days.iter().zip(phases) {
        let start = range.start() + Days::new(*i as u64);
        if let Some(before) = drafts.last_mut() {
            before.end_date = start.pred_opt().unwrap();
        }
        let mut number = number;
        while drafts.iter().any(|draft| draft.id == id(number)) {
            number += 1;
        }
        drafts.push(draft(id(number), start, range.end(), contents));
    }
    drafts
}

impl Step {
    /// The step as a command on this timeline.
    pub(crate) fn command(self, timeline: &Timeline) -> TimelineCommand {
        let start = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
        let fallback = DateRange::new(start, moved(start, 30)).unwrap();
        let range = timeline.range().unwrap_or(fallback);
        match self {
            Self::Open { length } => TimelineCommand::Open {
                project_id: project_id(),
                range: DateRange::new(start, moved(start, length - 1)).unwrap(),
                default_phase_id: id(1),
            },
            Self::Reschedule { start_shift, end_shift } => TimelineCommand::Reschedule {
                start_date: moved(range.start(), start_shift),
                end_date: moved(range.end(), end_shift),
            },
            Self::Create { number, from, length, contents, neighbours } => {
                let first = moved(range.start(), from);
                let phase = draft(id(number), first, moved(first, length - 1), contents);
                TimelineCommand::CreatePhase { phase, neighbours }
            }
            Self::Resize { phase, start_shift, end_shift, neighbours } => {
                let phase_id = chosen(timeline, &phase);
                let current = timeline.phase(phase_id).map_or(range, |phase| phase.range);
                TimelineCommand::ResizePhase {
                    phase_id,
                    start_date: moved(current.start(), start_shift),
                    end_date: moved(current.end(), end_shift),
                    neighbours,
                }
            }
            Self::Rename { phase, contents } => {
                TimelineCommand::RenamePhase { phase_id: chosen(timeline, &phase), name: contents.name }
            }
            Self::Describe { phase, contents } => TimelineCommand::DescribePhase {
                phase_id: chosen(timeline, &phase),
                description: contents.description,
            },
            Self::Budget { phase, contents } => TimelineCommand::BudgetPhase {
                phase_id: chosen(timeline, &phase),
                capital_budget: contents.capital,
                expense_budget: contents.expense,
                total_budget: contents.total,
            },
            Self::Remove { phase, neighbours } => {
                TimelineCommand::RemovePhase { phase_id: chosen(timeline, &phase), neighbours }
            }
            Self::Change { phase, start_shift, end_shift, contents, stated, neighbours } => {
                let phase_id = chosen(timeline, &phase);
                let current = timeline.phase(phase_id).map_or(range, |phase| phase.range);
                let [name, description, capital, expense, total] = stated;
                let sum = contents.capital.checked_add(contents.expense);
                let changes = PhaseChanges {
                    name: name.then_some(contents.name),
                    start_date: start_shift.map(|shift| moved(current.start(), shift)),
                    end_date: end_shift.map(|shift| moved(current.end(), shift)),
                    description: description.then_some(contents.description),
                    capital_budget: capital.then_some(contents.capital),
                    expense_budget: expense.then_some(contents.expense),
                    total_budget: contents.total.or(sum).filter(|_| total),
                };
                TimelineCommand::ChangePhase { phase_id, changes, neighbours }
            }
            Self::Reorder { keys, flaw } => {
                let mut order: Vec<(u32, PhaseId)> =
                    keys.into_iter().zip(timeline.phases().iter().map(|phase| phase.id)).collect();
                order.sort_unstable();
                let mut phases: Vec<PhaseId> = order.into_iter().map(|(_, id)| id).collect();
                match flaw {
                    Some(OrderFlaw::Twice) => phases.extend(phases.first().copied()),
                    Some(OrderFlaw::Unknown) => phases.push(id(99)),
                    Some(OrderFlaw::LeftOut) => drop(phases.pop()),
                    None => {}
                }
                TimelineCommand::Reorder { phases }
            }
            Self::Replace { cuts, phases, flaw } => {
                let drafts = covering(range, &cuts, phases);
                flaw.map_or_else(
                    || replacement(timeline, drafts.clone()),
                    |flaw| flaw.flawed(timeline, drafts.clone()),
                )
            }
            Self::Restore { start_shift, end_shift, cuts, phases, flaw, with_project_days } => {
                let (start, end) = (moved(range.start(), start_shift), moved(range.end(), end_shift));
                let range = DateRange::new(start, end).unwrap_or(range);
                let mut phases = covering(range, &cuts, phases);
                if let Some(flaw) = flaw {
                    flaw.spoil(timeline, &mut phases);
                }
                TimelineCommand::Restore { phases, range, with_project_days }
            }
        }
    }
}

impl Flaw {
    fn flawed(self, timeline: &Timeline, mut drafts: Vec<PhaseDraft>) -> TimelineCommand {
        self.spoil(timeline, &mut drafts);
        match self {
            Self::Taken { .. } => TimelineCommand::ReplaceAll {
                phases: drafts.into_iter().map(ReplacementPhase::New).collect(),
            },
            Self::Unknown { .. } => TimelineCommand::ReplaceAll {
                phases: drafts.into_iter().map(ReplacementPhase::Existing).collect(),
            },
            Self::Shift { .. } | Self::Twice { .. } | Self::Empty => replacement(timeline, drafts),
        }
    }

    fn spoil(&self, timeline: &Timeline, drafts: &mut Vec<PhaseDraft>) {
        match self {
            Self::Shift { phase, start_shift, end_shift } => {
                let at = phase.index(drafts.len());
                drafts[at].start_date = moved(drafts[at].start_date, *start_shift);
                drafts[at].end_date = moved(drafts[at].end_date, *end_shift);
            }
            Self::Twice { phase } => drafts.push(phase.get(drafts).clone()),
            Self::Empty => drafts.clear(),
            Self::Taken { phase } => {
                let at = phase.index(drafts.len());
                if let Some(taken) = timeline.phases().first() {
                    drafts[at].id = taken.id;
                }
            }
            Self::Unknown { phase } => {
                let at = phase.index(drafts.len());
                drafts[at].id = id(99);
            }
        }
    }
}
