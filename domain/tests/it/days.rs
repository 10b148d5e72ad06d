//! The commands that move days between phases, in both modes.

use crate::fixture::*;
use phaseline_domain::Neighbours::{self, Adjust, Refuse};
use phaseline_domain::{Refusal, Rule, TimelineCommand, TimelineEvent, Violation};

fn create(name: &str, start: &str, end: &str, neighbours: Neighbours) -> TimelineCommand {
    TimelineCommand::CreatePhase { phase: draft(9, name, start, end), neighbours }
}

fn resize(n: u128, start: &str, end: &str, neighbours: Neighbours) -> TimelineCommand {
    TimelineCommand::ResizePhase { phase_id: id(n), start_date: day(start), end_date: day(end), neighbours }
}

fn remove(n: u128, neighbours: Neighbours) -> TimelineCommand {
    TimelineCommand::RemovePhase { phase_id: id(n), neighbours }
}

/// Rule and phase of each violation.
fn broken_rules(refusal: &Refusal) -> Vec<(Rule, Option<u128>)> {
    broken(refusal).into_iter().map(|(rule, _, _, n)| (rule, n)).collect()
}

/// Three phases, none of which has April to September.
fn with_a_gap() -> Vec<TimelineEvent> {
    let mut history = three_phases();
    history.push(removed(2));
    history
}

#[test]
fn a_new_phase_takes_days_from_both_neighbours() {
    given(three_phases()).when(create("New", "03-01", "04-30", Adjust)).then_expect_events(vec![
        resized(1, "01-01", "02-29"),
        resized(2, "05-01", "09-30"),
        created(9, "New", "03-01", "04-30"),
    ]);
}

#[test]
fn a_new_phase_at_an_edge_takes_days_from_one_neighbour() {
    given(three_phases())
        .when(create("Kick-off", "01-01", "01-01", Adjust))
        .then_expect_events(vec![resized(1, "01-02", "03-31"), created(9, "Kick-off", "01-01", "01-01")]);
    given(three_phases())
        .when(create("Wrap-up", "12-31", "12-31", Adjust))
        .then_expect_events(vec![resized(3, "10-01", "12-30"), created(9, "Wrap-up", "12-31", "12-31")]);
}

#[test]
fn a_new_phase_splits_no_other() {
    let refusal = refusal(three_phases(), create("New", "05-01", "05-31", Adjust));
    assert_eq!(
        broken(&refusal),
        [(Rule::NoOverlap, "timeline", "Overlap detected between 'Build' and 'New'", Some(2))]
    );
}

#[test]
fn a_new_phase_covers_no_other_completely() {
    let message = "Overlap detected between 'New' and 'Build'";
    let swallows = refusal(three_phases(), create("New", "03-15", "10-15", Adjust));
    assert_eq!(broken(&swallows), [(Rule::NoOverlap, "timeline", message, Some(9))]);
    let just_so = refusal(three_phases(), create("New", "04-01", "09-30", Adjust));
    assert_eq!(broken_rules(&just_so), [(Rule::NoOverlap, Some(2))]);
}

#[test]
fn a_refused_phase_names_each_overlap_and_other_violation() {
    let refusal = refusal(three_phases(), create("", "01-01", "10-31", Adjust));
    assert_eq!(
        broken_rules(&refusal),
        [(Rule::NoOverlap, Some(1)), (Rule::NoOverlap, Some(9)), (Rule::NameNotEmpty, Some(9))]
    );
}

/// What the refusal advises to do first.
fn explained(refusal: &Refusal) -> Vec<String> {
    refusal.violations().iter().map(Violation::explained).collect()
}

