//! A rebuild sets `project_phases` to the fold of the log: the parallel fold equals the serial one and the inline
//! projection, after any change of the rows and during concurrent sessions.

mod concurrent_changes;
mod damage;
mod damaged_log;
mod foreign_rows;
mod lost_rows;

use crate::fixture::{assert_verified, handle, migrated, store};
use crate::projection::{projects, write};
use phaseline_domain::ProjectId;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_projections::rebuild::{RebuildOptions, Rebuilt, rebuild};
use phaseline_projections::{FoldedLog, drift};
use phaseline_store::parallel::{Readers, export_snapshot};
use phaseline_store::{Metadata, StoreError};
use sqlx::{Connection, PgConnection};
use std::collections::HashSet;

async fn connection(database: &TestDatabase) -> PgConnection {
    handle(database.url()).connect("test").await.unwrap()
}

async fn connections(database: &TestDatabase, count: usize) -> Vec<PgConnection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(connection(database).await);
    }
    connections
}

/// An unchanged database in the timeline shape, cloned from a template that is created once per process.
fn timeline_shape(projects: u32) -> TestDatabase {
    let cluster = TestCluster::shared();
    let template = format!("rebuild_{projects}");
    cluster.template(&template, |url| {
        let url = url.to_owned();
        in_a_thread(async move || {
            let options = SampleOptions { projects, assignments: 20, seed: 410 };
            sample::create(&mut PgConnection::connect(&url).await.unwrap(), &options).await.unwrap();
            migrated(&url).await;
        });
    });
    cluster.database_from(&template)
}

/// Runs a future to its end on its own thread and runtime, since the caller may be inside a runtime.
fn in_a_thread(work: impl AsyncFnOnce() + Send + 'static) {
    std::thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
    })
    .join()
    .unwrap();
}

fn check() -> RebuildOptions {
    RebuildOptions { check: true, ..RebuildOptions::default() }
}

fn only(project: ProjectId) -> RebuildOptions {
    RebuildOptions { project: Some(project), ..RebuildOptions::default() }
}

fn deleting() -> RebuildOptions {
    RebuildOptions { delete_unknown: true, ..RebuildOptions::default() }
}

async fn try_rebuild(
    database: &TestDatabase,
    options: &RebuildOptions,
    progress: &dyn Progress,
) -> Result<Rebuilt, StoreError> {
    let readers = if options.project.is_none() { connections(database, 1).await } else { Vec::new() };
    rebuild(&mut connection(database).await, readers, options, progress).await
}

async fn rebuilt(database: &TestDatabase, options: &RebuildOptions) -> Rebuilt {
    try_rebuild(database, options, &Silent).await.unwrap_or_else(|error| panic!("rebuild: {error}"))
}

/// Every row of the table with its location and its writer: two results are equal only if no session wrote.
fn row_locations(database: &TestDatabase) -> String {
    database.psql("SELECT ctid, xmin, ph::text FROM public.project_phases ph ORDER BY ctid")
}

fn rows(database: &TestDatabase) -> String {
    database.psql("SELECT ph::text FROM public.project_phases ph ORDER BY id")
}

fn position(database: &TestDatabase) -> i64 {
    database.psql("SELECT max(position) FROM phaseline.events").trim().parse().unwrap()
}

async fn serial(database: &TestDatabase) -> FoldedLog {
    FoldedLog::read(&mut connection(database).await, None).await.unwrap()
}

async fn assert_no_drift(database: &TestDatabase) {
    let found =
        drift::find_drift(&mut connection(database).await, &serial(database).await, None).await.unwrap();
    assert_eq!(found, []);
}

/// The last `DriftRepaired`, and its metadata.
fn recorded(database: &TestDatabase) -> (serde_json::Value, String) {
    let one = database.psql(
        "SELECT payload::text, metadata::text FROM phaseline.events WHERE event_type = 'DriftRepaired'
          ORDER BY position DESC LIMIT 1",
    );
    let (payload, metadata) = one.trim().rsplit_once('|').unwrap();
    (serde_json::from_str(payload).unwrap(), metadata.to_owned())
}

