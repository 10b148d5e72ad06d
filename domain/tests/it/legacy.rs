//! The translation of the legacy planner's phases.

use crate::fixture::*;
use chrono::{Days, NaiveDate, NaiveDateTime};
use phaseline_domain::legacy::{self, LegacyPhase, LegacyPhaseType, Untranslatable};
use phaseline_domain::{Budget, DateRange, Draft, Timeline, validate};
use proptest::prelude::*;

fn legacy_phase(n: u128, phase_type: LegacyPhaseType, created_at: NaiveDateTime) -> LegacyPhase {
    LegacyPhase {
        id: id(n),
        phase_type,
        budget: Budget::ZERO,
        created_at,
        updated_at: created_at,
        ordinal: i64::try_from(n).unwrap(),
    }
}

fn noon(date: &str) -> NaiveDateTime {
    day(date).and_hms_opt(12, 0, 0).unwrap()
}

fn range_of(first_day: i32, length: u64) -> DateRange {
    let start = NaiveDate::from_num_days_from_ce_opt(first_day).unwrap();
    DateRange::new(start, start + Days::new(length - 1)).unwrap()
}

proptest! {
    #![proptest_config(reproducible())]

    #[test]
    fn a_split_shares_all_days_in_order_the_longer_parts_first(
        first_day in 1_i32..3_600_000, length in 1_u64..2000, parts in 1_usize..60,
    ) {
        let range = range_of(first_day, length);
        let Some(pieces) = legacy::split(range, parts) else {
            prop_assert!(parts as u64 > length);
            return Ok(());
        };
        prop_assert_eq!(pieces.len(), parts);
        prop_assert_eq!(pieces[0].start(), range.start());
        prop_assert_eq!(pieces[parts - 1].end(), range.end());
        for pair in pieces.windows(2) {
            prop_assert_eq!(pair[1].start(), pair[0].end() + Days::new(1));
            prop_assert!(pair[0].days() >= pair[1].days());
        }
        prop_assert!(pieces[0].days() - pieces[parts - 1].days() <= 1);
    }

    #[test]
    fn two_parts_meet_at_the_planners_midpoint(first_day in 1_i32..3_600_000, length in 2_u64..5000) {
        let range = range_of(first_day, length);
        let pieces = legacy::split(range, 2).unwrap();
        let midpoint = range.start() + Days::new((range.end() - range.start()).num_days() as u64 / 2);
        prop_assert_eq!(pieces[0].end(), midpoint);
        prop_assert_eq!(pieces[1].start(), midpoint + Days::new(1));
    }

    #[test]
    fn translated_phases_keep_the_rules(length in 2_u64..40, types in proptest::collection::vec(any::<bool>(), 1..8)) {
        let range = range_of(738_000, length);
        let phases: Vec<LegacyPhase> = types
            .iter()
            .zip(1..)
            .map(|(planning, n)| {
                let phase_type = if *planning { LegacyPhaseType::Planning } else { LegacyPhaseType::Execution };
                legacy_phase(n, phase_type, noon("05-05"))
            })
            .collect();
        match legacy::translate(project_id(), range, phases) {
            Ok(history) => {
                let timeline = Timeline::fold(&history);
                prop_assert_eq!(timeline.phases().len(), types.len());
                let drafts: Vec<Draft<'_>> = timeline.phases().iter().map(Draft::from).collect();
                prop_assert_eq!(validate(range, &drafts), vec![]);
            }
            Err(error) => {
                prop_assert!(types.len() as u64 > length);
                prop_assert_eq!(
                    error,
                    Untranslatable::MorePhasesThanDays { phases: types.len(), days: range.days() }
                );
            }
        }
    }
}

#[test]
fn no_part_and_more_parts_than_days_are_no_split() {
    assert_eq!(legacy::split(days("01-01", "01-02"), 0), None);
    assert_eq!(legacy::split(days("01-01", "01-02"), 3), None);
    assert_eq!(
        legacy::split(days("01-01", "01-02"), 2),
        Some(vec![days("01-01", "01-01"), days("01-02", "01-02")])
    );
}

#[test]
fn the_last_day_there_is_can_be_split_off() {
    let pieces = legacy::split(days("9999-12-30", "9999-12-31"), 2).unwrap();
    assert_eq!(pieces[1], days("9999-12-31", "9999-12-31"));
}

#[test]
fn phases_share_the_days_by_type_then_age_then_id() {
    use LegacyPhaseType::{Execution, Planning};
    let phases = vec![
        legacy_phase(4, Execution, noon("01-01")),
        legacy_phase(3, Execution, noon("01-02")),
        legacy_phase(2, Execution, noon("01-02")),
        legacy_phase(9, Planning, noon("06-01")),
    ];
    let adopted = legacy::adopt(days("01-01", "01-08"), phases).unwrap();
    let order: Vec<(u128, &str)> =
        adopted.iter().map(|phase| (phase.phase_id.uuid().as_u128(), phase.name.as_str())).collect();
    assert_eq!(order, [(9, "Planning"), (4, "Execution"), (2, "Execution"), (3, "Execution")]);
    assert_eq!(adopted[3].range, days("01-07", "01-08"));
    assert_eq!(adopted[3].ordinal, 3);
}

#[test]
fn a_phase_adopted_again_replaces_itself() {
    let adopt = |range| {
        legacy::translate(
            project_id(),
            range,
            vec![legacy_phase(1, LegacyPhaseType::Planning, noon("05-05"))],
        )
        .unwrap()
    };
    let mut history = adopt(days("01-01", "12-31"));
    history.push(renamed(1, "Edited"));
    let again = adopt(days("01-01", "06-30"));
    history.extend(again.clone());
    assert_eq!(Timeline::fold(&history), Timeline::fold(&again));
    assert_eq!(Timeline::fold(&history).phases().len(), 1);
}

#[test]
fn a_project_without_phases_is_not_translated() {
    let translated = legacy::translate(project_id(), days("01-01", "12-31"), vec![]);
    assert_eq!(translated, Err(Untranslatable::NoPhases));
}

#[test]
fn phase_types_read_as_they_are_written() {
    assert_eq!(LegacyPhaseType::LABELS, ["PLANNING", "EXECUTION"]);
    for label in LegacyPhaseType::LABELS {
        let phase_type: LegacyPhaseType = label.parse().unwrap();
        assert_eq!(phase_type.to_string(), label);
        assert_eq!(serde_json::to_string(&phase_type).unwrap(), format!("\"{label}\""));
    }
    let error = "planning".parse::<LegacyPhaseType>().unwrap_err();
    assert_eq!(error.to_string(), "\"planning\" is not a legacy phase type (PLANNING, EXECUTION)");
}
