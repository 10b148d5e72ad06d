//! After edits in the timeline shape a rollback names all values that the legacy schema cannot hold.

use crate::fixture::{assert_verified, handle, migrated, operator, sample, store, try_rollback, verified};
use phaseline_domain::{Neighbours, PhaseId, ProjectId, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::MigratorError;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{self, RollbackOptions, RollbackPlan, RolledBack};
use phaseline_projections::history;
use phaseline_store::{ExecuteError, Metadata, StoreError};
use std::time::Duration;

fn first_phase(database: &TestDatabase) -> (ProjectId, PhaseId) {
    let row = database
        .psql("SELECT project_id, id FROM public.project_phases ORDER BY project_id, start_date LIMIT 1");
    let (project, phase) = row.trim().split_once('|').expect("two columns");
    (project.parse().unwrap(), phase.parse().unwrap())
}

async fn refused(database: &TestDatabase) -> RollbackPlan {
    let before = database.dump(&[]);
    let Err(MigratorError::WouldLose { plan, .. }) = try_rollback(database.url()).await else {
        panic!("rolled back over an edit")
    };
    assert_eq!(before, database.dump(&[]), "something was written");
    *plan
}

/// Rolls back with the loss that the dry run names.
pub(crate) async fn accepted(database: &TestDatabase) -> RolledBack {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let plan = rollback::plan(&mut connection).await.unwrap();
    let options = RollbackOptions {
        lock_timeout: Duration::from_secs(60),
        operator: operator(),
        accept_loss: plan.loss.digest,
    };
    rollback::rollback(&handle(database.url()), &options, &Silent)
        .await
        .unwrap_or_else(|error| panic!("{error}: {error:#?}"))
}

fn metadata_of(actor: &str) -> Metadata {
    Metadata { actor: Some(actor.to_owned()), ..Metadata::default() }
}

#[tokio::test]
async fn a_rename_is_named_and_nothing_is_changed() {
    let database = sample(4, 20, 21);
    migrated(database.url()).await;
    let (project, phase_id) = first_phase(&database);
    let store = store(database.url()).await;
    let rename = TimelineCommand::RenamePhase { phase_id, name: "Discovery".to_owned() };
    let done = store.execute(project, &rename, metadata_of("ann@desk")).await.unwrap();
    assert_verified(database.url()).await;
    let plan = refused(&database).await;
    assert_eq!(plan.edits.len(), 1);
    let edit = &plan.edits[0];
    assert_eq!((edit.project_id, edit.phase_id), (project, Some(phase_id)));
    assert_eq!((edit.event_type.as_str(), edit.position), ("PhaseRenamed", done.position));
    assert_eq!(edit.actor.as_deref(), Some("ann@desk"));
}

#[tokio::test]
async fn rows_that_others_changed_or_added_are_named() {
    let database = sample(4, 20, 22);
    migrated(database.url()).await;
    let (project, phase) = first_phase(&database);
    database.psql(&format!("UPDATE public.project_phases SET name = 'by hand' WHERE id = '{phase}'"));
    let plan = refused(&database).await;
    assert!(plan.edits.is_empty());
    let text: Vec<String> = plan.drift.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 1, "{text:?}");
    assert!(text[0].contains(&phase.to_string()) && text[0].contains("by hand"), "{text:?}");
    let found = verified(database.url()).await;
    assert!(!found.passed);
    assert!(
        found.checks.iter().flat_map(|check| &check.details).any(|line| line.contains(&project.to_string()))
    );
}

