//! Each rule with its message.

use crate::fixture::*;
use phaseline_domain::Neighbours::{Adjust, Refuse};
use phaseline_domain::{PhaseChanges, Refusal, Rule, Timeline, TimelineCommand, Violation, decide};

/// The violations of a complete list of new phases for the project.
fn in_list(drafts: Vec<phaseline_domain::PhaseDraft>) -> Refusal {
    refusal(three_phases(), replace_all(&[], drafts))
}

#[test]
fn v1_a_project_has_a_phase() {
    given(three_phases())
        .when(replace_all(&[], vec![]))
        .then_expect_error_message("Project must have at least one phase");
    let refusal = in_list(vec![]);
    assert_eq!(
        broken(&refusal),
        [(Rule::PhaseRequired, "phases", "Project must have at least one phase", None)]
    );
}

#[test]
fn v2_names_the_phase_that_starts_first() {
    let refusal = in_list(vec![draft(12, "B", "07-01", "12-31"), draft(11, "A", "01-02", "06-30")]);
    assert_eq!(
        broken(&refusal),
        [(
            Rule::StartsWithProject,
            "start_date",
            "First phase must start at project start date (2024-01-01)",
            Some(11)
        )]
    );
}

#[test]
fn v3_names_the_phase_that_starts_last() {
    let refusal = in_list(vec![draft(12, "B", "07-01", "12-30"), draft(11, "A", "01-01", "06-30")]);
    assert_eq!(
        broken(&refusal),
        [(
            Rule::EndsWithProject,
            "end_date",
            "Last phase must end at project end date (2024-12-31)",
            Some(12)
        )]
    );
}

#[test]
fn v4_names_the_phase_before_the_gap() {
    let refusal = in_list(vec![draft(11, "A", "01-01", "06-30"), draft(12, "B", "07-02", "12-31")]);
    let message = "Gap detected between 'A' (ends 2024-06-30) and 'B' (starts 2024-07-02)";
    assert_eq!(broken(&refusal), [(Rule::NoGap, "timeline", message, Some(11))]);
}

#[test]
fn v5_names_the_earlier_of_two_phases_that_overlap() {
    let refusal = in_list(vec![draft(12, "B", "06-30", "12-31"), draft(11, "A", "01-01", "06-30")]);
    assert_eq!(
        broken(&refusal),
        [(Rule::NoOverlap, "timeline", "Overlap detected between 'A' and 'B'", Some(11))]
    );
}

#[test]
fn phases_of_one_start_date_keep_their_order_in_the_list() {
    let (long, short) = (draft(12, "Long", "01-01", "12-31"), draft(11, "Short", "01-01", "02-10"));
    let overlap = |message, id| (Rule::NoOverlap, "timeline", message, Some(id));
    let refusal = in_list(vec![long.clone(), short.clone()]);
    assert_eq!(
        broken(&refusal),
        [
            (
                Rule::EndsWithProject,
                "end_date",
                "Last phase must end at project end date (2024-12-31)",
                Some(11)
            ),
            overlap("Overlap detected between 'Long' and 'Short'", 12),
        ]
    );
    let refusal = in_list(vec![short, long]);
    assert_eq!(broken(&refusal), [overlap("Overlap detected between 'Short' and 'Long'", 11)]);
}

#[test]
fn v6_a_phase_has_a_name() {
    for name in ["", " ", "\t\n\u{a0}"] {
        given(three_phases())
            .when(TimelineCommand::RenamePhase { phase_id: id(2), name: name.to_owned() })
            .then_expect_error_message("Phase name cannot be empty");
        let refusal = in_list(vec![draft(11, name, "01-01", "12-31")]);
        assert_eq!(broken(&refusal), [(Rule::NameNotEmpty, "name", "Phase name cannot be empty", Some(11))]);
    }
}

#[test]
fn v7_a_name_has_at_most_100_characters_however_many_bytes() {
    let message = "Phase name exceeds maximum length of 100 characters";
    let refusal = in_list(vec![draft(11, &"é".repeat(101), "01-01", "12-31")]);
    assert_eq!(broken(&refusal), [(Rule::NameLength, "name", message, Some(11))]);
    given(three_phases())
        .when(TimelineCommand::RenamePhase { phase_id: id(2), name: "n".repeat(101) })
        .then_expect_error_message(message);
    given(three_phases())
        .when(TimelineCommand::RenamePhase { phase_id: id(2), name: "é".repeat(100) })
        .then_expect_events(vec![renamed(2, &"é".repeat(100))]);
}

