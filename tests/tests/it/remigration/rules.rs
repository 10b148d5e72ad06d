//! Changes of the legacy tables before another migration, rule by rule. Names and descriptions come from the log.

use super::fixture::*;
use crate::fixture::assert_verified;
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::dump::{assert_same_dump, dump};
use phaseline_tests::model::{Budget, Days, Edit, Kind, OldRow};
use uuid::Uuid;

/// Migrated, edited in the timeline shape (names of [`SPRING`]'s phases, 20 + 80 days) and rolled back.
async fn rolled_back() -> TestDatabase {
    let database = known_database();
    migrate_again(&database).await;
    command(
        &database,
        SPRING,
        &[
            rename(SPRING_PLANNING, "Discovery"),
            resize(SPRING_PLANNING, "2024-01-01", "2024-01-20"),
            rename(SPRING_EXECUTION, "Build"),
            describe(SPRING_EXECUTION, "with care"),
        ],
    )
    .await;
    roll_back(&database).await;
    database
}

fn delete(phase: Uuid, heir: Uuid) -> Edit {
    Edit::DeleteOldRow { phase, heir: Some(heir) }
}

#[tokio::test]
async fn if_nothing_is_different_the_log_gains_no_event_of_a_timeline() {
    let database = rolled_back().await;
    let count = "SELECT count(*) FROM phaseline.events WHERE stream_type IN ('Timeline', 'LegacyLinks')";
    let before = database.psql(count);
    migrate_again(&database).await;
    assert_eq!(before, database.psql(count));
    assert_eq!(phases(&database, SPRING), ["Discovery 2024-01-01 2024-01-20", "Build 2024-01-21 2024-04-09"]);
}

#[tokio::test]
async fn rule_1_entirely_new_rows_share_the_dates_evenly() {
    let database = rolled_back().await;
    edit_old(&database, &Edit::InsertOldRow(row(SPRING, id(17), Kind::Execution, "2023-08-01")));
    edit_old(&database, &Edit::InsertOldRow(row(SPRING, id(18), Kind::Planning, "2023-08-02")));
    edit_old(&database, &delete(SPRING_PLANNING, id(17)));
    edit_old(&database, &delete(SPRING_EXECUTION, id(17)));
    edit_old(&database, &Edit::MoveProject(SPRING, days("2024-02-01", "2024-02-03")));
    let old = dump(database.url());
    migrate_again(&database).await;
    assert_eq!(
        phases(&database, SPRING),
        ["Planning 2024-02-01 2024-02-02", "Execution 2024-02-03 2024-02-03"]
    );
    assert_eq!(value(&database, id(18), "created_at"), "2023-08-02 08:00:00.000001");
    assert_eq!(listed_losses(&dry_run(&database).await), []);
    roll_back(&database).await;
    assert_same_dump(&old, &dump(database.url()));
}

#[tokio::test]
async fn rule_1_a_project_without_rows_is_refused_or_given_a_default_phase() {
    let database = rolled_back().await;
    edit_old(&database, &delete(SUMMER_EXECUTION, SPRING_PLANNING));
    edit_old(&database, &Edit::MoveProject(SUMMER, days("2024-06-02", "2024-06-09")));
    assert_eq!(refused(&database).await, [("project_without_phases".to_owned(), vec![SUMMER.to_string()])]);
    let old = dump(database.url());
    try_migrate(&database, true).await.unwrap();
    assert_verified(database.url()).await;
    assert_eq!(phases(&database, SUMMER), ["Default Phase 2024-06-02 2024-06-09"]);
    let new = new_rows(&database);
    for _ in 0..2 {
        // Unchanged it is not reported, and is restored without a repair.
        roll_back(&database).await;
        assert_same_dump(&old, &dump(database.url()));
        migrate_again(&database).await;
        assert_eq!(new, new_rows(&database));
    }
}