#[test]
fn a_refused_overlap_names_what_to_do_first_and_it_helps() {
    let split = refusal(three_phases(), create("New", "05-01", "05-31", Adjust));
    let advice = "Overlap detected between 'Build' and 'New': 'Build' cannot be split; \
                  first shorten it to 2024-04-01 to 2024-05-31";
    assert_eq!(explained(&split), [advice]);
    given(three_phases())
        .when(resize(2, "04-01", "05-31", Adjust))
        .then_expect_events(vec![resized(2, "04-01", "05-31"), resized(3, "06-01", "12-31")]);
    let first = vec![resized(2, "04-01", "05-31"), resized(3, "06-01", "12-31")];
    given([three_phases(), first].concat())
        .when(create("New", "05-01", "05-31", Adjust))
        .then_expect_events(vec![resized(2, "04-01", "04-30"), created(9, "New", "05-01", "05-31")]);

    let last = refusal(three_phases(), create("New", "11-01", "11-30", Adjust));
    assert!(explained(&last)[0].ends_with("first shorten it to 2024-11-01 to 2024-12-31"), "{last}");
    let after = refusal(three_phases(), resize(1, "05-01", "05-31", Adjust));
    assert!(after.breaks(Rule::StartsWithProject));
    let middle = refusal(three_phases(), resize(2, "11-01", "11-30", Adjust));
    assert!(explained(&middle)[0].ends_with("first shorten it to 2024-11-01 to 2024-12-31"), "{middle}");
    let before = refusal(three_phases(), resize(2, "02-01", "02-10", Adjust));
    assert!(explained(&before)[0].ends_with("first shorten it to 2024-01-01 to 2024-02-10"), "{before}");

    let swallowed = refusal(three_phases(), resize(2, "01-01", "09-30", Adjust));
    assert!(
        explained(&swallowed)[0]
            .ends_with(": 'Discovery' would keep no dates; leave it some, or first remove it")
    );
    let passed = refusal(three_phases(), resize(1, "01-01", "10-31", Adjust));
    assert!(explained(&passed)[1].contains("only the phases beside make room"), "{:?}", explained(&passed));
}

#[test]
fn a_new_phase_stays_within_the_project() {
    let early = refusal(three_phases(), create("New", "2023-12-15", "01-15", Adjust));
    assert_eq!(broken_rules(&early), [(Rule::StartsWithinProject, Some(9))]);
    let reversed = refusal(three_phases(), create("New", "06-15", "06-01", Adjust));
    assert_eq!(broken_rules(&reversed), [(Rule::DatesInOrder, Some(9))]);
}

#[test]
fn without_adjusting_a_new_phase_must_fit() {
    let refusal = refusal(three_phases(), create("New", "09-01", "09-30", Refuse));
    assert_eq!(broken_rules(&refusal), [(Rule::NoOverlap, Some(2))]);
    given(with_a_gap())
        .when(create("New", "04-01", "09-30", Refuse))
        .then_expect_events(vec![created(9, "New", "04-01", "09-30")]);
}

#[test]
fn a_growing_phase_takes_days_from_its_neighbours() {
    given(three_phases()).when(resize(2, "03-01", "10-31", Adjust)).then_expect_events(vec![
        resized(1, "01-01", "02-29"),
        resized(2, "03-01", "10-31"),
        resized(3, "11-01", "12-31"),
    ]);
}

#[test]
fn a_shrinking_phase_leaves_days_to_its_neighbours() {
    given(three_phases()).when(resize(2, "05-01", "05-01", Adjust)).then_expect_events(vec![
        resized(1, "01-01", "04-30"),
        resized(2, "05-01", "05-01"),
        resized(3, "05-02", "12-31"),
    ]);
}

#[test]
fn only_the_neighbour_at_the_edge_that_moved_follows() {
    given(three_phases())
        .when(resize(1, "01-01", "04-30", Adjust))
        .then_expect_events(vec![resized(1, "01-01", "04-30"), resized(2, "05-01", "09-30")]);
}

#[test]
fn a_resized_phase_covers_no_other_completely() {
    given(three_phases())
        .when(resize(2, "01-02", "09-30", Adjust))
        .then_expect_events(vec![resized(1, "01-01", "01-01"), resized(2, "01-02", "09-30")]);
    let all_of_it = refusal(three_phases(), resize(2, "01-01", "09-30", Adjust));
    assert_eq!(
        broken(&all_of_it),
        [(Rule::NoOverlap, "timeline", "Overlap detected between 'Discovery' and 'Build'", Some(1))]
    );
    let two_of_them = refusal(three_phases(), resize(1, "01-01", "10-31", Adjust));
    let messages = "Overlap detected between 'Discovery' and 'Build'\n\
                    Overlap detected between 'Discovery' and 'Rollout'";
    assert_eq!(two_of_them.messages(), messages);
}

