//! The command that states the complete list.

use crate::fixture::*;
use phaseline_domain::event::{PhaseBudgeted, PhaseDescribed};
use phaseline_domain::{Budget, Description, Money, Rule};

fn unchanged() -> Vec<phaseline_domain::PhaseDraft> {
    vec![
        draft(1, "Discovery", "01-01", "03-31"),
        draft(2, "Build", "04-01", "09-30"),
        draft(3, "Rollout", "10-01", "12-31"),
    ]
}

#[test]
fn the_same_list_changes_nothing_in_any_order() {
    given(three_phases()).when(replace_all(&[1, 2, 3], unchanged())).then_expect_events(vec![]);
    let reversed = unchanged().into_iter().rev().collect();
    given(three_phases()).when(replace_all(&[1, 2, 3], reversed)).then_expect_events(vec![]);
}

#[test]
fn only_changes_are_recorded_removals_first_then_by_start_date() {
    let mut rollout = draft(3, "Go-live", "07-01", "12-31");
    rollout.description = Some("Bells".to_owned());
    rollout.capital_budget = amount("1.5");
    rollout.total_budget = amount("1.5");
    let list = vec![rollout, draft(9, "New", "05-01", "06-30"), draft(1, "Discovery", "01-01", "04-30")];
    given(three_phases()).when(replace_all(&[1, 3], list)).then_expect_events(vec![
        removed(2),
        resized(1, "01-01", "04-30"),
        created(9, "New", "05-01", "06-30"),
        resized(3, "07-01", "12-31"),
        renamed(3, "Go-live"),
        PhaseDescribed { phase_id: id(3), description: Some(Description::new("Bells").unwrap()) }.into(),
        PhaseBudgeted {
            phase_id: id(3),
            budget: Budget::new(Money::new(amount("1.50")).unwrap(), Money::ZERO).unwrap(),
        }
        .into(),
    ]);
}

#[test]
fn phases_may_change_places() {
    let list = vec![draft(2, "Build", "01-01", "06-30"), draft(1, "Discovery", "07-01", "12-31")];
    given(three_phases()).when(replace_all(&[1, 2], list)).then_expect_events(vec![
        removed(3),
        resized(2, "01-01", "06-30"),
        resized(1, "07-01", "12-31"),
    ]);
}

#[test]
fn one_unknown_phase_refuses_the_whole_list_and_comes_first() {
    let mut list = unchanged();
    list[0].name = String::new();
    list[1].id = id(7);
    let refusal = refusal(three_phases(), replace_all(&[1, 3, 7], list));
    let violations: Vec<_> = broken(&refusal).into_iter().map(|(rule, _, _, n)| (rule, n)).collect();
    assert_eq!(violations, [(Rule::PhaseExists, Some(7)), (Rule::NameNotEmpty, Some(1))]);
    assert_eq!(refusal.to_string(), "Phase with ID 00000000-0000-0000-0000-000000000007 not found");
}