#[tokio::test]
async fn rule_1_an_unedited_supplied_phase_follows_its_project() {
    let database = rolled_back().await;
    edit_old(&database, &delete(SUMMER_EXECUTION, SPRING_PLANNING));
    try_migrate(&database, true).await.unwrap();
    let of_it = format!("SELECT id, created_at FROM public.project_phases WHERE project_id = '{SUMMER}'");
    let supplied = database.psql(&of_it);
    roll_back(&database).await;
    edit_old(&database, &Edit::MoveProject(SUMMER, days("2024-06-02", "2024-06-29")));
    let old = dump(database.url());
    migrate_again(&database).await;
    assert_eq!(phases(&database, SUMMER), ["Default Phase 2024-06-02 2024-06-29"]);
    assert_eq!(supplied, database.psql(&of_it), "the same phase, made when it was made");
    roll_back(&database).await;
    assert_same_dump(&old, &dump(database.url()));
}

#[tokio::test]
async fn a_supplied_phase_needed_by_an_assignment_is_a_loss() {
    let database = rolled_back().await;
    edit_old(&database, &delete(SUMMER_EXECUTION, SPRING_PLANNING));
    try_migrate(&database, true).await.unwrap();
    let date = day("2024-06-03");
    let new = Edit::InsertAssignment { id: id(203), project: SUMMER, date, phase: None };
    database.psql(&new.sql(phaseline_tests::model::Shape::New));
    let new = new_rows(&database);
    let supplied =
        database.psql(&format!("SELECT id FROM public.project_phases WHERE project_id = '{SUMMER}'"));
    let supplied: Uuid = supplied.trim().parse().unwrap();
    let lost = listed_losses(&dry_run(&database).await);
    assert!(lost.contains(&(supplied, "name".to_owned())) && lost.contains(&(supplied, "dates".to_owned())));
    roll_back(&database).await;
    assert_eq!(link(&database, 203), supplied);
    assert_eq!(value(&database, supplied, "phase_type"), "EXECUTION");
    migrate_again(&database).await;
    assert_eq!(new, new_rows(&database));
}

#[tokio::test]
async fn rule_2_dates_of_a_deleted_row_go_to_the_phase_before_it() {
    let database = rolled_back().await;
    let before = value(&database, SPRING_PLANNING, "updated_at");
    edit_old(&database, &delete(SPRING_EXECUTION, SPRING_PLANNING));
    migrate_again(&database).await;
    assert_eq!(phases(&database, SPRING), ["Discovery 2024-01-01 2024-04-09"]);
    assert_ne!(value(&database, SPRING_PLANNING, "updated_at"), before, "it changed");
    roll_back(&database).await;
    assert_eq!(value(&database, SPRING_PLANNING, "updated_at"), before, "but not in the old table");
    assert_eq!(link(&database, 103), SPRING_PLANNING);
}

#[tokio::test]
async fn rule_2_dates_of_the_first_phase_go_to_the_one_after_it() {
    let database = rolled_back().await;
    edit_old(&database, &delete(SPRING_PLANNING, SPRING_EXECUTION));
    migrate_again(&database).await;
    assert_eq!(phases(&database, SPRING), ["Build 2024-01-01 2024-04-09"]);
    assert_eq!(value(&database, SPRING_EXECUTION, "description"), "with care");
}

#[tokio::test]
async fn rule_3_first_and_last_phase_follow_the_project() {
    let database = rolled_back().await;
    edit_old(&database, &Edit::MoveProject(SPRING, days("2023-12-30", "2024-05-05")));
    migrate_again(&database).await;
    assert_eq!(phases(&database, SPRING), ["Discovery 2023-12-30 2024-01-20", "Build 2024-01-21 2024-05-05"]);
}

#[tokio::test]
async fn rule_3_dates_that_leave_a_phase_without_days_are_refused() {
    let database = rolled_back().await;
    edit_old(&database, &Edit::MoveProject(SPRING, days("2024-01-21", "2024-04-09")));
    assert_eq!(refused(&database).await, [("rules_broken".to_owned(), vec![SPRING.to_string()])]);
    edit_old(&database, &Edit::MoveProject(SPRING, days("2024-01-20", "2024-04-09")));
    migrate_again(&database).await;
    assert_eq!(phases(&database, SPRING), ["Discovery 2024-01-20 2024-01-20", "Build 2024-01-21 2024-04-09"]);
}

