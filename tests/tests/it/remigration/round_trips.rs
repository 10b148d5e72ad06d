//! Edits are rolled back with a loss report and restored completely by the next migration.

use super::fixture::*;
use crate::fixture::assert_verified;
use phaseline_domain::{PhaseDraft, ReplacementPhase, TimelineCommand};
use phaseline_migrator::MigratorError;
use phaseline_tests::dump::{assert_same_dump, dump};
use phaseline_tests::model::{Edit, Shape};

/// Commands of every kind, on all three projects.
async fn edit_everything(database: &phaseline_embedded::testing::TestDatabase) {
    command(
        database,
        SPRING,
        &[
            rename(SPRING_PLANNING, "Discovery"),
            describe(SPRING_PLANNING, "the café's\tpart"),
            resize(SPRING_PLANNING, "2024-01-01", "2024-01-20"),
            create(id(13), "Hand-over", "2024-04-01", "2024-04-09"),
            budget(SPRING_EXECUTION, "77.01"),
            rename(id(13), "Hand-over & care"),
        ],
    )
    .await;
    let draft = |phase, name: &str, first, last| {
        let TimelineCommand::CreatePhase { phase, .. } = create(phase, name, first, last) else {
            unreachable!()
        };
        PhaseDraft { description: Some(String::new()), ..phase }
    };
    command(
        database,
        SUMMER,
        &[
            TimelineCommand::Reschedule { start_date: day("2024-05-28"), end_date: day("2024-06-12") },
            TimelineCommand::ReplaceAll {
                phases: vec![
                    ReplacementPhase::New(draft(id(22), "Before", "2024-05-28", "2024-05-31")),
                    ReplacementPhase::Existing(draft(SUMMER_EXECUTION, "Build", "2024-06-01", "2024-06-12")),
                ],
            },
        ],
    )
    .await;
    command(database, WEEKEND, &[remove(WEEKEND_PLANNING), describe(WEEKEND_EXECUTION, "both days")]).await;
}

#[tokio::test]
async fn every_edit_is_restored_with_ids_and_timestamps() {
    let database = known_database();
    migrate_again(&database).await;
    edit_everything(&database).await;
    let edited = new_rows(&database);
    let mut old = None;
    for _ in 0..3 {
        roll_back(&database).await;
        assert_verified(database.url()).await;
        let rows = old_rows(&database);
        assert_eq!(*old.get_or_insert_with(|| rows.clone()), rows, "the old tables come out the same");
        migrate_again(&database).await;
        assert_eq!(edited, new_rows(&database));
    }
}

#[tokio::test]
async fn edits_between_round_trips_are_all_kept() {
    let database = known_database();
    migrate_again(&database).await;
    command(&database, SPRING, &[rename(SPRING_PLANNING, "First")]).await;
    roll_back(&database).await;
    migrate_again(&database).await;
    command(&database, SPRING, &[create(id(13), "Second", "2024-02-20", "2024-02-29")]).await;
    roll_back(&database).await;
    migrate_again(&database).await;
    command(&database, SPRING, &[describe(id(13), "third")]).await;
    let edited = new_rows(&database);
    roll_back(&database).await;
    migrate_again(&database).await;
    assert_eq!(edited, new_rows(&database));
    assert_eq!(
        phases(&database, SPRING),
        ["First 2024-01-01 2024-02-19", "Second 2024-02-20 2024-02-29", "Execution 2024-03-01 2024-04-09",]
    );
    assert_eq!(value(&database, id(13), "description"), "third");
}

#[tokio::test]
async fn a_created_phase_gets_its_type_by_name_and_a_legacy_one_keeps_it() {
    let database = known_database();
    migrate_again(&database).await;
    command(
        &database,
        SPRING,
        &[
            rename(SPRING_PLANNING, "Discovery"),
            rename(SPRING_EXECUTION, "Planning of sorts"),
            create(id(13), "Discovery", "2024-01-01", "2024-01-02"),
            create(id(14), "Execution (after planning)", "2024-01-03", "2024-01-04"),
            create(id(15), "RE-PLANNING", "2024-01-05", "2024-01-06"),
            create(id(16), "Planung", "2024-01-07", "2024-01-08"),
        ],
    )
    .await;
    let created = value(&database, id(15), "created_at");
    roll_back(&database).await;
    let types = [SPRING_PLANNING, SPRING_EXECUTION, id(13), id(14), id(15), id(16)];
    let types = types.map(|phase| value(&database, phase, "phase_type"));
    assert_eq!(types, ["PLANNING", "EXECUTION", "EXECUTION", "PLANNING", "PLANNING", "EXECUTION"]);
    assert_eq!(value(&database, id(15), "created_at"), created);
    let order = database.psql("SELECT id FROM public.project_phases ORDER BY ctid");
    let order: Vec<&str> = order.split_whitespace().collect();
    let created: Vec<String> = [id(13), id(14), id(15), id(16)].map(|id| id.to_string()).into();
    assert_eq!(order[order.len() - 4..], created, "behind the rows that were there, as they were made");

    // It has a legacy row now, with that row's type.
    migrate_again(&database).await;
    command(&database, SPRING, &[rename(id(15), "Build")]).await;
    roll_back(&database).await;
    assert_eq!(value(&database, id(15), "phase_type"), "PLANNING");
}