#[test]
fn v8_a_phase_does_not_end_before_it_starts() {
    let message = "Phase 'Build': start date must be on or before end date";
    for neighbours in [Adjust, Refuse] {
        let command = TimelineCommand::ResizePhase {
            phase_id: id(2),
            start_date: day("05-02"),
            end_date: day("05-01"),
            neighbours,
        };
        let refusal = refusal(three_phases(), command);
        assert!(broken(&refusal).contains(&(Rule::DatesInOrder, "dates", message, Some(2))), "{refusal:?}");
    }
}

#[test]
fn v9_a_phase_does_not_start_before_the_project() {
    let refusal = in_list(vec![draft(11, "A", "2023-12-31", "12-31")]);
    let v2 = "First phase must start at project start date (2024-01-01)";
    let v9 = "Phase 'A': start date must be on or after project start date (2024-01-01)";
    assert_eq!(
        broken(&refusal),
        [
            (Rule::StartsWithProject, "start_date", v2, Some(11)),
            (Rule::StartsWithinProject, "start_date", v9, Some(11))
        ]
    );
}

#[test]
fn v10_a_phase_does_not_end_after_the_project() {
    let refusal = in_list(vec![draft(11, "A", "01-01", "2025-01-01")]);
    let v3 = "Last phase must end at project end date (2024-12-31)";
    let v10 = "Phase 'A': end date must be on or before project end date (2024-12-31)";
    assert_eq!(
        broken(&refusal),
        [
            (Rule::EndsWithProject, "end_date", v3, Some(11)),
            (Rule::EndsWithinProject, "end_date", v10, Some(11))
        ]
    );
}

#[test]
fn v11_the_total_is_the_sum() {
    let message = "Total budget must equal capital budget + expense budget";
    let refused = refusal(three_phases(), budget("1.00", "2.00", Some("3.01")));
    assert_eq!(broken(&refused), [(Rule::TotalIsSum, "budget", message, Some(2))]);

    let mut wrong = draft(11, "A", "01-01", "12-31");
    wrong.total_budget = amount("0.01");
    assert_eq!(broken(&in_list(vec![wrong])), [(Rule::TotalIsSum, "budget", message, Some(11))]);
}

#[test]
fn v12_an_amount_is_one_that_the_column_holds() {
    let message_of =
        |part| format!("{part} budget must be between 0.00 and 9999999999999.99, with at most two decimals");
    for (capital, expense, total, part) in [
        ("-0.01", "1.00", None, "Capital"),
        ("0.001", "0", None, "Capital"),
        ("10000000000000", "0", Some("10000000000000"), "Capital"),
        ("0", "-1", None, "Expense"),
        ("9999999999999.99", "0.01", None, "Total"),
        ("9999999999999.99", "0.01", Some("10000000000000.00"), "Total"),
    ] {
        let refusal = refusal(three_phases(), budget(capital, expense, total));
        let found = broken(&refusal);
        let message = message_of(part);
        assert!(
            found.contains(&(Rule::AmountInRange, "budget", &message, Some(2))),
            "{capital} + {expense}: {refusal:?}"
        );
        assert!(!refusal.breaks(Rule::TotalIsSum));
    }
}

#[test]
fn v13_a_description_has_at_most_500_characters() {
    let command = TimelineCommand::DescribePhase { phase_id: id(2), description: Some("ü".repeat(501)) };
    let refusal = refusal(three_phases(), command);
    let message = "Phase description exceeds maximum length of 500 characters";
    assert_eq!(broken(&refusal), [(Rule::DescriptionLength, "description", message, Some(2))]);
}

#[test]
fn v14_the_last_phase_stays() {
    for neighbours in [Adjust, Refuse] {
        let history = vec![opened(), created(1, "Only", "01-01", "12-31")];
        let command = TimelineCommand::RemovePhase { phase_id: id(1), neighbours };
        let refusal = refusal(history, command);
        let message = "Cannot delete the last remaining phase";
        assert_eq!(broken(&refusal), [(Rule::LastPhaseStays, "delete", message, Some(1))]);
    }
}

