//! A small legacy database with known rows, and shortcuts of the tests.

use crate::fixture::{handle, migrate_options, operator, store};
use chrono::{NaiveDate, NaiveDateTime};
use phaseline_domain::{Neighbours, PhaseDraft, ProjectId, TimelineCommand};
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::migrate::{Migrated, migrate};
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{self, RollbackOptions, RollbackPlan, RolledBack, rollback};
use phaseline_migrator::{MigratorError, plan::PlanOptions};
use phaseline_store::Metadata;
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::model::{Budget, Days, Edit, Kind, OldRow, Shape};
use phaseline_tests::script;
use sqlx::Connection as _;
use std::time::Duration;
use uuid::Uuid;

/// 2024-01-01 to 2024-04-09, 100 days: [`SPRING_PLANNING`] and [`SPRING_EXECUTION`], 50 days each.
pub(super) const SPRING: Uuid = id(1);
pub(super) const SPRING_PLANNING: Uuid = id(11);
pub(super) const SPRING_EXECUTION: Uuid = id(12);
/// 2024-06-01 to 2024-06-10, 10 days: only [`SUMMER_EXECUTION`].
pub(super) const SUMMER: Uuid = id(2);
pub(super) const SUMMER_EXECUTION: Uuid = id(21);
/// Two days, one for each of its phases.
pub(super) const WEEKEND: Uuid = id(3);
pub(super) const WEEKEND_PLANNING: Uuid = id(31);
pub(super) const WEEKEND_EXECUTION: Uuid = id(32);

/// An easily recognised id.
pub(super) const fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x5ce0_0000_0000_4000_8000_0000_0000_0000 | number)
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn days(first: &str, last: &str) -> Days {
    Days::new(day(first), day(last))
}

pub(super) fn moment(text: &str) -> NaiveDateTime {
    format!("{text}T08:00:00.000001").parse().unwrap()
}

/// A row of the legacy table.
pub(super) fn row(project: Uuid, id: Uuid, kind: Kind, created: &str) -> OldRow {
    let (created_at, updated_at) = (moment(created), moment("2023-12-24"));
    OldRow { project, kind, budget: Budget { capital: 100, expense: 50 }, id, created_at, updated_at }
}

/// The database, not migrated yet: three projects, and assignments whose phases are not always those of their dates.
pub(super) fn known_database() -> TestDatabase {
    let cluster = TestCluster::shared();
    cluster.template("migrated_again", |url| {
        let tables = LegacyDatabase::from_seed(0).statements();
        let project =
            |project, days, old_rows| Edit::InsertProject { project, days, old_rows, new_rows: vec![] };
        let assignment = |number, project, date, phase| Edit::InsertAssignment {
            id: id(number),
            project,
            date: day(date),
            phase: Some(phase),
        };
        let edits = [
            project(
                SPRING,
                days("2024-01-01", "2024-04-09"),
                vec![
                    row(SPRING, SPRING_EXECUTION, Kind::Execution, "2023-05-02"),
                    row(SPRING, SPRING_PLANNING, Kind::Planning, "2023-05-01"),
                ],
            ),
            project(
                SUMMER,
                days("2024-06-01", "2024-06-10"),
                vec![row(SUMMER, SUMMER_EXECUTION, Kind::Execution, "2023-05-03")],
            ),
            project(
                WEEKEND,
                days("2024-07-06", "2024-07-07"),
                vec![
                    row(WEEKEND, WEEKEND_PLANNING, Kind::Planning, "2023-05-04"),
                    row(WEEKEND, WEEKEND_EXECUTION, Kind::Execution, "2023-05-04"),
                ],
            ),
            assignment(101, SPRING, "2024-01-10", SPRING_PLANNING),
            assignment(102, SPRING, "2024-01-11", SPRING_EXECUTION),
            assignment(103, SPRING, "2024-03-01", SPRING_EXECUTION),
            assignment(104, SPRING, "2025-01-01", SPRING_EXECUTION),
            assignment(201, SUMMER, "2024-06-05", SUMMER_EXECUTION),
            assignment(202, SUMMER, "2024-06-06", SPRING_EXECUTION),
        ];
        let ground = tables.into_iter().take(3).chain([Edit::setup()]);
        script::load(url, ground.chain(edits.iter().map(|edit| edit.sql(Shape::Old))));
    });
    cluster.database_from("migrated_again")
}

/// SQL of others on the legacy tables.
pub(super) fn edit_old(database: &TestDatabase, edit: &Edit) {
    database.psql(&edit.sql(Shape::Old));
}

/// Every column in the timeline shape.
pub(super) fn new_rows(database: &TestDatabase) -> String {
    database.psql("SELECT * FROM public.project_phases ORDER BY id")
}

/// The legacy tables, row by row, in heap order.
pub(super) fn old_rows(database: &TestDatabase) -> String {
    database.psql(
        "SELECT * FROM public.project_phases ORDER BY ctid;
         SELECT * FROM public.resource_assignments ORDER BY ctid",
    )
}

/// A project's phases in the timeline shape: name and days.
pub(super) fn phases(database: &TestDatabase, project: Uuid) -> Vec<String> {
    let rows = database.psql(&format!(
        "SELECT name, start_date, end_date FROM public.project_phases WHERE project_id = '{project}' ORDER BY start_date"
    ));
    rows.lines().map(|line| line.replace('|', " ")).collect()
}

