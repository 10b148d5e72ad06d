//! Properties that hold for every command.

use crate::fixture::*;
use crate::random_commands::{Step, replacement, steps};
use chrono::Days;
use cqrs_es::{Aggregate, event_sink::EventSink};
use phaseline_domain::{
    DateRange, Draft, PhaseDraft, Refusal, ReplacementPhase, Rule, Timeline, TimelineCommand, TimelineEvent,
    decide, validate,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Whether each day of the project has exactly one phase, and no other day has one: counted day by day, unlike the
/// rules do it.
fn covers_exactly(project: DateRange, phases: impl Iterator<Item = DateRange>) -> bool {
    let mut days: Vec<_> =
        phases.flat_map(|range| range.start().iter_days().take(range.days() as usize)).collect();
    days.sort_unstable();
    days.into_iter().eq(project.start().iter_days().take(project.days() as usize))
}

fn is_whole(timeline: &Timeline) -> bool {
    match timeline.range() {
        None => timeline.phases().is_empty(),
        Some(range) => covers_exactly(range, timeline.phases().iter().map(|phase| phase.range)),
    }
}

/// Runs a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the aggregate waited for something"),
    }
}

/// The command repeated after its execution: the phases that it created exist now.
fn repeated(command: TimelineCommand) -> Option<TimelineCommand> {
    match command {
        TimelineCommand::Open { .. }
        | TimelineCommand::CreatePhase { .. }
        | TimelineCommand::RemovePhase { .. } => None,
        TimelineCommand::ReplaceAll { phases } => {
            let existing = |phase| match phase {
                ReplacementPhase::Existing(draft) | ReplacementPhase::New(draft) => {
                    ReplacementPhase::Existing(draft)
                }
            };
            Some(TimelineCommand::ReplaceAll { phases: phases.into_iter().map(existing).collect() })
        }
        other => Some(other),
    }
}

/// Executes the steps, and passes each command with its outcome and the timelines before and after it.
pub(crate) fn play(
    steps: Vec<Step>,
    mut look: impl FnMut(&Timeline, &TimelineCommand, &Result<Vec<TimelineEvent>, Refusal>, &Timeline),
) -> Vec<TimelineEvent> {
    let mut history = Vec::new();
    let mut timeline = Timeline::default();
    for step in steps {
        let before = timeline.clone();
        let command = step.command(&timeline);
        let outcome = decide(&timeline, &command);
        for event in outcome.iter().flatten() {
            timeline.evolve(event);
        }
        look(&before, &command, &outcome, &timeline);
        history.extend(outcome.into_iter().flatten());
    }
    history
}