#[test]
fn v15_a_removal_leaves_no_gap() {
    for n in [1, 2, 3] {
        let command = TimelineCommand::RemovePhase { phase_id: id(n), neighbours: Refuse };
        let refusal = refusal(three_phases(), command);
        let message = "Deleting this phase would create a gap in the project timeline";
        assert_eq!(broken(&refusal), [(Rule::RemovalLeavesNoGap, "delete", message, Some(n))]);
    }
}

#[test]
fn all_violations_are_listed_in_the_rules_order() {
    let mut late = draft(13, "Late", "11-01", "10-01");
    late.total_budget = amount("5");
    late.description = Some("x".repeat(501));
    let list =
        vec![late, draft(12, &"m".repeat(101), "05-01", "2025-02-01"), draft(11, " ", "2023-12-01", "04-01")];
    let refusal = in_list(list);
    let violations: Vec<(Rule, Option<u128>)> =
        broken(&refusal).into_iter().map(|(rule, _, _, n)| (rule, n)).collect();
    assert_eq!(
        violations,
        [
            (Rule::StartsWithProject, Some(11)),
            (Rule::EndsWithProject, Some(13)),
            (Rule::NoGap, Some(11)),
            (Rule::NoOverlap, Some(12)),
            (Rule::NameNotEmpty, Some(11)),
            (Rule::StartsWithinProject, Some(11)),
            (Rule::NameLength, Some(12)),
            (Rule::EndsWithinProject, Some(12)),
            (Rule::DatesInOrder, Some(13)),
            (Rule::TotalIsSum, Some(13)),
            (Rule::DescriptionLength, Some(13)),
        ]
    );
    assert_eq!(refusal.to_string(), "First phase must start at project start date (2024-01-01)");
    assert_eq!(refusal.messages().lines().count(), 11);
    assert!(refusal.messages().starts_with(&refusal.to_string()));
}

#[test]
fn a_refusal_is_never_empty() {
    assert_eq!(Refusal::unless_empty(Vec::<Violation>::new()), Ok(()));
}

#[test]
fn rules_have_ids_in_order() {
    let ids: Vec<String> = (1..=Rule::ALL.len()).map(|n| format!("V{n}")).collect();
    assert_eq!(Rule::ALL.iter().map(Rule::to_string).collect::<Vec<_>>(), ids);
}

#[test]
fn v26_a_name_needs_a_visible_character_except_in_a_list() {
    let message = "Phase name must have a character that can be seen";
    for name in ["\u{200b}", "\u{202e}\u{2066} ", "\u{1b}", "\n\u{feff}"] {
        let name = name.to_owned();
        let rename = TimelineCommand::RenamePhase { phase_id: id(2), name: name.clone() };
        assert_eq!(broken(&refusal(three_phases(), rename)), [(Rule::NameVisible, "name", message, Some(2))]);
        let changes = PhaseChanges { name: Some(name.clone()), ..PhaseChanges::default() };
        let change = TimelineCommand::ChangePhase { phase_id: id(2), changes, neighbours: Adjust };
        assert_eq!(broken(&refusal(three_phases(), change)), [(Rule::NameVisible, "name", message, Some(2))]);
        let create =
            TimelineCommand::CreatePhase { phase: draft(9, &name, "02-01", "02-03"), neighbours: Adjust };
        assert!(refusal(three_phases(), create).breaks(Rule::NameVisible), "{name:?}");
        // It is the last of the violations.
        let late = TimelineCommand::CreatePhase {
            phase: draft(9, &name, "2023-02-01", "02-03"),
            neighbours: Adjust,
        };
        let violations: Vec<Rule> =
            refusal(three_phases(), late).violations().iter().map(|broken| broken.rule).collect();
        assert_eq!(violations, [Rule::StartsWithinProject, Rule::NameVisible]);
        let listed = replace_all(&[], vec![draft(11, &name, "01-01", "12-31")]);
        assert!(decide(&Timeline::fold(&three_phases()), &listed).is_ok(), "{name:?}");
    }
    // A name that the planner wrote is kept, and may be sent again with another change.
    let history = vec![opened(), created(1, "\u{200b}", "01-01", "12-31")];
    let same = TimelineCommand::RenamePhase { phase_id: id(1), name: "\u{200b}".to_owned() };
    assert_eq!(decide(&Timeline::fold(&history), &same), Ok(Vec::new()));
}
