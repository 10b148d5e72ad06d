//! The commands that open, move and describe.

use crate::fixture::*;
use phaseline_domain::event::{LegacyPhaseAdopted, PhaseBudgeted, PhaseDescribed};
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_domain::{Budget, Description, Money, PhaseName, Rule, TimelineCommand};

fn reschedule(start: &str, end: &str) -> TimelineCommand {
    TimelineCommand::Reschedule { start_date: day(start), end_date: day(end) }
}

#[test]
fn opening_makes_the_default_phase_over_all_days() {
    given(vec![])
        .when(TimelineCommand::Open {
            project_id: project_id(),
            range: days("01-01", "12-31"),
            default_phase_id: id(1),
        })
        .then_expect_events(vec![opened(), created(1, "Default Phase", "01-01", "12-31")]);
}

#[test]
fn the_default_phase_follows_the_project() {
    let new_project = || vec![opened(), created(1, "Default Phase", "01-01", "12-31")];
    for (start, end) in [("02-01", "12-31"), ("01-01", "06-30"), ("2030-01-01", "2031-12-31")] {
        given(new_project())
            .when(reschedule(start, end))
            .then_expect_events(vec![rescheduled(start, end), resized(1, start, end)]);
    }
}

#[test]
fn the_outer_edges_follow_the_project() {
    given(three_phases()).when(reschedule("2023-12-01", "11-30")).then_expect_events(vec![
        rescheduled("2023-12-01", "11-30"),
        resized(1, "2023-12-01", "03-31"),
        resized(3, "10-01", "11-30"),
    ]);
}

#[test]
fn only_the_edge_that_moved_follows() {
    given(three_phases())
        .when(reschedule("01-01", "2025-01-31"))
        .then_expect_events(vec![rescheduled("01-01", "2025-01-31"), resized(3, "10-01", "2025-01-31")]);
}

#[test]
fn a_project_cannot_be_cut_short_through_a_whole_phase() {
    let refusal = refusal(three_phases(), reschedule("01-01", "08-31"));
    let v10 = "Phase 'Build': end date must be on or before project end date (2024-08-31)";
    let v8 = "Phase 'Rollout': start date must be on or before end date";
    assert_eq!(
        broken(&refusal),
        [(Rule::EndsWithinProject, "end_date", v10, Some(2)), (Rule::DatesInOrder, "dates", v8, Some(3))]
    );
}

#[test]
fn a_phase_outside_new_project_dates_is_the_only_violation() {
    let refusal = refusal(three_phases(), reschedule("10-02", "12-31"));
    let violations: Vec<_> = broken(&refusal).into_iter().map(|(rule, _, _, n)| (rule, n)).collect();
    assert_eq!(
        violations,
        [
            (Rule::DatesInOrder, Some(1)),
            (Rule::StartsWithinProject, Some(2)),
            (Rule::StartsWithinProject, Some(3))
        ]
    );
}

#[test]
fn the_last_phase_may_shrink_to_its_first_day() {
    given(three_phases())
        .when(reschedule("01-01", "10-01"))
        .then_expect_events(vec![rescheduled("01-01", "10-01"), resized(3, "10-01", "10-01")]);
}

#[test]
fn a_name_changes_and_the_same_name_does_not() {
    let rename = |name: &str| TimelineCommand::RenamePhase { phase_id: id(2), name: name.to_owned() };
    given(three_phases()).when(rename("Construction")).then_expect_events(vec![renamed(2, "Construction")]);
    given(three_phases()).when(rename("Build")).then_expect_events(vec![]);
    // Kept as given: nothing is trimmed.
    given(three_phases()).when(rename("Build ")).then_expect_events(vec![renamed(2, "Build ")]);
}

#[test]
fn a_description_is_set_kept_and_taken_away() {
    let describe = |text: Option<&str>| TimelineCommand::DescribePhase {
        phase_id: id(2),
        description: text.map(str::to_owned),
    };
    let described = |text: Option<&str>| {
        let description = text.map(|text| Description::new(text).unwrap());
        PhaseDescribed { phase_id: id(2), description }.into()
    };
    given(three_phases()).when(describe(None)).then_expect_events(vec![]);
    given(three_phases()).when(describe(Some(""))).then_expect_events(vec![]);
    let described_phase = || given(three_phases()).and(vec![described(Some("Walls"))]);
    described_phase().when(describe(Some("Walls"))).then_expect_events(vec![]);
    described_phase().when(describe(None)).then_expect_events(vec![described(None)]);
    described_phase().when(describe(Some(""))).then_expect_events(vec![described(None)]);
    // Rows of other programs, and events of older versions, have empty ones.
    let empty = || given(three_phases()).and(vec![described(Some(""))]);
    empty().when(describe(None)).then_expect_events(vec![]);
    empty().when(describe(Some(""))).then_expect_events(vec![]);
    empty().when(describe(Some("Walls"))).then_expect_events(vec![described(Some("Walls"))]);
}

#[test]
fn a_budget_changes_with_or_without_a_stated_total() {
    let budgeted = || {
        let money = |text| Money::new(amount(text)).unwrap();
        PhaseBudgeted { phase_id: id(2), budget: Budget::new(money("10.50"), money("0.25")).unwrap() }.into()
    };
    for total in [None, Some(amount("10.75")), Some(amount("10.750"))] {
        let command = || TimelineCommand::BudgetPhase {
            phase_id: id(2),
            capital_budget: amount("10.5"),
            expense_budget: amount("0.25"),
            total_budget: total,
        };
        given(three_phases()).when(command()).then_expect_events(vec![budgeted()]);
        given(three_phases()).and(vec![budgeted()]).when(command()).then_expect_events(vec![]);
    }
}

#[test]
fn a_phase_from_the_legacy_planner_is_changed_like_any_other() {
    let at = day("2020-05-05").and_hms_opt(10, 0, 0).unwrap();
    let adopted = LegacyPhaseAdopted {
        phase_id: id(1),
        name: PhaseName::new("Planning").unwrap(),
        range: days("01-01", "12-31"),
        budget: Budget::ZERO,
        phase_type: LegacyPhaseType::Planning,
        created_at: at,
        updated_at: at,
        ordinal: 1,
    };
    given(vec![opened(), adopted.into()])
        .when(TimelineCommand::RenamePhase { phase_id: id(1), name: "Discovery".to_owned() })
        .then_expect_events(vec![renamed(1, "Discovery")]);
}