#[tokio::test]
async fn a_project_that_the_planner_made_since_is_named_and_is_no_failure() {
    let database = sample(4, 20, 23);
    migrated(database.url()).await;
    database.psql(
        "INSERT INTO public.projects SELECT program_id, 'new', 'b', 'm', 't', '2025-01-01', '2025-12-31', 'NEW', NULL,
                '00000000-0000-0000-0000-00000000beef', now(), now() FROM public.projects LIMIT 1;
         INSERT INTO public.project_phases (project_id, capital_budget, expense_budget, total_budget, id, created_at,
                updated_at, name, start_date, end_date)
         VALUES ('00000000-0000-0000-0000-00000000beef', 0, 0, 0, gen_random_uuid(), now(), now(), 'Default Phase',
                '2025-01-01', '2025-12-31')",
    );
    let found = verified(database.url()).await;
    assert!(found.notes.iter().any(|note| note.contains("beef")), "{:?}", found.notes);
    let plan = refused(&database).await;
    let of_new: Vec<_> =
        plan.loss.items.iter().filter(|item| item.project_id.to_string().ends_with("beef")).collect();
    let losses: Vec<_> = of_new.iter().map(|item| (item.field.as_str(), item.instead.as_str())).collect();
    assert_eq!(
        losses,
        [("dates", "none: the old schema has no dates for phases"), ("name", "EXECUTION, by its name")]
    );
    assert_eq!(plan.loss.items.len(), 2, "{:?}", plan.loss.items);
    accepted(&database).await;
    let row = database.psql(
        "SELECT phase_type, total_budget FROM public.project_phases WHERE project_id::text LIKE '%beef'",
    );
    assert_eq!(row.trim(), "EXECUTION|0.00");
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn commands_change_the_log_and_the_table_together() {
    let database = sample(6, 60, 24);
    migrated(database.url()).await;
    let (project, phase_id) = first_phase(&database);
    let store = store(database.url()).await;
    let budget = TimelineCommand::BudgetPhase {
        phase_id,
        capital_budget: "12.34".parse().unwrap(),
        expense_budget: "0.66".parse().unwrap(),
        total_budget: None,
    };
    store.execute(project, &budget, metadata_of("bo@desk")).await.unwrap();
    let describe =
        TimelineCommand::DescribePhase { phase_id, description: Some("the café's part".to_owned()) };
    store.execute(project, &describe, metadata_of("bo@desk")).await.unwrap();
    let row = database.psql(&format!(
        "SELECT capital_budget, expense_budget, total_budget, description FROM public.project_phases
          WHERE id = '{phase_id}'"
    ));
    assert_eq!(row.trim(), "12.34|0.66|13.00|the café's part");
    assert_verified(database.url()).await;
    let again = store.execute(project, &describe, metadata_of("bo@desk")).await.unwrap();
    assert!(again.events.is_empty(), "a command that changes nothing writes nothing");

    let entries = history::entries(&store.history(project).await.unwrap(), &[], Some(phase_id));
    let last = entries.last().unwrap();
    assert_eq!(last.changes[0].before, None);
    assert_eq!(last.changes[0].after.as_deref(), Some("the café's part"));
    assert_eq!(last.metadata.actor.as_deref(), Some("bo@desk"));
    assert!(entries[0].words.contains("adopted from the legacy planner"), "{}", entries[0].words);
}

#[tokio::test]
async fn rescheduling_a_project_moves_its_row_and_its_phases_in_one_transaction() {
    let database = sample(3, 10, 25);
    migrated(database.url()).await;
    let (project, _) = first_phase(&database);
    let store = store(database.url()).await;
    let dates = database
        .psql(&format!("SELECT start_date - 7, end_date + 7 FROM public.projects WHERE id = '{project}'"));
    let (start, end) = dates.trim().split_once('|').unwrap();
    let command =
        TimelineCommand::Reschedule { start_date: start.parse().unwrap(), end_date: end.parse().unwrap() };
    store.execute(project, &command, metadata_of("cy@desk")).await.unwrap();
    let row = database.psql(&format!(
        "SELECT p.start_date, p.end_date, min(ph.start_date), max(ph.end_date) FROM public.projects p
           JOIN public.project_phases ph ON ph.project_id = p.id WHERE p.id = '{project}' GROUP BY p.id"
    ));
    assert_eq!(row.trim(), format!("{start}|{end}|{start}|{end}"));
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn the_log_takes_no_command_while_the_legacy_shape_is_live() {
    let database = sample(3, 10, 26);
    migrated(database.url()).await;
    let (project, phase_id) = first_phase(&database);
    try_rollback(database.url()).await.unwrap();
    let store = store(database.url()).await;
    let rename = TimelineCommand::RenamePhase { phase_id, name: "too late".to_owned() };
    let events = database.psql("SELECT count(*) FROM phaseline.events");
    let result = store.execute(project, &rename, metadata_of("di@desk")).await;
    assert!(matches!(result, Err(ExecuteError::Store(StoreError::NotAccepting))), "{result:?}");
    assert_eq!(events, database.psql("SELECT count(*) FROM phaseline.events"));
}

#[tokio::test]
async fn a_phase_id_of_another_project_is_never_taken_over() {
    let database = sample(4, 20, 27);
    migrated(database.url()).await;
    let (project, phase_id) = first_phase(&database);
    let other = database.psql(&format!(
        "SELECT id, start_date, end_date FROM public.projects WHERE id <> '{project}' ORDER BY id LIMIT 1"
    ));
    let mut other = other.trim().split('|');
    let (other_id, start): (ProjectId, chrono::NaiveDate) =
        (other.next().unwrap().parse().unwrap(), other.next().unwrap().parse().unwrap());
    let before = database.dump(&[]);
    let store = store(database.url()).await;
    let draft = phaseline_domain::PhaseDraft {
        id: phase_id,
        name: "stolen".to_owned(),
        start_date: start,
        end_date: start,
        description: None,
        capital_budget: 0.into(),
        expense_budget: 0.into(),
        total_budget: 0.into(),
    };
    let create = TimelineCommand::CreatePhase { phase: draft, neighbours: Neighbours::Adjust };
    let error = store.execute(other_id, &create, metadata_of("ed@desk")).await.unwrap_err();
    assert!(error.to_string().contains("belongs to another project"), "{error}");
    assert_eq!(before, database.dump(&[]));
}

#[tokio::test]
async fn a_deleted_project_is_named_and_closed_by_the_next_migration() {
    let database = sample(4, 0, 28);
    migrated(database.url()).await;
    try_rollback(database.url()).await.unwrap();
    let gone = database.psql("SELECT id FROM public.projects ORDER BY id LIMIT 1");
    let gone = gone.trim();
    database.psql(&format!(
        "DELETE FROM public.actuals WHERE project_id = '{gone}'; DELETE FROM public.project_phases WHERE project_id = '{gone}';
         DELETE FROM public.projects WHERE id = '{gone}'"
    ));
    let plan = crate::fixture::plan_of(database.url()).await;
    let anomaly =
        plan.anomalies.iter().find(|anomaly| anomaly.code.name() == "project_gone").expect("it is named");
    assert_eq!(anomaly.rows.iter().next().unwrap().id, gone);
    assert!(plan.ready);
    let before = phaseline_tests::dump::dump(database.url());
    migrated(database.url()).await;
    assert_verified(database.url()).await;
    let last = database.psql(&format!(
        "SELECT event_type FROM phaseline.events WHERE stream_id = '{gone}' AND stream_type = 'Timeline' ORDER BY version DESC LIMIT 1"
    ));
    assert_eq!(last.trim(), "TimelineClosed");
    try_rollback(database.url()).await.unwrap();
    phaseline_tests::dump::assert_same_dump(&before, &phaseline_tests::dump::dump(database.url()));
}

/// Legacy tables edited between a rollback and the next migration: the log gets their current rows.
#[tokio::test]
async fn edits_of_the_legacy_tables_are_migrated() {
    let database = sample(6, 60, 29);
    migrated(database.url()).await;
    try_rollback(database.url()).await.unwrap();
    database.psql(
        "UPDATE public.project_phases SET capital_budget = 1, expense_budget = 2, total_budget = 3
          WHERE id = (SELECT id FROM public.project_phases ORDER BY id LIMIT 1);
         UPDATE public.project_phases SET project_id = (SELECT min(id::text)::uuid FROM public.projects)
          WHERE id = (SELECT id FROM public.project_phases ORDER BY project_id DESC, id LIMIT 1)
            AND 1 < (SELECT count(*) FROM public.project_phases WHERE project_id =
                        (SELECT max(project_id::text)::uuid FROM public.project_phases));
         UPDATE public.projects SET end_date = end_date + 10 WHERE id = (SELECT max(id::text)::uuid FROM public.projects);
         INSERT INTO public.project_phases SELECT id, 'EXECUTION', 5, 5, 10, gen_random_uuid(), now(), now()
           FROM public.projects ORDER BY id LIMIT 2;
         UPDATE public.resource_assignments SET project_phase_id =
            (SELECT id FROM public.project_phases ORDER BY id LIMIT 1)
          WHERE id IN (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 7)",
    );
    let before = database.dump(&["--schema=public"]);
    migrated(database.url()).await;
    assert_verified(database.url()).await;
    try_rollback(database.url()).await.unwrap();
    phaseline_tests::dump::assert_same_dump(&before, &database.dump(&["--schema=public"]));
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn a_rollback_refuses_a_tampered_log() {
    let database = sample(4, 20, 30);
    migrated(database.url()).await;
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET payload = replace(payload::text, 'PLANNING', 'EXECUTION')::json
          WHERE event_type = 'LegacyPhaseAdopted';
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
    let before = database.dump(&[]);
    let result = try_rollback(database.url()).await;
    assert!(matches!(result, Err(MigratorError::RollbackRefused(_))), "{result:?}");
    assert_eq!(before, database.dump(&[]));
}
