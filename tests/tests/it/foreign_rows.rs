//! Rows of `project_phases` written by SQL, as by the planner's backend for a new project: the project's first
//! command adopts them.

mod adopt_all;
mod drift;
mod invalid_rows;

use crate::fixture::{assert_verified, handle, migrated, sample, store};
use cqrs_es::{AggregateContext, CqrsFramework, EventStore};
use phaseline_domain::{DateRange, PhaseId, ProjectId, Rule, TimelineCommand, TimelineEvent};
use phaseline_embedded::testing::TestDatabase;
use phaseline_projections::FoldedLog;
use phaseline_store::{ExecuteError, Metadata, StoreError};
use phaseline_tests::roles::url_as;
use std::collections::HashMap;

/// A database in the timeline shape.
async fn timeline_shape(seed: u64) -> TestDatabase {
    let database = sample(4, 20, seed);
    migrated(database.url()).await;
    database
}

fn id<T: From<uuid::Uuid>>(number: u128) -> T {
    uuid::Uuid::from_u128(0xbeef_0000_0000_0000_0000 + number).into()
}

/// A project of 2025, as the backend inserts it.
fn add_project(database: &TestDatabase, project: ProjectId) {
    database.psql(&format!(
        "INSERT INTO public.projects SELECT program_id, 'new', 'b', 'm', 't', '2025-01-01', '2025-12-31',
                left('{project}', 9) || right('{project}', 9), NULL, '{project}', now(), now()
           FROM public.projects LIMIT 1"
    ));
}

/// A row of `project_phases`, as the backend inserts it: times with odd fractions.
fn add_phase(database: &TestDatabase, project: ProjectId, phase: PhaseId, start: &str, end: &str) {
    database.psql(&format!(
        "INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at,
                updated_at, name, start_date, end_date, description)
         VALUES ('{project}', 10.50, 0.25, 10.75, '{phase}', '2025-01-02 03:04:05.060708', '2025-02-03 04:05:06.1',
                'Theirs ''é''', '{start}', '{end}', 'said')"
    ));
}

/// A project with two phases.
fn backend_project(database: &TestDatabase, number: u128) -> (ProjectId, PhaseId, PhaseId) {
    let (project, first, second) = (id(number * 10), id(number * 10 + 1), id(number * 10 + 2));
    add_project(database, project);
    add_phase(database, project, first, "2025-01-01", "2025-06-30");
    add_phase(database, project, second, "2025-07-01", "2025-12-31");
    (project, first, second)
}

fn row(database: &TestDatabase, phase: PhaseId) -> String {
    database.psql(&format!("SELECT ph::text FROM public.project_phases ph WHERE id = '{phase}'"))
}

fn rename(phase_id: PhaseId, name: &str) -> TimelineCommand {
    TimelineCommand::RenamePhase { phase_id, name: name.to_owned() }
}

fn metadata_of(actor: &str) -> Metadata {
    Metadata { actor: Some(actor.to_owned()), reason: Some("why".to_owned()), ..Metadata::default() }
}

async fn event_types(database: &TestDatabase, project: ProjectId) -> Vec<String> {
    let history = store(database.url()).await.history(project).await.unwrap();
    history.into_iter().map(|event| event.recorded.event_type).collect()
}

async fn folded(database: &TestDatabase) -> FoldedLog {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    FoldedLog::read(&mut connection, None).await.unwrap()
}

