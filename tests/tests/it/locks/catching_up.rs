//! Changes while a rollback waits for the tables or prepares the swap: it catches up with them, and readers wait for the swap only.

use super::SqlAtStep;
use crate::fixture::{assert_verified, handle, migrated, operator, sample, store};
use phaseline_domain::{PhaseId, ProjectId, TimelineCommand};
use phaseline_embedded::testing::TestDatabase;
use phaseline_migrator::progress::Progress;
use phaseline_migrator::rollback::{RollbackOptions, RolledBack, rollback};
use phaseline_store::Metadata;
use sqlx::{Executor, PgConnection};
use std::time::Duration;

async fn run(database: &TestDatabase, progress: &dyn Progress) -> RolledBack {
    let options =
        RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator(), accept_loss: None };
    rollback(&handle(database.url()), &options, progress).await.unwrap()
}

/// A session with an open transaction that has read the phases: no run gets its locks.
async fn open_reader(database: &TestDatabase) -> PgConnection {
    let mut reader = super::connect(database).await;
    reader.execute("BEGIN; SELECT count(*) FROM public.project_phases").await.unwrap();
    reader
}

fn notes(progress: &SqlAtStep<'_>) -> Vec<String> {
    progress.notes.lock().unwrap().clone()
}

/// Waits until the run has tried to lock the tables.
async fn until_it_waits(progress: &SqlAtStep<'_>) {
    while !notes(progress).iter().any(|note| note.contains("waiting for the tables")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a session waits for one that holds a lock of this mode on this table.
fn is_waited_for(database: &TestDatabase) -> bool {
    database.psql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name LIKE 'phaseline rollback%' AND cardinality(pg_blocking_pids(pid)) > 0",
    ) != "0"
}

/// A project with two phases: its id, its phases in order, and its last day.
fn project_of_two(database: &TestDatabase) -> (ProjectId, PhaseId, PhaseId, String) {
    let row = database.psql(
        "SELECT ph.project_id, min(ph.id::text) FILTER (WHERE ph.start_date = p.start_date),
                min(ph.id::text) FILTER (WHERE ph.end_date = p.end_date), p.end_date
           FROM project_phases ph JOIN projects p ON p.id = ph.project_id
          GROUP BY ph.project_id, p.end_date HAVING count(*) = 2 ORDER BY ph.project_id LIMIT 1",
    );
    let [project, first, last, end] = row.trim().split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
    (project.parse().unwrap(), first.parse().unwrap(), last.parse().unwrap(), end.to_owned())
}

/// A command and new dates of its project, which move an assignment to another phase, are in the legacy tables without a restart.
#[tokio::test]
async fn a_rollback_catches_up_with_commands_without_a_restart() {
    let database = sample(6, 60, 81);
    migrated(database.url()).await;
    let (project, first, last, end) = project_of_two(&database);
    // The log has no link of it: it gets the phase of its date, or the first.
    let assignment = database.psql(&format!(
        "INSERT INTO resource_assignments SELECT resource_id, '{project}', date '{end}' + 10, 1, 50, 50, gen_random_uuid(), now(), now()
           FROM resource_assignments LIMIT 1 RETURNING id"
    ));
    let assignment = assignment.lines().next().unwrap();
    let mut reader = open_reader(&database).await;
    let progress = SqlAtStep::new(&database, "no such step", "");
    let changes = async {
        until_it_waits(&progress).await;
        database.psql(&format!(
            "UPDATE projects SET end_date = end_date + 30, updated_at = now() WHERE id = '{project}'"
        ));
        let command = TimelineCommand::BudgetPhase {
            phase_id: first,
            capital_budget: 4711.into(),
            expense_budget: 0.into(),
            total_budget: None,
        };
        store(database.url()).await.execute(project, &command, Metadata::default()).await.unwrap();
        reader.execute("COMMIT").await.unwrap();
    };
    let (done, ()) = tokio::join!(run(&database, &progress), changes);
    let notes = notes(&progress);
    assert!(notes.iter().any(|note| note == "the log changed meanwhile; catching up"), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("starting again")), "{notes:?}");
    assert_eq!(done.completed.unwrap().links_by_date, 1);
    let found = database.psql(&format!(
        "SELECT project_phase_id, (SELECT capital_budget::int FROM project_phases WHERE id = '{first}')
           FROM resource_assignments WHERE id = '{assignment}'"
    ));
    assert_eq!(found.trim(), format!("{last}|4711"));
    assert_verified(database.url()).await;
}

/// A project that is deleted meanwhile, and a new one with an assignment, need no restart either.
#[tokio::test]
async fn a_rollback_catches_up_with_deleted_and_new_projects() {
    let database = sample(6, 60, 82);
    migrated(database.url()).await;
    let (project, ..) = project_of_two(&database);
    let new = "00000000-0000-4000-8000-000000000001";
    let sql = format!(
        "INSERT INTO projects SELECT program_id, 'New', 'b', 'm', 't', '2024-01-01', '2024-11-30', 'new', NULL, '{new}', now(), now()
           FROM projects WHERE id = '{project}';
         DELETE FROM actuals WHERE project_id = '{project}';
         DELETE FROM resource_assignments WHERE project_id = '{project}';
         DELETE FROM project_phases WHERE project_id = '{project}';
         DELETE FROM projects WHERE id = '{project}'"
    );
    let progress = SqlAtStep::new(&database, "locking the tables", sql.leak());
    run(&database, &progress).await;
    assert_eq!(notes(&progress), ["projects changed meanwhile; catching up"]);
    let left = database.psql(&format!(
        "SELECT count(*) FROM project_phases WHERE project_id = '{project}'
          UNION ALL SELECT count(*) FROM projects WHERE id = '{new}'"
    ));
    assert_eq!(left.trim(), "0\n1");
    assert_verified(database.url()).await;
}

/// While a rollback has locked out writers, others read. A transaction that has read and now wants to write is not a victim: the rollback
/// gives up its locks first.
#[tokio::test]
async fn readers_continue_while_a_rollback_locks_out_writers() {
    let database = sample(6, 60, 83);
    migrated(database.url()).await;
    let mut reader = open_reader(&database).await;
    let mut both = super::connect(&database).await;
    let mut other = super::connect(&database).await;
    let mut log = super::connect(&database).await;
    let progress = SqlAtStep::new(&database, "no such step", "");
    let changes = async {
        until_it_waits(&progress).await;
        // The rollback stops where it records its events, behind its locks against writers.
        log.execute("BEGIN; LOCK TABLE phaseline.events IN SHARE MODE").await.unwrap();
        both.execute("BEGIN; SELECT count(*) FROM public.resource_assignments").await.unwrap();
        both.execute("COMMIT").await.unwrap();
        reader.execute("COMMIT").await.unwrap();
        while !is_waited_for(&database) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        other.execute("SET lock_timeout = '5s'").await.unwrap();
        other
            .execute("SELECT count(*) FROM public.resource_assignments, public.project_phases")
            .await
            .unwrap();
        both.execute("BEGIN; SELECT count(*) FROM public.resource_assignments").await.unwrap();
        let write = "UPDATE public.resource_assignments SET allocation_percentage = 77
                      WHERE id = (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 1); COMMIT";
        let (written, ()) = tokio::join!(both.execute(write), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            log.execute("COMMIT").await.unwrap();
        });
        written.unwrap();
    };
    let (_, ()) = tokio::join!(run(&database, &progress), changes);
    let written = database.psql("SELECT count(*) FROM resource_assignments WHERE allocation_percentage = 77");
    assert_eq!(written.trim(), "1");
    assert_verified(database.url()).await;
}
