//! The fixture of the tests: a project of the year 2024, phases by number, and commands in few words.

use chrono::NaiveDate;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use phaseline_domain::event::{
    PhaseCreated, PhaseRemoved, PhaseRenamed, PhaseResized, TimelineOpened, TimelineRescheduled,
};
use phaseline_domain::{
    Budget, DateRange, PhaseDraft, PhaseId, PhaseName, ProjectId, Refusal, ReplacementPhase, Rule, Timeline,
    TimelineCommand, TimelineEvent,
};
use proptest::test_runner::{Config, RngSeed};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A day of 2024 as "03-31", or a whole date.
pub(crate) fn day(text: &str) -> NaiveDate {
    if text.len() == 5 { format!("2024-{text}") } else { text.to_owned() }.parse().unwrap()
}

pub(crate) fn days(start: &str, end: &str) -> DateRange {
    DateRange::new(day(start), day(end)).unwrap()
}

pub(crate) fn amount(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn id(n: u128) -> PhaseId {
    PhaseId::from(Uuid::from_u128(n))
}

pub(crate) fn project_id() -> ProjectId {
    ProjectId::from(Uuid::from_u128(0xFACE))
}

/// A draft without description or money.
pub(crate) fn draft(n: u128, name: &str, start: &str, end: &str) -> PhaseDraft {
    PhaseDraft {
        id: id(n),
        name: name.to_owned(),
        start_date: day(start),
        end_date: day(end),
        description: None,
        capital_budget: Decimal::ZERO,
        expense_budget: Decimal::ZERO,
        total_budget: Decimal::ZERO,
    }
}

pub(crate) fn opened() -> TimelineEvent {
    TimelineOpened { project_id: project_id(), range: days("01-01", "12-31") }.into()
}

pub(crate) fn rescheduled(start: &str, end: &str) -> TimelineEvent {
    TimelineRescheduled { range: days(start, end) }.into()
}

pub(crate) fn created(n: u128, name: &str, start: &str, end: &str) -> TimelineEvent {
    PhaseCreated {
        phase_id: id(n),
        name: PhaseName::new(name).unwrap(),
        range: days(start, end),
        description: None,
        budget: Budget::ZERO,
    }
    .into()
}

pub(crate) fn resized(n: u128, start: &str, end: &str) -> TimelineEvent {
    PhaseResized { phase_id: id(n), range: days(start, end) }.into()
}

pub(crate) fn renamed(n: u128, name: &str) -> TimelineEvent {
    PhaseRenamed { phase_id: id(n), name: PhaseName::new(name).unwrap() }.into()
}

pub(crate) fn removed(n: u128) -> TimelineEvent {
    PhaseRemoved { phase_id: id(n) }.into()
}

/// Three phases: 1 "Discovery" to March, 2 "Build" to September, 3 "Rollout" to December.
pub(crate) fn three_phases() -> Vec<TimelineEvent> {
    vec![
        opened(),
        created(1, "Discovery", "01-01", "03-31"),
        created(2, "Build", "04-01", "09-30"),
        created(3, "Rollout", "10-01", "12-31"),
    ]
}

pub(crate) fn given(history: Vec<TimelineEvent>) -> AggregateTestExecutor<Timeline> {
    TestFramework::<Timeline>::with(()).given(history)
}

/// `ReplaceAll` with drafts; those whose numbers are in `existing` change existing phases.
pub(crate) fn replace_all(existing: &[u128], drafts: Vec<PhaseDraft>) -> TimelineCommand {
    let known = |draft: &PhaseDraft| existing.iter().any(|n| id(*n) == draft.id);
    let phases = drafts
        .into_iter()
        .map(
            |draft| {
                if known(&draft) { ReplacementPhase::Existing(draft) } else { ReplacementPhase::New(draft) }
            },
        )
        .collect();
    TimelineCommand::ReplaceAll { phases }
}

/// A budget for phase 2.
pub(crate) fn budget(capital: &str, expense: &str, total: Option<&str>) -> TimelineCommand {
    TimelineCommand::BudgetPhase {
        phase_id: id(2),
        capital_budget: amount(capital),
        expense_budget: amount(expense),
        total_budget: total.map(amount),
    }
}

/// The violations of a refusal: rule, field, message, number of the phase.
pub(crate) fn broken(refusal: &Refusal) -> Vec<(Rule, &str, &str, Option<u128>)> {
    refusal
        .violations()
        .iter()
        .map(|v| (v.rule, v.field, v.message.as_str(), v.phase_id.map(|id| id.uuid().as_u128())))
        .collect()
}

/// The refusal of a command after this history.
pub(crate) fn refusal(history: Vec<TimelineEvent>, command: TimelineCommand) -> Refusal {
    match given(history).when(command).inspect_result() {
        Ok(events) => panic!("expected a refusal, got {events:?}"),
        Err(refusal) => refusal,
    }
}

/// The same cases in every run, so that a failure is reproducible; `PROPTEST_CASES` runs more cases and
/// `PROPTEST_RNG_SEED` for others.
pub(crate) fn reproducible() -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_240_229);
    }
    config
}