/// Waits until a session waits for a lock of another one.
async fn wait_for_blocked_sessions(database: &TestDatabase, sessions: usize) {
    for _ in 0..2000 {
        let waiting = database.psql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        if waiting.trim().parse::<usize>().unwrap() >= sessions {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    panic!("no session waits for a lock");
}

#[tokio::test]
async fn the_first_command_adopts_the_rows_and_the_history_shows_it() {
    let database = timeline_shape(71).await;
    let (project, first, second) = backend_project(&database, 1);
    let (before, untouched) = (row(&database, first), row(&database, second));
    let store = store(database.url()).await;
    let done = store.execute(project, &rename(first, "Ours"), metadata_of("ann@desk")).await.unwrap();

    let types = ["TimelineOpened", "PhaseAdopted", "PhaseAdopted", "PhaseRenamed"];
    assert_eq!(event_types(&database, project).await, types);
    assert_eq!((done.events.len(), done.adoption.len(), done.version), (4, 3, 4));
    for event in store.history(project).await.unwrap() {
        assert_eq!(event.recorded.metadata, metadata_of("ann@desk"), "all of it is one save");
        assert_eq!(event.recorded.recorded_at, store.history(project).await.unwrap()[0].recorded.recorded_at);
    }
    assert_eq!(row(&database, second), untouched, "no command changed that one");
    let columns = |phase, columns: &str| {
        database.psql(&format!("SELECT {columns} FROM public.project_phases WHERE id = '{phase}'"))
    };
    assert_eq!(columns(first, "name, created_at").trim(), "Ours|2025-01-02 03:04:05.060708");
    assert_ne!(row(&database, first), before);
    assert_verified(database.url()).await;
    let log = folded(&database).await;
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    assert_eq!(phaseline_projections::drift::find_drift(&mut connection, &log, None).await.unwrap(), []);
}

#[tokio::test]
async fn first_commands_at_once_adopt_once() {
    let database = timeline_shape(72).await;
    let (project, first, _) = backend_project(&database, 1);
    let store = store(database.url()).await;
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store.execute(project, &rename(first, &format!("name {n}")), Metadata::default()).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let types = event_types(&database, project).await;
    assert_eq!(types.iter().filter(|name| *name == "TimelineOpened").count(), 1, "{types:?}");
    assert_eq!(types.iter().filter(|name| *name == "PhaseRenamed").count(), 8, "{types:?}");
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_row_changed_before_the_append_is_adopted_with_its_new_values() {
    let database = timeline_shape(73).await;
    let (project, first, second) = backend_project(&database, 1);
    let mut backend = handle(database.url()).connect("backend").await.unwrap();
    let change = format!(
        "BEGIN; UPDATE public.project_phases SET name = 'late', updated_at = '2025-03-03' WHERE id = '{second}'"
    );
    sqlx::raw_sql(&change).execute(&mut backend).await.unwrap();
    let store = store(database.url()).await;
    let command =
        tokio::spawn(async move { store.execute(project, &rename(first, "Ours"), metadata_of("bo")).await });
    wait_for_blocked_sessions(&database, 1).await;
    sqlx::raw_sql("COMMIT").execute(&mut backend).await.unwrap();
    let done = command.await.unwrap().unwrap();
    let name = done.after.timeline.phase(second).map(|phase| phase.name.to_string());
    assert_eq!(name.as_deref(), Some("late"));
    assert!(row(&database, second).contains("late"), "the backend's change stays");
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_row_added_while_a_timeline_is_opened_is_adopted() {
    let database = timeline_shape(74).await;
    let project: ProjectId = id(10);
    add_project(&database, project);
    let mut head = handle(database.url()).connect("head").await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT 1 FROM phaseline.head FOR UPDATE").execute(&mut head).await.unwrap();
    let store = store(database.url()).await;
    let range = DateRange::new("2025-01-01".parse().unwrap(), "2025-12-31".parse().unwrap()).unwrap();
    let open = TimelineCommand::Open { project_id: project, range, default_phase_id: id(19) };
    let command = tokio::spawn(async move { store.execute(project, &open, metadata_of("cy")).await });
    wait_for_blocked_sessions(&database, 1).await;
    add_phase(&database, project, id(11), "2025-01-01", "2025-12-31");
    sqlx::raw_sql("COMMIT").execute(&mut head).await.unwrap();
    let Err(ExecuteError::Refused(refusal)) = command.await.unwrap() else { panic!("opened beside the row") };
    assert!(refusal.breaks(Rule::OpenedOnce), "{refusal}");
    let rows = database.psql(&format!("SELECT id FROM public.project_phases WHERE project_id = '{project}'"));
    assert_eq!(rows.trim(), id::<PhaseId>(11).to_string());
}

#[tokio::test]
async fn a_command_that_is_refused_or_changes_nothing_adopts_nothing() {
    let database = timeline_shape(75).await;
    let (project, first, _) = backend_project(&database, 1);
    let before = database.dump(&[]);
    let store = store(database.url()).await;
    let same = store.execute(project, &rename(first, "Theirs 'é'"), metadata_of("di")).await.unwrap();
    assert!(same.events.is_empty() && same.after.timeline.phases().len() == 2);
    let refused = store.execute(project, &rename(first, " "), metadata_of("di")).await;
    assert!(matches!(refused, Err(ExecuteError::Refused(_))), "{refused:?}");
    let missing = store.execute(id(99), &rename(first, "x"), metadata_of("di")).await;
    assert!(matches!(missing, Err(ExecuteError::Store(StoreError::UnknownProject(_)))), "{missing:?}");
    assert!(before == database.dump(&[]), "something was written");
}

#[tokio::test]
async fn a_role_with_command_privileges_only_can_adopt() {
    let database = timeline_shape(76).await;
    let (project, first, _) = backend_project(&database, 1);
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_clerk LOGIN PASSWORD 'clerk' IN ROLE phaseline_writer;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    let url = url_as(database.url(), "phaseline_test_clerk");
    let mut clerk = handle(&url).connect("test").await.unwrap();
    let looked = sqlx::query("SELECT 1 FROM public.project_phases").execute(&mut clerk).await;
    assert!(looked.is_err(), "the role was meant to have no rights on the planner's tables");
    store(&url).await.execute(project, &rename(first, "By the clerk"), metadata_of("clerk")).await.unwrap();
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn the_framework_of_cqrs_es_adopts_too() {
    let database = timeline_shape(77).await;
    let (project, first, second) = backend_project(&database, 1);
    let untouched = row(&database, second);
    let store = store(database.url()).await;
    let mut context = store.load_aggregate(&project.to_string()).await.unwrap();
    assert_eq!(context.aggregate().phases().len(), 2);
    let events = phaseline_domain::decide(context.aggregate(), &rename(first, "stale")).unwrap();
    let framework = CqrsFramework::new(store.clone(), Vec::new(), ());
    framework.execute(&project.to_string(), rename(first, "By the framework")).await.unwrap();
    let stale = store.commit(events, context, HashMap::new()).await;
    assert!(matches!(stale, Err(cqrs_es::AggregateError::AggregateConflict)), "{stale:?}");
    assert_eq!(event_types(&database, project).await.len(), 4);
    assert_eq!(row(&database, second), untouched);
    assert_verified(database.url()).await;

    let (project, first, _) = backend_project(&database, 2);
    let context = store.load_aggregate(&project.to_string()).await.unwrap();
    let renamed =
        phaseline_domain::event::PhaseRenamed { phase_id: first, name: "x".to_owned().try_into().unwrap() };
    let committed = store.commit(vec![renamed.into()], context, HashMap::new()).await.unwrap();
    let sequences: Vec<usize> = committed.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert!(matches!(committed[0].payload, TimelineEvent::TimelineOpened(_)));
}

#[tokio::test]
async fn a_phase_that_the_log_has_in_another_project_is_not_adopted_twice() {
    let database = timeline_shape(78).await;
    let (project, first, second) = backend_project(&database, 1);
    store(database.url()).await.execute(project, &rename(first, "Ours"), metadata_of("ed")).await.unwrap();
    let (other, of_other, _) = backend_project(&database, 2);
    database.psql(&format!(
        "DELETE FROM public.project_phases WHERE id = '{of_other}';
         UPDATE public.project_phases SET project_id = '{other}', start_date = '2025-01-01', end_date = '2025-06-30'
          WHERE id = '{second}'"
    ));
    let before = database.dump(&[]);
    let moved = store(database.url()).await.execute(other, &rename(second, "x"), metadata_of("ed")).await;
    let Err(ExecuteError::Store(StoreError::Unadoptable { reasons, .. })) = moved else {
        panic!("{moved:?}")
    };
    assert_eq!(reasons, [format!("phase {second}: belongs to project {project} in the log")]);
    assert!(before == database.dump(&[]), "something was written");
}
