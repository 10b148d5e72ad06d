//! Tests of the model's less obvious parts.

use super::*;
use phaseline_domain::{Neighbours, TimelineCommand};

const PROJECT: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn phase(number: u128) -> Uuid {
    Uuid::from_u128(100 + number)
}

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_yo_opt(2024, number).unwrap()
}

fn days(first: u32, last: u32) -> Days {
    Days::new(day(first), day(last))
}

fn at(second: i64) -> NaiveDateTime {
    chrono::DateTime::from_timestamp(second, 0).unwrap().naive_utc()
}

fn row(project: Uuid, number: u128, kind: Kind) -> OldRow {
    let budget = Budget { capital: 1, expense: 2 };
    OldRow { project, kind, budget, id: phase(number), created_at: at(number as i64), updated_at: at(7) }
}

fn assignment(number: u128, date: NaiveDate, phase: Uuid) -> Assignment {
    let id = Uuid::from_u128(1000 + number);
    Assignment { id, project: PROJECT, date, phase: Some(phase), rest: "rest".to_owned() }
}

/// Ten days with two phases, and another project of two days with one.
fn legacy() -> Model {
    Model::legacy(
        [(PROJECT, days(1, 10)), (OTHER, days(1, 2))].into(),
        vec![
            row(PROJECT, 2, Kind::Execution),
            row(PROJECT, 1, Kind::Planning),
            row(OTHER, 3, Kind::Execution),
        ],
        vec![assignment(1, day(9), phase(1)), assignment(2, day(3), phase(2))],
    )
}

fn migrate(model: &mut Model, second: i64) {
    let times = MigrationTimes { at: at(second), ..MigrationTimes::default() };
    model.migrate(false, &times).unwrap();
}

fn project_days(model: &Model) -> Vec<(u128, Days)> {
    let phases = model.log[&PROJECT].phases.iter();
    phases.map(|phase| (phase.id.as_u128() - 100, phase.days)).collect()
}

fn command(model: &mut Model, second: i64, command: &TimelineCommand) {
    assert_eq!(model.command(PROJECT, command, at(second)), Ok(true));
}

fn rename(number: u128, name: &str) -> TimelineCommand {
    TimelineCommand::RenamePhase { phase_id: phase(number).into(), name: name.to_owned() }
}

fn remove(number: u128) -> TimelineCommand {
    TimelineCommand::RemovePhase { phase_id: phase(number).into(), neighbours: Neighbours::Adjust }
}

fn edit_row(model: &mut Model, number: u128, change: impl FnOnce(&mut OldRow)) {
    change(model.old_rows.iter_mut().find(|row| row.id == phase(number)).unwrap());
}

#[test]
fn days_are_shared_with_the_longer_shares_first() {
    assert_eq!(days(1, 10).shared(4), Some(vec![days(1, 3), days(4, 6), days(7, 8), days(9, 10)]));
    assert_eq!(days(1, 2).shared(2), Some(vec![days(1, 1), days(2, 2)]));
    assert_eq!(days(1, 2).shared(3), None);
}

#[test]
fn a_round_trip_restores_the_rows() {
    let before = legacy();
    let mut model = before.clone();
    migrate(&mut model, 50);
    assert_eq!(project_days(&model), [(1, days(1, 5)), (2, days(6, 10))]);
    assert_eq!(model.assignments[0].phase, None);
    assert!(model.losses().is_empty());
    let counts = model.roll_back();
    assert_eq!(counts, LinkCounts { restored: 2, by_date: 0, first_phase: 0 });
    assert_eq!(model.snapshot(), before.snapshot());
}

#[test]
fn edits_survive_a_round_trip() {
    let mut model = legacy();
    migrate(&mut model, 50);
    command(&mut model, 60, &rename(1, "Discovery"));
    let edited = model.snapshot();
    model.roll_back();
    assert_eq!(model.old_rows, legacy().old_rows);
    migrate(&mut model, 70);
    assert_eq!(model.snapshot(), edited);
}

#[test]
fn a_removed_phase_loses_its_links_and_a_renamed_one_its_name() {
    let mut model = legacy();
    migrate(&mut model, 50);
    command(&mut model, 60, &rename(1, "Discovery"));
    command(&mut model, 60, &remove(2));
    let fields: Vec<_> = model.losses().into_iter().map(|loss| (loss.phase, loss.field)).collect();
    let expected = [(phase(1), "dates"), (phase(1), "name"), (phase(2), "links")];
    assert_eq!(fields, expected.map(|(phase, field)| (phase, field.to_owned())));
    assert_eq!(model.roll_back(), LinkCounts { restored: 1, by_date: 1, first_phase: 0 });
    assert_eq!(model.assignments[1].phase, Some(phase(1)));
}

#[test]
fn a_name_that_is_the_given_one_again_is_no_loss() {
    let mut model = legacy();
    migrate(&mut model, 50);
    command(&mut model, 60, &rename(1, "Discovery"));
    command(&mut model, 61, &rename(1, "Planning"));
    assert!(model.losses().is_empty());
}

