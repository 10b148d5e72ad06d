//! Rows that change repeatedly: they stay on their pages, and while a session holds an old snapshot they are found by
//! location.

use crate::fixture::{assert_verified, handle, migrated, sample, sample_on, store};
use phaseline_domain::{PhaseId, ProjectId, TimelineCommand};
use phaseline_embedded::testing::{TestCluster, TestDatabase, TestOptions};
use phaseline_projections::{FoldedLog, ProjectPhases, drift};
use phaseline_store::{Metadata, TimelineStore};
use sqlx::PgConnection;
use std::time::Duration;

/// Longer than the age from which a snapshot counts as old.
const OLD: Duration = Duration::from_millis(2_300);

fn fixture(projects: u32, seed: u64) -> TestDatabase {
    sample(projects, u64::from(projects), seed)
}

/// All phases, by project.
fn phases(database: &TestDatabase) -> Vec<(ProjectId, PhaseId)> {
    let rows = database.psql("SELECT project_id, id FROM public.project_phases ORDER BY project_id, id");
    let both = rows.lines().map(|row| row.split_once('|').unwrap());
    both.map(|(project, phase)| (project.parse().unwrap(), phase.parse().unwrap())).collect()
}

async fn rename(store: &TimelineStore<ProjectPhases>, (project, phase_id): (ProjectId, PhaseId), name: &str) {
    let command = TimelineCommand::RenamePhase { phase_id, name: name.to_owned() };
    store.execute(project, &command, Metadata::default()).await.unwrap();
}

/// A session with a snapshot that keeps all dead versions alive, and no lock.
async fn holder(database: &TestDatabase) -> PgConnection {
    let mut holder = handle(database.url()).connect("test").await.unwrap();
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").execute(&mut holder).await.unwrap();
    holder
}