#[tokio::test]
async fn rule_4_a_new_row_takes_the_later_half_of_the_row_before() {
    let database = rolled_back().await;
    // Between Planning and Execution; then behind Execution.
    edit_old(&database, &Edit::InsertOldRow(row(SPRING, id(17), Kind::Planning, "2023-08-01")));
    edit_old(&database, &Edit::InsertOldRow(row(SUMMER, id(27), Kind::Execution, "2023-08-01")));
    let (created, updated) = (value(&database, id(17), "created_at"), value(&database, id(17), "updated_at"));
    migrate_again(&database).await;
    assert_eq!(
        phases(&database, SPRING),
        ["Discovery 2024-01-01 2024-01-10", "Planning 2024-01-11 2024-01-20", "Build 2024-01-21 2024-04-09",]
    );
    assert_eq!(
        phases(&database, SUMMER),
        ["Execution 2024-06-01 2024-06-05", "Execution 2024-06-06 2024-06-10"]
    );
    assert_eq!(value(&database, id(27), "start_date"), "2024-06-06");
    assert_eq!(
        (value(&database, id(17), "created_at"), value(&database, id(17), "updated_at")),
        (created, updated)
    );
}

#[tokio::test]
async fn rule_4_a_new_first_row_takes_the_first_half_of_the_row_after() {
    let database = rolled_back().await;
    edit_old(&database, &Edit::InsertOldRow(row(SUMMER, id(27), Kind::Planning, "2023-08-01")));
    edit_old(&database, &Edit::MoveProject(SUMMER, days("2024-06-01", "2024-06-09")));
    migrate_again(&database).await;
    assert_eq!(
        phases(&database, SUMMER),
        ["Planning 2024-06-01 2024-06-05", "Execution 2024-06-06 2024-06-09"]
    );
}

#[tokio::test]
async fn rule_4_new_rows_share_and_are_refused_when_no_date_is_left() {
    let database = rolled_back().await;
    edit_old(&database, &Edit::InsertOldRow(row(WEEKEND, id(37), Kind::Planning, "2023-08-01")));
    assert_eq!(refused(&database).await, [("more_phases_than_days".to_owned(), vec![WEEKEND.to_string()])]);
    // Six days: Planning 1, and Execution 5 of which the new one takes the first three.
    edit_old(&database, &Edit::MoveProject(WEEKEND, days("2024-07-06", "2024-07-11")));
    migrate_again(&database).await;
    assert_eq!(
        phases(&database, WEEKEND),
        [
            "Planning 2024-07-06 2024-07-06",
            "Planning 2024-07-07 2024-07-09",
            "Execution 2024-07-10 2024-07-11",
        ]
    );
}

#[tokio::test]
async fn rule_5_a_changed_row_is_taken_over_and_name_and_days_stay() {
    let database = rolled_back().await;
    let mut changed: OldRow = row(SPRING, SPRING_EXECUTION, Kind::Planning, "2022-02-02");
    changed.budget = Budget { capital: 1, expense: 2 };
    edit_old(&database, &Edit::ChangeOldRow(changed));
    let old = dump(database.url());
    let (updated, described) = (value(&database, SPRING_EXECUTION, "updated_at"), "with care");
    assert_eq!(updated, "2023-12-24 08:00:00.000001");
    migrate_again(&database).await;
    assert_eq!(phases(&database, SPRING), ["Discovery 2024-01-01 2024-01-20", "Build 2024-01-21 2024-04-09"]);
    assert_eq!(value(&database, SPRING_EXECUTION, "description"), described);
    assert_eq!(value(&database, SPRING_EXECUTION, "total_budget"), "0.03");
    assert_eq!(value(&database, SPRING_EXECUTION, "created_at"), "2022-02-02 08:00:00.000001");
    // The row's updated_at did not change, so the log's newer one stays.
    assert!(value(&database, SPRING_EXECUTION, "updated_at").as_str() > "2024");
    roll_back(&database).await;
    assert_same_dump(&old, &dump(database.url()));
}