#[test]
fn a_deleted_row_leaves_its_dates_to_a_neighbour() {
    let mut model = legacy();
    migrate(&mut model, 50);
    model.roll_back();
    model.edit(&Edit::DeleteOldRow { phase: phase(2), heir: Some(phase(1)) });
    migrate(&mut model, 70);
    assert_eq!(project_days(&model), [(1, days(1, 10))]);
    assert_eq!(model.new_rows[&phase(1)].updated_at, at(70));
    assert_eq!(model.links[&Uuid::from_u128(1002)], phase(1));
    assert!(model.losses().is_empty(), "no command did it");
}

#[test]
fn a_new_row_takes_half_of_a_neighbours_dates() {
    let mut model = legacy();
    migrate(&mut model, 50);
    model.roll_back();
    // The first by its type and time.
    model.edit(&Edit::InsertOldRow(row(PROJECT, 0, Kind::Planning)));
    model.edit(&Edit::InsertOldRow(row(PROJECT, 4, Kind::Planning)));
    migrate(&mut model, 70);
    let expected = [(0, days(1, 3)), (1, days(4, 4)), (4, days(5, 5)), (2, days(6, 10))];
    assert_eq!(project_days(&model), expected);
}

#[test]
fn new_rows_are_refused_where_their_neighbours_have_a_day_each() {
    let mut model = legacy();
    migrate(&mut model, 50);
    model.roll_back();
    model.edit(&Edit::InsertOldRow(row(OTHER, 4, Kind::Execution)));
    model.edit(&Edit::InsertOldRow(row(OTHER, 5, Kind::Execution)));
    let before = model.clone();
    let findings = model.migrate(false, &MigrationTimes::default()).unwrap_err();
    assert_eq!(
        Vec::from_iter(findings),
        [MigrationObstacle { code: "more_phases_than_days", project: OTHER }]
    );
    assert_eq!(model, before);
}

#[test]
fn updated_at_is_the_rows_only_if_the_row_has_another_one() {
    let mut model = legacy();
    migrate(&mut model, 50);
    command(&mut model, 60, &rename(1, "Discovery"));
    command(&mut model, 60, &rename(2, "Build"));
    model.roll_back();
    edit_row(&mut model, 1, |row| row.budget.capital = 9);
    edit_row(&mut model, 2, |row| row.updated_at = at(65));
    migrate(&mut model, 70);
    assert_eq!(model.new_rows[&phase(1)].updated_at, at(60));
    assert_eq!(model.new_rows[&phase(2)].updated_at, at(65));
}

#[test]
fn a_supplied_phase_is_no_loss_until_it_is_needed_or_edited() {
    let mut model = legacy();
    model.old_rows.retain(|row| row.project != OTHER);
    let times = MigrationTimes { at: at(50), supplied: [(OTHER, phase(9))].into() };
    assert!(model.clone().migrate(false, &times).is_err());
    model.migrate(true, &times).unwrap();
    let mut needed = model.clone();
    needed.edit(&Edit::InsertAssignment { id: phase(50), project: OTHER, date: day(1), phase: None });
    let mut touched = model.clone();
    let described =
        TimelineCommand::DescribePhase { phase_id: phase(9).into(), description: Some("so far".to_owned()) };
    assert_eq!(touched.command(OTHER, &described, at(60)), Ok(true));
    for (mut model, fields) in [(model, 0), (needed, 2), (touched, 3)] {
        assert_eq!(model.losses().len(), fields);
        model.roll_back();
        assert_eq!(model.old_rows.len(), if fields == 0 { 2 } else { 3 });
    }
}

#[test]
fn commands_know_their_rules() {
    let mut model = legacy();
    migrate(&mut model, 50);
    let resize = |first, last, neighbours| TimelineCommand::ResizePhase {
        phase_id: phase(1).into(),
        start_date: day(first),
        end_date: day(last),
        neighbours,
    };
    let before = model.clone();
    for refused in [
        resize(1, 10, Neighbours::Adjust),
        resize(2, 5, Neighbours::Adjust),
        resize(1, 6, Neighbours::Refuse),
        rename(1, ""),
        rename(3, "another project's"),
        TimelineCommand::Reschedule { start_date: day(6), end_date: day(10) },
    ] {
        assert_eq!(model.command(PROJECT, &refused, at(60)), Err(Refused), "{refused:?}");
    }
    assert_eq!(model.command(PROJECT, &resize(1, 5, Neighbours::Refuse), at(60)), Ok(false));
    assert_eq!(model, before);
    command(&mut model, 60, &resize(1, 9, Neighbours::Adjust));
    assert_eq!(project_days(&model), [(1, days(1, 9)), (2, days(10, 10))]);
}

#[test]
fn drift_is_where_the_table_contradicts_the_log() {
    let mut model = legacy();
    migrate(&mut model, 50);
    let row = model.new_rows[&phase(1)].clone();
    model.edit(&Edit::ChangeNewRow(NewRow { name: "by hand".to_owned(), ..row.clone() }));
    model.edit(&Edit::DeleteNewRow(phase(2)));
    model.edit(&Edit::InsertNewRow(NewRow { id: phase(8), ..row }));
    let drift = Vec::from_iter(model.drift());
    let expected = [(1, "name"), (2, "missing"), (8, "unknown")];
    assert_eq!(drift, expected.map(|(number, what)| (PROJECT, phase(number), what.to_owned())));
    model.repair_drift(PROJECT);
    assert!(model.drift().is_empty());
}