/// Several concurrent writers with interleaved events.
async fn write_concurrently(database: &TestDatabase, seed: u64) {
    let (store, projects) = (store(database.url()).await, projects(database));
    let writers: Vec<_> =
        (0..3).map(|n| tokio::spawn(write(store.clone(), projects.clone(), seed + n, 14))).collect();
    for writer in writers {
        assert!(!writer.await.unwrap().accepted.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_parallel_fold_is_the_serial_one_and_the_inline_projection() {
    for seed in [401, 402] {
        let database = timeline_shape(5);
        write_concurrently(&database, seed).await;
        // The events of a repair are between those of timelines, as those of links and runs are.
        database.psql("UPDATE public.project_phases SET name = name || '?', description = NULL");
        assert!(rebuilt(&database, &RebuildOptions::default()).await.repair_id().is_some());
        write_concurrently(&database, seed * 31).await;

        let expected = serial(&database).await;
        assert!(expected.position > 50, "{} events", expected.position);
        let mut holder = connection(&database).await;
        let mut snapshot =
            holder.begin_with("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.unwrap();
        let exported = export_snapshot(&mut snapshot).await.unwrap();
        for (jobs, chunk) in [(1, 1), (1, 10_000), (2, 3), (3, 1), (3, 17), (8, 2)] {
            let readers = Readers::from(connections(&database, jobs).await).with_chunk(chunk);
            let found =
                FoldedLog::read_parallel(readers, &exported, HashSet::new(), expected.position, &Silent)
                    .await
                    .unwrap();
            assert_eq!(found.position, expected.position, "{jobs} jobs, chunks of {chunk}");
            assert!(found.timelines == expected.timelines, "seed {seed}, {jobs} jobs, chunks of {chunk}");
            assert_eq!(drift::compare_rows(&mut snapshot, &found).await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn a_rebuild_of_a_table_that_is_right_writes_nothing() {
    let database = timeline_shape(5);
    write_concurrently(&database, 410).await;
    let (before, rows) = (database.dump(&[]), row_locations(&database));
    for options in [RebuildOptions::default(), deleting(), check(), only(projects(&database)[0])] {
        let done = rebuilt(&database, &options).await;
        assert!(done.is_right() && done.repair_id().is_none() && done.differences.is_empty(), "{done:?}");
        assert_eq!((done.inserted(), done.updated(), done.deleted(), done.caught_up()), (0, 0, 0, 0));
        assert_eq!(done.position, position(&database));
    }
    let phases = database.psql("SELECT count(*) FROM public.project_phases");
    let whole = rebuilt(&database, &check()).await;
    assert_eq!((whole.projects, whole.phases.to_string().as_str()), (5, phases.trim()));
    assert_eq!(whole.events, position(&database).unsigned_abs());
    assert!(rows == row_locations(&database) && before == database.dump(&[]), "something was written");
}

/// More projects than a query names, and more missing rows than are listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_table_is_rebuilt_and_its_missing_rows_are_counted() {
    let database = timeline_shape(1_100);
    let good = rows(&database);
    let all = good.lines().count() as u64;
    assert!(all > 1_100);
    database.psql("TRUNCATE public.project_phases");
    let done = rebuilt(&database, &RebuildOptions::default()).await;
    assert_eq!(
        (done.inserted(), done.updated(), done.deleted(), done.differences.len() as u64),
        (all, 0, 0, all)
    );
    assert!(done.is_right());
    assert!(good == rows(&database), "the table is not what it was");
    let (payload, _) = recorded(&database);
    assert_eq!((&payload["missing_rows"], &payload["differences"]), (&all.into(), &serde_json::json!([])));

    // Differences with overwritten values are listed beside the count, in as many events as needed.
    database.psql(
        "DELETE FROM public.project_phases WHERE id IN
            (SELECT id FROM public.project_phases ORDER BY id OFFSET 30 LIMIT 1001);
         UPDATE public.project_phases SET name = 'by hand', description = 'too'",
    );
    let changed = all - 1001;
    let done = rebuilt(&database, &RebuildOptions::default()).await;
    assert_eq!((done.inserted(), done.updated()), (1001, changed));
    assert!(good == rows(&database), "the table is not what it was");
    let payloads = database.psql(&format!(
        "SELECT payload::text FROM phaseline.events WHERE stream_id = '{}' ORDER BY version",
        done.repair_id().unwrap()
    ));
    let payloads: Vec<serde_json::Value> =
        payloads.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(payloads[0]["missing_rows"], 1001);
    assert!(payloads[1..].iter().all(|payload| payload["missing_rows"].is_null()));
    let lists: Vec<_> = payloads.iter().map(|payload| payload["differences"].as_array().unwrap()).collect();
    assert!(lists.iter().all(|list| list.len() <= 1000));
    assert_eq!(lists.iter().map(|list| list.len() as u64).sum::<u64>(), 2 * changed);
    assert!(lists.iter().flat_map(|list| *list).all(|drift| drift["kind"]["kind"] == "field"));
    assert_verified(database.url()).await;
}

#[tokio::test]
async fn the_legacy_shape_is_refused() {
    let database = timeline_shape(5);
    crate::fixture::rolled_back(database.url()).await;
    let before = database.dump(&[]);
    for options in [RebuildOptions::default(), check()] {
        let refused = try_rebuild(&database, &options, &Silent).await;
        assert!(matches!(refused, Err(StoreError::NotAccepting)), "{refused:?}");
    }
    assert!(before == database.dump(&[]), "something was written");
}

#[tokio::test]
async fn a_row_that_a_trigger_changes_again_undoes_the_rebuild() {
    let database = timeline_shape(5);
    database.psql(
        "UPDATE public.project_phases SET name = 'by hand';
         CREATE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN new.name := 'meddled'; RETURN new; END $$;
         CREATE TRIGGER meddle BEFORE UPDATE ON public.project_phases FOR EACH ROW EXECUTE FUNCTION public.meddle()",
    );
    let before = database.dump(&[]);
    let refused = try_rebuild(&database, &RebuildOptions::default(), &Silent).await;
    assert!(matches!(refused, Err(StoreError::SelfCheck(_))), "{refused:?}");
    assert!(before == database.dump(&[]), "something was written");
}

fn metadata_of_ann() -> Metadata {
    Metadata { actor: Some("ann".to_owned()), reason: Some("night".to_owned()), ..Metadata::default() }
}