#[tokio::test]
async fn four_phases_survive_two_rollbacks() {
    let database = known_database();
    migrate_again(&database).await;
    command(
        &database,
        SPRING,
        &[
            create(id(14), "Fourth", "2024-04-01", "2024-04-09"),
            create(id(13), "Third", "2024-03-20", "2024-03-31"),
        ],
    )
    .await;
    let edited = new_rows(&database);
    roll_back(&database).await;
    let types =
        format!("SELECT phase_type FROM public.project_phases WHERE project_id = '{SPRING}' ORDER BY ctid");
    assert_eq!(
        database.psql(&types).split_whitespace().collect::<Vec<_>>(),
        ["EXECUTION", "PLANNING", "EXECUTION", "EXECUTION"]
    );
    migrate_again(&database).await;
    assert_eq!(edited, new_rows(&database));
    roll_back(&database).await;
    migrate_again(&database).await;
    assert_eq!(edited, new_rows(&database));
}

#[tokio::test]
async fn budgets_are_rolled_back_with_their_timestamp_and_are_no_loss() {
    let database = known_database();
    let before = old_rows(&database);
    migrate_again(&database).await;
    command(&database, SPRING, &[budget(SPRING_PLANNING, "5.50")]).await;
    let changed = value(&database, SPRING_PLANNING, "updated_at");
    let edited = new_rows(&database);
    assert_eq!(listed_losses(&dry_run(&database).await), []);
    try_roll_back(&database, None).await.unwrap();
    assert_eq!(
        value(&database, SPRING_PLANNING, "(capital_budget, expense_budget, total_budget)"),
        "(5.50,0.00,5.50)"
    );
    assert_eq!(value(&database, SPRING_PLANNING, "updated_at"), changed);
    let others = |rows: &str| {
        rows.lines()
            .filter(|line| !line.contains(&format!("|{SPRING_PLANNING}|2023")))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&before), others(&old_rows(&database)), "nothing else is different");
    migrate_again(&database).await;
    assert_eq!(edited, new_rows(&database));
}

#[tokio::test]
async fn a_name_leaves_the_old_rows_time_alone() {
    let database = known_database();
    let before = dump(database.url());
    migrate_again(&database).await;
    command(&database, SPRING, &[rename(SPRING_PLANNING, "Discovery")]).await;
    roll_back(&database).await;
    assert_same_dump(&before, &dump(database.url()));
}

#[tokio::test]
async fn assignments_of_a_removed_phase_get_the_phase_of_their_date_and_keep_it() {
    let database = known_database();
    migrate_again(&database).await;
    command(
        &database,
        SPRING,
        &[create(id(13), "Hand-over", "2024-03-01", "2024-04-09"), remove(SPRING_EXECUTION)],
    )
    .await;
    let plan = dry_run(&database).await;
    assert_eq!(
        listed_losses(&plan),
        [
            (SPRING_PLANNING, "dates".to_owned()),
            (SPRING_EXECUTION, "links".to_owned()),
            (id(13), "dates".to_owned()),
            (id(13), "name".to_owned()),
        ]
    );
    let done = roll_back(&database).await.completed.unwrap();
    assert_eq!((done.links_restored, done.links_by_date, done.links_first_phase), (2, 3, 1));
    // By date, by date, and outside the project.
    assert_eq!([102, 103, 104].map(|one| link(&database, one)), [SPRING_PLANNING, id(13), SPRING_PLANNING]);
    assert_eq!(link(&database, 202), SUMMER_EXECUTION, "of another project: by date in its own");
    assert_verified(database.url()).await;
    migrate_again(&database).await;
    let done = roll_back(&database).await.completed.unwrap();
    assert_eq!((done.links_restored, done.links_by_date, done.links_first_phase), (6, 0, 0));
}