#[test]
fn a_phase_does_not_move_into_another() {
    let inside = refusal(three_phases(), resize(2, "02-01", "02-29", Adjust));
    assert_eq!(broken_rules(&inside), [(Rule::NoOverlap, Some(1))]);
    let past_its_neighbour = refusal(three_phases(), resize(1, "01-01", "12-30", Adjust));
    assert_eq!(broken_rules(&past_its_neighbour), [(Rule::NoOverlap, Some(1)), (Rule::NoOverlap, Some(1))]);
}

#[test]
fn a_phase_does_not_jump_over_another() {
    let four = || {
        vec![
            opened(),
            created(1, "A", "01-01", "03-31"),
            created(2, "B", "04-01", "06-30"),
            created(3, "C", "07-01", "09-30"),
            created(4, "D", "10-01", "12-31"),
        ]
    };
    let between_a_and_b = refusal(four(), resize(3, "03-01", "04-30", Adjust));
    let messages = "Overlap detected between 'A' and 'C'\nOverlap detected between 'C' and 'B'";
    assert_eq!(between_a_and_b.messages(), messages);
}

#[test]
fn the_outer_edges_stay_with_the_project() {
    let v2 = "First phase must start at project start date (2024-01-01)";
    let later = refusal(three_phases(), resize(1, "01-15", "03-31", Adjust));
    assert_eq!(broken(&later), [(Rule::StartsWithProject, "start_date", v2, Some(1))]);
    let v3 = "Last phase must end at project end date (2024-12-31)";
    let earlier = refusal(three_phases(), resize(3, "10-01", "12-30", Adjust));
    assert_eq!(broken(&earlier), [(Rule::EndsWithProject, "end_date", v3, Some(3))]);
    let beyond = refusal(three_phases(), resize(3, "10-01", "2025-01-01", Adjust));
    assert_eq!(broken_rules(&beyond), [(Rule::EndsWithProject, Some(3)), (Rule::EndsWithinProject, Some(3))]);
}

#[test]
fn the_only_phase_cannot_be_resized() {
    let alone = vec![opened(), created(1, "Only", "01-01", "12-31")];
    let refusal = refusal(alone, resize(1, "02-01", "11-30", Adjust));
    assert_eq!(
        broken_rules(&refusal),
        [(Rule::StartsWithProject, Some(1)), (Rule::EndsWithProject, Some(1))]
    );
}

#[test]
fn without_adjusting_a_resize_must_fit() {
    let grown = refusal(three_phases(), resize(2, "03-31", "09-30", Refuse));
    assert_eq!(broken_rules(&grown), [(Rule::NoOverlap, Some(1))]);
    let shrunk = refusal(three_phases(), resize(2, "04-02", "09-30", Refuse));
    let gap = "Gap detected between 'Discovery' (ends 2024-03-31) and 'Build' (starts 2024-04-02)";
    assert_eq!(broken(&shrunk), [(Rule::NoGap, "timeline", gap, Some(1))]);
    given(with_a_gap())
        .when(resize(1, "01-01", "09-30", Refuse))
        .then_expect_events(vec![resized(1, "01-01", "09-30")]);
}

#[test]
fn the_days_that_a_phase_has_already_change_nothing() {
    for neighbours in [Adjust, Refuse] {
        given(three_phases()).when(resize(2, "04-01", "09-30", neighbours)).then_expect_events(vec![]);
    }
}

#[test]
fn a_removed_phase_leaves_its_days_to_the_one_before() {
    given(three_phases())
        .when(remove(2, Adjust))
        .then_expect_events(vec![removed(2), resized(1, "01-01", "09-30")]);
    given(three_phases())
        .when(remove(3, Adjust))
        .then_expect_events(vec![removed(3), resized(2, "04-01", "12-31")]);
}

#[test]
fn the_first_phase_leaves_its_days_to_the_one_after() {
    given(three_phases())
        .when(remove(1, Adjust))
        .then_expect_events(vec![removed(1), resized(2, "01-01", "09-30")]);
}

#[test]
fn a_phase_covered_by_others_is_removed_without_adjusting() {
    // Only a history that was written without the rules has such a phase.
    let mut history = three_phases();
    history.push(created(4, "Twice", "04-01", "09-30"));
    given(history).when(remove(4, Refuse)).then_expect_events(vec![removed(4)]);
}