proptest! {
    #![proptest_config(reproducible())]

    #[test]
    fn after_each_command_the_project_is_covered_exactly(steps in steps()) {
        play(steps, |_, command, _, after| {
            assert!(is_whole(after), "after {command:?}: {after:#?}");
            if let Some(range) = after.range() {
                let drafts: Vec<Draft<'_>> = after.phases().iter().map(Draft::from).collect();
                assert_eq!(validate(range, &drafts), vec![]);
                assert!(!after.phases().is_empty());
            }
        });
    }

    #[test]
    fn a_history_folds_to_the_timeline_and_survives_the_log(steps in steps()) {
        let mut timeline = Timeline::default();
        let history = play(steps, |_, _, _, after| timeline = after.clone());
        assert_eq!(Timeline::fold(&history), timeline);
        let stored = history.iter().map(|event| {
            TimelineEvent::from_stored(event.type_name(), event.schema_version(), &event.payload().unwrap())
        });
        assert_eq!(stored.collect::<Result<Vec<_>, _>>().unwrap(), history);
    }

    #[test]
    fn every_event_changes_something_and_no_two_the_same(steps in steps()) {
        play(steps, |before, command, outcome, _| {
            let mut timeline = before.clone();
            let mut seen = HashSet::new();
            for event in outcome.iter().flatten() {
                let unchanged = timeline.clone();
                timeline.evolve(event);
                assert_ne!(timeline, unchanged, "{event:?} of {command:?} changes nothing");
                assert!(seen.insert((event.type_name(), event.phase_id())), "{event:?} occurs twice");
            }
        });
    }

    #[test]
    fn the_aggregate_applies_what_decide_returns_or_nothing(steps in steps()) {
        play(steps, |before, command, outcome, after| {
            let mut aggregate = before.clone();
            let sink = EventSink::default();
            let handled = ready(aggregate.handle(command.clone(), &(), &sink));
            assert_eq!(&aggregate, after);
            let written = ready(sink.collect());
            match outcome {
                Ok(events) => assert_eq!(&written, events),
                Err(refusal) => {
                    assert_eq!(handled.as_ref(), Err(refusal));
                    assert_eq!(written, vec![]);
                    assert_eq!(&aggregate, before);
                }
            }
        });
    }

    #[test]
    fn the_same_command_again_changes_nothing(steps in steps()) {
        play(steps, |_, command, outcome, after| {
            if let (Ok(_), Some(again)) = (outcome, repeated(command.clone())) {
                assert_eq!(decide(after, &again), Ok(vec![]), "{command:?}");
            }
        });
    }

    #[test]
    fn a_refusal_has_a_reason_for_the_user(steps in steps()) {
        play(steps, |_, command, outcome, _| {
            if let Err(refusal) = outcome {
                assert!(!refusal.violations().is_empty(), "{command:?}");
                assert!(refusal.violations().iter().all(|v| !v.message.is_empty() && v.field == v.rule.field()));
            }
        });
    }

    /// In the requested order, each with its length.
    #[test]
    fn a_new_order_matches_the_request_and_keeps_lengths(steps in steps()) {
        play(steps, |before, command, outcome, after| {
            if let (TimelineCommand::Reorder { phases }, Ok(_)) = (command, outcome) {
                let order: Vec<_> = after.phases().iter().map(|phase| phase.id).collect();
                assert_eq!(&order, phases);
                for phase in after.phases() {
                    assert_eq!(phase.range.days(), before.phase(phase.id).unwrap().range.days());
                }
            }
        });
    }

    /// Requested fields have the requested values, all others are unchanged.
    #[test]
    fn a_changed_phase_matches_the_request(steps in steps()) {
        play(steps, |before, command, outcome, after| {
            let (TimelineCommand::ChangePhase { phase_id, changes, .. }, Ok(_)) = (command, outcome) else { return };
            let (was, is) = (before.phase(*phase_id).unwrap(), after.phase(*phase_id).unwrap());
            assert_eq!(is.name.as_str(), changes.name.as_deref().unwrap_or(was.name.as_str()));
            assert_eq!(is.range.start(), changes.start_date.unwrap_or(was.range.start()));
            assert_eq!(is.range.end(), changes.end_date.unwrap_or(was.range.end()));
            let text = |phase: &phaseline_domain::Phase| phase.description.clone().map(String::from);
            assert_eq!(text(is), changes.description.clone().unwrap_or_else(|| text(was)));
            let (capital, expense) = (was.budget.capital().amount(), was.budget.expense().amount());
            assert_eq!(is.budget.capital().amount(), changes.capital_budget.unwrap_or(capital));
            assert_eq!(is.budget.expense().amount(), changes.expense_budget.unwrap_or(expense));
        });
    }

    #[test]
    fn a_replaced_list_matches_the_request(steps in steps()) {
        play(steps, |_, command, outcome, after| {
            if let (TimelineCommand::ReplaceAll { phases }, Ok(_)) = (command, outcome) {
                let mut requested: Vec<Draft<'_>> = phases
                    .iter()
                    .map(|phase| match phase {
                        ReplacementPhase::Existing(draft) | ReplacementPhase::New(draft) => Draft::from(draft),
                    })
                    .collect();
                requested.sort_by_key(|draft| draft.start_date);
                let found: Vec<Draft<'_>> = after.phases().iter().map(Draft::from).collect();
                assert_eq!(found, requested);
            }
        });
    }

    /// Removed phases come back under their ids, later ones go.
    #[test]
    fn every_earlier_timeline_can_be_restored(steps in steps()) {
        let mut timelines = Vec::new();
        play(steps, |_, _, _, after| timelines.push(after.clone()));
        let current = timelines.last().cloned().unwrap_or_default();
        for earlier in timelines.iter().filter(|earlier| earlier.range().is_some()) {
            let restore = |with_project_days| TimelineCommand::restore(earlier, with_project_days).unwrap();
            let mut restored = current.clone();
            let events = decide(&current, &restore(true)).unwrap();
            events.iter().for_each(|event| restored.evolve(event));
            prop_assert_eq!(&restored, earlier);
            prop_assert_eq!(events.is_empty(), &current == earlier);
            match decide(&current, &restore(false)) {
                Ok(own) => {
                    prop_assert_eq!(current.range(), earlier.range());
                    prop_assert_eq!(own, events);
                }
                Err(refusal) => {
                    prop_assert_ne!(current.range(), earlier.range());
                    prop_assert_eq!(refusal.violations().len(), 1);
                    prop_assert!(refusal.breaks(Rule::ProjectDatesChosen), "{}", refusal);
                }
            }
        }
    }

    /// Arbitrary lists: any dates near the project's, in any order.
    #[test]
    fn validate_agrees_with_replace_all_and_with_counting_days(
        length in 2_u64..12,
        phases in proptest::collection::vec((-1_i64..12, -1_i64..8), 0..5),
    ) {
        let start = day("01-01");
        let project = DateRange::new(start, start + Days::new(length - 1)).unwrap();
        let open = TimelineCommand::Open { project_id: project_id(), range: project, default_phase_id: id(1) };
        let timeline = Timeline::fold(&decide(&Timeline::default(), &open).unwrap());
        let drafts: Vec<PhaseDraft> = phases
            .iter()
            .zip(1..)
            .map(|((from, length), n)| {
                let mut phase = draft(n, "P", "01-01", "01-01");
                phase.start_date = start + chrono::TimeDelta::days(*from);
                phase.end_date = phase.start_date + chrono::TimeDelta::days(*length);
                phase
            })
            .collect();

        let found = validate(project, &drafts.iter().map(Draft::from).collect::<Vec<_>>());
        let ranges: Result<Vec<DateRange>, _> =
            drafts.iter().map(|draft| DateRange::new(draft.start_date, draft.end_date)).collect();
        let covered = ranges.is_ok_and(|ranges| covers_exactly(project, ranges.into_iter()));
        prop_assert_eq!(found.is_empty(), covered, "{:?}", found);
        match decide(&timeline, &replacement(&timeline, drafts)) {
            Ok(_) => prop_assert!(covered),
            Err(refusal) => prop_assert_eq!(refusal.violations(), found),
        }
    }
}

/// The properties prove little if nearly all random commands are refused, or accepted.
#[test]
fn random_commands_are_accepted_and_refused_in_balance() {
    let mut runner = proptest::test_runner::TestRunner::new(reproducible());
    let (mut accepted, mut refused, mut most_phases) = (0_u32, 0_u32, 0_usize);
    for _ in 0..256 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        play(steps, |_, _, outcome, after| {
            match outcome {
                Ok(events) if !events.is_empty() => accepted += 1,
                Ok(_) => {}
                Err(_) => refused += 1,
            }
            most_phases = most_phases.max(after.phases().len());
        });
    }
    assert!(accepted > 600 && refused > 600, "{accepted} accepted, {refused} refused");
    assert!(most_phases >= 6, "at most {most_phases} phases");
}