/// One value out of `project_phases`.
pub(super) fn value(database: &TestDatabase, phase: Uuid, column: &str) -> String {
    database
        .psql(&format!("SELECT {column} FROM public.project_phases WHERE id = '{phase}'"))
        .trim()
        .to_owned()
}

/// The phase that an assignment refers to in the legacy shape.
pub(super) fn link(database: &TestDatabase, assignment: u128) -> Uuid {
    let assignment = id(assignment);
    let sql = format!("SELECT project_phase_id FROM public.resource_assignments WHERE id = '{assignment}'");
    database.psql(&sql).trim().parse().unwrap()
}

/// Commands that must all be accepted.
pub(super) async fn command(database: &TestDatabase, project: Uuid, commands: &[TimelineCommand]) {
    let store = store(database.url()).await;
    for command in commands {
        let metadata = Metadata { actor: Some("ann@desk".to_owned()), ..Metadata::default() };
        let done = store.execute(ProjectId::from(project), command, metadata).await;
        assert!(
            !done.unwrap_or_else(|error| panic!("{command:?}: {error}")).events.is_empty(),
            "{command:?}"
        );
    }
}

pub(super) fn create(phase: Uuid, name: &str, first: &str, last: &str) -> TimelineCommand {
    let phase = PhaseDraft {
        id: phase.into(),
        name: name.to_owned(),
        start_date: day(first),
        end_date: day(last),
        description: None,
        capital_budget: "10.25".parse().unwrap(),
        expense_budget: "0.75".parse().unwrap(),
        total_budget: 11.into(),
    };
    TimelineCommand::CreatePhase { phase, neighbours: Neighbours::Adjust }
}

pub(super) fn rename(phase: Uuid, name: &str) -> TimelineCommand {
    TimelineCommand::RenamePhase { phase_id: phase.into(), name: name.to_owned() }
}

pub(super) fn describe(phase: Uuid, text: &str) -> TimelineCommand {
    TimelineCommand::DescribePhase { phase_id: phase.into(), description: Some(text.to_owned()) }
}

pub(super) fn resize(phase: Uuid, first: &str, last: &str) -> TimelineCommand {
    TimelineCommand::ResizePhase {
        phase_id: phase.into(),
        start_date: day(first),
        end_date: day(last),
        neighbours: Neighbours::Adjust,
    }
}

pub(super) fn remove(phase: Uuid) -> TimelineCommand {
    TimelineCommand::RemovePhase { phase_id: phase.into(), neighbours: Neighbours::Adjust }
}

pub(super) fn budget(phase: Uuid, capital: &str) -> TimelineCommand {
    TimelineCommand::BudgetPhase {
        phase_id: phase.into(),
        capital_budget: capital.parse().unwrap(),
        expense_budget: 0.into(),
        total_budget: None,
    }
}

/// The plan of a rollback.
pub(super) async fn dry_run(database: &TestDatabase) -> RollbackPlan {
    let mut connection = handle(database.url()).connect("test").await.expect("connect");
    let plan = rollback::plan(&mut connection).await.expect("plan");
    connection.close().await.expect("close");
    plan
}

/// The loss: phase and field.
pub(super) fn listed_losses(plan: &RollbackPlan) -> Vec<(Uuid, String)> {
    plan.loss.items.iter().map(|item| (item.phase_id.uuid(), item.field.clone())).collect()
}

/// Rolls back with this loss accepted.
pub(super) async fn try_roll_back(
    database: &TestDatabase,
    accept_loss: Option<String>,
) -> Result<RolledBack, MigratorError> {
    let options =
        RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator(), accept_loss };
    rollback(&handle(database.url()), &options, &Silent).await
}

/// Rolls back with any loss accepted.
pub(super) async fn roll_back(database: &TestDatabase) -> RolledBack {
    let digest = dry_run(database).await.loss.digest;
    try_roll_back(database, digest).await.unwrap_or_else(|error| panic!("{error}\n{error:#?}"))
}

/// Migrates.
pub(super) async fn try_migrate(database: &TestDatabase, repair: bool) -> Result<Migrated, MigratorError> {
    let mut options = migrate_options();
    options.plan = PlanOptions { repair, ..PlanOptions::default() };
    migrate(&handle(database.url()), &options, &Silent).await
}

/// Migrates; must succeed.
pub(super) async fn migrate_again(database: &TestDatabase) -> Migrated {
    let done = try_migrate(database, false).await.unwrap_or_else(|error| panic!("{error}\n{error:#?}"));
    crate::fixture::assert_verified(database.url()).await;
    done
}

/// Migrates; must be refused without a change. Returns the findings by name, with their rows.
pub(super) async fn refused(database: &TestDatabase) -> Vec<(String, Vec<String>)> {
    let before = old_rows(database);
    let error = try_migrate(database, false).await.expect_err("it should be refused");
    let MigratorError::Refused(plan) = error else { panic!("{error:#?}") };
    assert_eq!(before, old_rows(database));
    let refused = plan.anomalies.iter().filter(|anomaly| anomaly.refused);
    refused.map(|one| (one.code.name().to_owned(), one.rows.iter().map(|row| row.id).collect())).collect()
}