#[tokio::test]
async fn another_loss_than_the_accepted_one_is_refused_and_nothing_is_written() {
    let database = known_database();
    migrate_again(&database).await;
    command(&database, SPRING, &[rename(SPRING_PLANNING, "Discovery")]).await;
    let digest = dry_run(&database).await.loss.digest.expect("there is a loss");
    command(&database, SPRING, &[rename(SPRING_EXECUTION, "Build")]).await;
    let before = database.dump(&[]);
    for wrong in [None, Some(digest), Some("sha256:00".to_owned()), Some(String::new())] {
        let error = try_roll_back(&database, wrong.clone()).await.expect_err("it should be refused");
        assert!(matches!(error, MigratorError::WouldLose { .. }), "{wrong:?}: {error:?}");
        assert_eq!(before, database.dump(&[]), "{wrong:?}");
    }
    let plan = dry_run(&database).await;
    assert_eq!(
        listed_losses(&plan),
        [(SPRING_PLANNING, "name".to_owned()), (SPRING_EXECUTION, "name".to_owned())]
    );
    assert_eq!(plan.loss.items[0].value, "Discovery");
    assert_eq!(plan.loss.items[0].actor.as_deref(), Some("ann@desk"));
    try_roll_back(&database, plan.loss.digest).await.unwrap();
}

#[tokio::test]
async fn a_digest_is_the_same_as_long_as_the_loss_is() {
    let database = known_database();
    migrate_again(&database).await;
    command(&database, SPRING, &[rename(SPRING_PLANNING, "Discovery")]).await;
    let first = dry_run(&database).await.loss;
    assert_eq!(first, dry_run(&database).await.loss);
    command(&database, SPRING, &[budget(SPRING_PLANNING, "1.00")]).await;
    assert_eq!(first.digest, dry_run(&database).await.loss.digest, "a budget is not a loss");
    command(&database, SPRING, &[rename(SPRING_PLANNING, "Planning")]).await;
    assert_eq!(dry_run(&database).await.loss.digest, None, "the old name again");
}

#[tokio::test]
async fn a_project_of_the_backend_survives_a_round_trip() {
    let database = known_database();
    migrate_again(&database).await;
    let autumn = days("2024-10-01", "2024-10-31");
    let row = phaseline_tests::model::NewRow {
        project: id(4),
        budget: phaseline_tests::model::Budget::ZERO,
        id: id(41),
        created_at: moment("2024-09-01"),
        updated_at: moment("2024-09-02"),
        name: "Default Phase".to_owned(),
        days: autumn,
        description: None,
    };
    let project = Edit::InsertProject { project: id(4), days: autumn, old_rows: vec![], new_rows: vec![row] };
    database.psql(&project.sql(Shape::New));
    let edited = new_rows(&database);
    assert_eq!(
        listed_losses(&dry_run(&database).await),
        [(id(41), "dates".to_owned()), (id(41), "name".to_owned())]
    );
    roll_back(&database).await;
    assert_eq!(value(&database, id(41), "phase_type"), "EXECUTION");
    assert_eq!(value(&database, id(41), "updated_at"), "2024-09-02 08:00:00.000001");
    migrate_again(&database).await;
    assert_eq!(edited, new_rows(&database));
}

#[tokio::test]
async fn a_deleted_project_closes_its_timeline() {
    let database = known_database();
    migrate_again(&database).await;
    command(&database, SPRING, &[rename(SPRING_PLANNING, "Discovery")]).await;
    database.psql(&Edit::DeleteProject(SUMMER).sql(Shape::New));
    let edited = new_rows(&database);
    assert_eq!(listed_losses(&dry_run(&database).await), [(SPRING_PLANNING, "name".to_owned())]);
    roll_back(&database).await;
    assert_verified(database.url()).await;
    migrate_again(&database).await;
    assert_eq!(edited, new_rows(&database));
}

#[tokio::test]
async fn a_project_recreated_under_its_id_is_new_to_the_log() {
    let database = known_database();
    migrate_again(&database).await;
    database.psql(&Edit::DeleteProject(SUMMER).sql(Shape::New));
    roll_back(&database).await;
    migrate_again(&database).await;
    let row = phaseline_tests::model::NewRow {
        project: SUMMER,
        budget: phaseline_tests::model::Budget { capital: 7, expense: 0 },
        id: id(29),
        created_at: moment("2024-09-01"),
        updated_at: moment("2024-09-02"),
        name: "Default Phase".to_owned(),
        days: days("2024-06-01", "2024-06-02"),
        description: None,
    };
    let (project, days) = (SUMMER, row.days);
    let back = Edit::InsertProject { project, days, old_rows: vec![], new_rows: vec![row] };
    database.psql(&back.sql(Shape::New));
    assert_verified(database.url()).await;
    command(&database, SUMMER, &[rename(id(29), "Again")]).await;
    assert_verified(database.url()).await;
    let edited = new_rows(&database);
    roll_back(&database).await;
    migrate_again(&database).await;
    assert_eq!(edited, new_rows(&database));
}