#[tokio::test]
async fn rule_5_a_time_that_the_old_planner_set_is_the_newer_one() {
    let database = rolled_back().await;
    let changed = OldRow {
        updated_at: moment("2024-02-29"),
        ..row(SPRING, SPRING_EXECUTION, Kind::Execution, "2023-05-02")
    };
    edit_old(&database, &Edit::ChangeOldRow(changed));
    migrate_again(&database).await;
    assert_eq!(value(&database, SPRING_EXECUTION, "updated_at"), "2024-02-29 08:00:00.000001");
}

#[tokio::test]
async fn rule_5_reordered_rows_keep_their_new_order() {
    let database = rolled_back().await;
    for phase in [SUMMER_EXECUTION, WEEKEND_PLANNING, SPRING_PLANNING] {
        edit_old(&database, &Edit::TouchOldRow(phase));
    }
    let old = dump(database.url());
    migrate_again(&database).await;
    assert_eq!(phases(&database, SPRING), ["Discovery 2024-01-01 2024-01-20", "Build 2024-01-21 2024-04-09"]);
    roll_back(&database).await;
    assert_same_dump(&old, &dump(database.url()));
}

#[tokio::test]
async fn rule_6_links_are_the_latest_of_the_legacy_table() {
    let database = rolled_back().await;
    edit_old(&database, &Edit::LinkAssignment(id(101), WEEKEND_EXECUTION));
    let date = day("2024-06-07");
    let new = Edit::InsertAssignment { id: id(203), project: SUMMER, date, phase: Some(WEEKEND_PLANNING) };
    edit_old(&database, &new);
    migrate_again(&database).await;
    let done = roll_back(&database).await.completed.unwrap();
    assert_eq!((done.links_restored, done.links_by_date, done.links_first_phase), (7, 0, 0));
    assert_eq!([link(&database, 101), link(&database, 203)], [WEEKEND_EXECUTION, WEEKEND_PLANNING]);
}

#[tokio::test]
async fn a_phase_in_another_project_leaves_one_timeline_and_enters_the_other() {
    let database = rolled_back().await;
    let moved = row(SUMMER, SPRING_EXECUTION, Kind::Execution, "2023-05-02");
    edit_old(&database, &Edit::ChangeOldRow(moved));
    migrate_again(&database).await;
    assert_eq!(phases(&database, SPRING), ["Discovery 2024-01-01 2024-04-09"]);
    // By created_at the moved row is its new project's first one.
    assert_eq!(
        phases(&database, SUMMER),
        ["Execution 2024-06-01 2024-06-05", "Execution 2024-06-06 2024-06-10"]
    );
    assert_eq!(value(&database, SPRING_EXECUTION, "start_date"), "2024-06-01");
    assert_eq!(value(&database, SPRING_EXECUTION, "description"), "", "it is another phase there");
}

#[tokio::test]
async fn a_new_project_is_migrated_and_a_deleted_one_is_closed() {
    let database = rolled_back().await;
    let autumn: Days = days("2024-10-01", "2024-10-03");
    let rows = vec![
        row(id(4), id(41), Kind::Execution, "2023-05-01"),
        row(id(4), id(42), Kind::Planning, "2023-05-02"),
    ];
    edit_old(
        &database,
        &Edit::InsertProject { project: id(4), days: autumn, old_rows: rows, new_rows: vec![] },
    );
    edit_old(&database, &Edit::DeleteProject(WEEKEND));
    migrate_again(&database).await;
    assert_eq!(
        phases(&database, id(4)),
        ["Planning 2024-10-01 2024-10-02", "Execution 2024-10-03 2024-10-03"]
    );
    assert_eq!(phases(&database, WEEKEND), Vec::<String>::new());
    let closed = database.psql(&format!(
        "SELECT count(*) FROM phaseline.events WHERE stream_id = '{WEEKEND}' AND event_type = 'TimelineClosed'"
    ));
    assert_eq!(closed.trim(), "1");
    let old_rows_of_others = phases(&database, SPRING);
    assert_eq!(old_rows_of_others, ["Discovery 2024-01-01 2024-01-20", "Build 2024-01-21 2024-04-09"]);
}