/// Statistics of `project_phases`: versions written, those that stayed on their page, and searches by id; as soon as
/// this many versions are counted, since writing sessions report statistics late.
async fn count_updates(database: &TestDatabase, updates: i64) -> (i64, i64, i64) {
    let began = std::time::Instant::now();
    loop {
        let row = database.psql(
            "SELECT t.n_tup_upd, t.n_tup_hot_upd, sum(i.idx_scan) FROM pg_stat_user_tables t
               JOIN pg_stat_user_indexes i ON i.relid = t.relid
              WHERE t.relname = 'project_phases' AND i.indexrelname IN ('project_phases_pkey', 'ix_project_phases_id')
              GROUP BY 1, 2",
        );
        let numbers: Vec<i64> = row.trim().split('|').map(|number| number.parse().unwrap()).collect();
        let [updated, hot, searched] = numbers[..] else { panic!("{row}") };
        if updated >= updates {
            return (updated, hot, searched);
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{updated} of {updates} versions are counted");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The store's session reports its statistics when it writes again after a second.
async fn report_statistics(store: &TimelineStore<ProjectPhases>, target: (ProjectId, PhaseId)) {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    rename(store, target, &uuid::Uuid::new_v4().to_string()).await;
}

async fn assert_no_drift(database: &TestDatabase) {
    let mut connection = handle(database.url()).connect("test").await.unwrap();
    let log = FoldedLog::read(&mut connection, None).await.unwrap();
    assert_eq!(drift::compare_rows(&mut connection, &log).await.unwrap(), []);
    assert_verified(database.url()).await;
}

/// Pages that are full, and each row on them changed ten times. On a server of its own: a transaction in any database of a server is
/// in each snapshot that is taken meanwhile, so it keeps dead versions everywhere.
#[tokio::test]
async fn rows_that_change_stay_on_their_pages() {
    let cluster = TestCluster::start(TestOptions::default());
    let database = sample_on(&cluster, 100, 100, 131);
    migrated(database.url()).await;
    let targets = phases(&database);
    assert!(targets.len() > 100, "{} phases fit on one page", targets.len());
    let store = store(database.url()).await;
    let written = 10 * i64::try_from(targets.len()).unwrap();
    let (before, hot_before, _) = count_updates(&database, 0).await;
    for round in 0..10 {
        for target in &targets {
            rename(&store, *target, &format!("Round {round}")).await;
        }
    }
    report_statistics(&store, targets[0]).await;
    let (after, hot_after, _) = count_updates(&database, before + written).await;
    let (updated, hot) = (after - before, hot_after - hot_before);
    assert!(hot * 10 > updated * 9, "of {updated} versions {hot} stayed on their page");
    assert_no_drift(&database).await;
}

/// There is no search by id while a snapshot is held, and there are searches again after its end.
#[tokio::test]
async fn during_a_snapshot_rows_are_found_by_location() {
    let database = fixture(4, 132);
    migrated(database.url()).await;
    let targets = phases(&database);
    let store = store(database.url()).await;
    let holder = holder(&database).await;
    rename(&store, targets[0], "Before").await;
    tokio::time::sleep(OLD).await;
    // The first of these detects the snapshot; the second sends locations.
    for round in ["First", "Second"] {
        for target in &targets {
            rename(&store, *target, round).await;
        }
    }
    let settled = i64::try_from(targets.len()).unwrap() * 2 + 1;
    report_statistics(&store, targets[0]).await;
    let (before, _, searches_before) = count_updates(&database, settled + 1).await;
    for round in 0..20 {
        for target in &targets {
            rename(&store, *target, &format!("Round {round}")).await;
        }
    }
    report_statistics(&store, targets[0]).await;
    let written = i64::try_from(targets.len()).unwrap() * 20;
    let (after, _, searches_after) = count_updates(&database, before + written).await;
    let searches = searches_after - searches_before;
    assert!(searches * 20 < after - before, "{searches} searches for {} versions", after - before);

    sqlx::Connection::close(holder).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    rename(&store, targets[0], "Released").await;
    for target in &targets {
        rename(&store, *target, "After").await;
    }
    report_statistics(&store, targets[0]).await;
    let released = i64::try_from(targets.len()).unwrap();
    let (_, _, searches_now) = count_updates(&database, after + released).await;
    assert!(searches_now - searches_after >= released, "{} searches", searches_now - searches_after);
    assert_no_drift(&database).await;
}

/// Cached locations that became wrong by changes of others.
#[tokio::test]
async fn moved_rows_are_found_by_id_during_a_snapshot() {
    let database = fixture(4, 133);
    migrated(database.url()).await;
    let targets = phases(&database);
    let store = store(database.url()).await;
    let _holder = holder(&database).await;
    tokio::time::sleep(OLD).await;
    for name in ["First", "Second", "By location"] {
        for target in &targets {
            rename(&store, *target, name).await;
        }
    }
    database.psql("UPDATE public.project_phases SET name = name");
    rename(&store, targets[0], "B").await;
    database.psql("VACUUM FULL public.project_phases");
    // The location may have another row now.
    for target in &targets {
        rename(&store, *target, "C").await;
    }
    assert_no_drift(&database).await;
    assert_eq!(phases(&database).len(), targets.len());
}

/// The migrated table gets a fillfactor, unless it had one; the restored table has its own.
#[tokio::test]
async fn the_migrated_table_has_a_fillfactor_and_the_restored_one_has_none() {
    let options = |database: &TestDatabase| {
        database
            .psql("SELECT reloptions FROM pg_class WHERE oid = 'public.project_phases'::regclass")
            .trim()
            .to_owned()
    };
    for (own, migrated_to) in [("", "{fillfactor=25}"), ("{fillfactor=80}", "{fillfactor=80}")] {
        let database = fixture(4, 134);
        if !own.is_empty() {
            database.psql("ALTER TABLE public.project_phases SET (fillfactor = 80)");
        }
        migrated(database.url()).await;
        assert_eq!(options(&database), migrated_to);
        crate::fixture::rolled_back(database.url()).await;
        assert_eq!(options(&database), own);
    }
    // A value set meanwhile is kept.
    let database = fixture(4, 134);
    migrated(database.url()).await;
    database.psql("ALTER TABLE public.project_phases SET (fillfactor = 60)");
    crate::fixture::rolled_back(database.url()).await;
    assert_eq!(options(&database), "{fillfactor=60}");
}

/// Both a snapshot and the id of a transaction without a snapshot keep dead versions.
#[tokio::test]
async fn only_sessions_that_keep_dead_versions_count_as_oldest_snapshot() {
    let database = fixture(4, 135);
    migrated(database.url()).await;
    let mut own = handle(database.url()).connect("test").await.unwrap();
    let mut age = async || phaseline_store::schema::oldest_snapshot(&mut own).await.unwrap();
    assert_eq!(age().await, None);
    for keeps in ["BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1", "BEGIN; SELECT pg_current_xact_id()"] {
        let mut holder = handle(database.url()).connect("test").await.unwrap();
        sqlx::raw_sql(keeps).execute(&mut holder).await.unwrap();
        assert!(age().await.is_some_and(|age| age >= 0.0), "{keeps}");
        sqlx::raw_sql("ROLLBACK; BEGIN; SELECT 1").execute(&mut holder).await.unwrap();
        assert_eq!(age().await, None, "after {keeps}");
        sqlx::Connection::close(holder).await.unwrap();
    }
}
