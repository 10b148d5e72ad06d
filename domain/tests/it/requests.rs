//! The rules about the target of a command, and about values that cannot be stored.

use crate::fixture::*;
use phaseline_domain::Neighbours::Adjust;
use phaseline_domain::{Draft, PhaseChanges, Rule, TimelineCommand, validate};

#[test]
fn v16_only_an_open_timeline_takes_commands() {
    let commands = [
        TimelineCommand::Reschedule { start_date: day("01-01"), end_date: day("12-31") },
        TimelineCommand::CreatePhase { phase: draft(1, "A", "01-01", "12-31"), neighbours: Adjust },
        TimelineCommand::ResizePhase {
            phase_id: id(1),
            start_date: day("01-01"),
            end_date: day("12-31"),
            neighbours: Adjust,
        },
        TimelineCommand::RenamePhase { phase_id: id(1), name: "A".to_owned() },
        TimelineCommand::DescribePhase { phase_id: id(1), description: None },
        budget("0", "0", None),
        TimelineCommand::RemovePhase { phase_id: id(1), neighbours: Adjust },
        TimelineCommand::ChangePhase {
            phase_id: id(1),
            changes: PhaseChanges::default(),
            neighbours: Adjust,
        },
        TimelineCommand::Reorder { phases: vec![] },
        replace_all(&[], vec![]),
    ];
    for command in commands {
        let refusal = refusal(vec![], command);
        assert_eq!(broken(&refusal), [(Rule::TimelineOpen, "timeline", "Project has no timeline", None)]);
    }
}

#[test]
fn v17_a_timeline_is_opened_once() {
    let again = TimelineCommand::Open {
        project_id: project_id(),
        range: days("01-01", "12-31"),
        default_phase_id: id(9),
    };
    let refusal = refusal(three_phases(), again);
    assert_eq!(broken(&refusal), [(Rule::OpenedOnce, "timeline", "Project already has a timeline", None)]);
}

#[test]
fn v18_a_missing_phase_is_not_found() {
    let message = "Phase with ID 00000000-0000-0000-0000-000000000009 not found";
    let commands = [
        TimelineCommand::ResizePhase {
            phase_id: id(9),
            start_date: day("01-01"),
            end_date: day("12-31"),
            neighbours: Adjust,
        },
        TimelineCommand::RenamePhase { phase_id: id(9), name: String::new() },
        TimelineCommand::DescribePhase { phase_id: id(9), description: None },
        TimelineCommand::BudgetPhase {
            phase_id: id(9),
            capital_budget: amount("-1"),
            expense_budget: amount("0"),
            total_budget: None,
        },
        TimelineCommand::RemovePhase { phase_id: id(9), neighbours: Adjust },
        replace_all(&[9], vec![draft(9, "A", "01-01", "12-31")]),
    ];
    for command in commands {
        assert_eq!(broken(&refusal(three_phases(), command)), [(Rule::PhaseExists, "id", message, Some(9))]);
    }
}

#[test]
fn v19_a_list_names_each_phase_once() {
    let message = "Phase with ID 00000000-0000-0000-0000-000000000001 is listed more than once";
    let list = vec![draft(1, "A", "01-01", "06-30"), draft(1, "B", "07-01", "12-31")];
    let refusal = refusal(three_phases(), replace_all(&[1], list.clone()));
    assert_eq!(broken(&refusal), [(Rule::ListedOnce, "id", message, Some(1))]);
    let drafts: Vec<Draft<'_>> = list.iter().map(Draft::from).collect();
    assert_eq!(validate(days("01-01", "12-31"), &drafts), refusal.violations());
}

#[test]
fn v20_a_new_phase_has_a_new_id() {
    let message = "Phase with ID 00000000-0000-0000-0000-000000000001 already exists";
    let new = draft(1, "New", "12-01", "12-31");
    let create = TimelineCommand::CreatePhase { phase: new, neighbours: Adjust };
    assert_eq!(broken(&refusal(three_phases(), create)), [(Rule::PhaseIdUnused, "id", message, Some(1))]);
    let replace = replace_all(&[], vec![draft(1, "New", "01-01", "12-31")]);
    assert_eq!(broken(&refusal(three_phases(), replace)), [(Rule::PhaseIdUnused, "id", message, Some(1))]);
}

#[test]
fn v21_a_project_ends_after_it_starts() {
    let message = "Project end date (2024-05-01) must be after project start date (2024-05-01)";
    let open = TimelineCommand::Open {
        project_id: project_id(),
        range: days("05-01", "05-01"),
        default_phase_id: id(1),
    };
    assert_eq!(broken(&refusal(vec![], open)), [(Rule::ProjectDatesInOrder, "dates", message, None)]);
    let move_to = TimelineCommand::Reschedule { start_date: day("05-01"), end_date: day("05-01") };
    assert_eq!(
        broken(&refusal(three_phases(), move_to)),
        [(Rule::ProjectDatesInOrder, "dates", message, None)]
    );
}

#[test]
fn v22_dates_are_in_the_years_1_to_9999() {
    let message = "Date +10000-01-01 is outside the years 1 to 9999";
    let far = TimelineCommand::Reschedule { start_date: day("01-01"), end_date: day("+10000-01-01") };
    assert_eq!(broken(&refusal(three_phases(), far)), [(Rule::DateInRange, "dates", message, None)]);

    let v3 = "Last phase must end at project end date (2024-12-31)";
    let v10 = "Phase 'A': end date must be on or before project end date (2024-12-31)";
    let list = replace_all(&[], vec![draft(11, "A", "01-01", "+10000-01-01")]);
    assert_eq!(
        broken(&refusal(three_phases(), list)),
        [
            (Rule::EndsWithProject, "end_date", v3, Some(11)),
            (Rule::EndsWithinProject, "end_date", v10, Some(11)),
            (Rule::DateInRange, "dates", message, Some(11))
        ]
    );

    let command = TimelineCommand::ResizePhase {
        phase_id: id(2),
        start_date: day("04-01"),
        end_date: day("+10000-01-01"),
        neighbours: Adjust,
    };
    let refusal = refusal(three_phases(), command);
    let v10 = "Phase 'Build': end date must be on or before project end date (2024-12-31)";
    assert_eq!(
        broken(&refusal),
        [(Rule::EndsWithinProject, "end_date", v10, Some(2)), (Rule::DateInRange, "dates", message, Some(2))]
    );
}

#[test]
fn v23_and_v24_text_holds_no_nul() {
    let rename = TimelineCommand::RenamePhase { phase_id: id(2), name: "a\0b".to_owned() };
    let v23 = "Phase name cannot contain a NUL character";
    assert_eq!(broken(&refusal(three_phases(), rename)), [(Rule::NameWithoutNul, "name", v23, Some(2))]);
    let describe = TimelineCommand::DescribePhase { phase_id: id(2), description: Some("\0".to_owned()) };
    let v24 = "Phase description cannot contain a NUL character";
    assert_eq!(
        broken(&refusal(three_phases(), describe)),
        [(Rule::DescriptionWithoutNul, "description", v24, Some(2))]
    );
}
