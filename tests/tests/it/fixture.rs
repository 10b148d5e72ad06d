//! Shared code of the end-to-end tests: databases, and the migrator's commands on them.

use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::migrate::{MigrateOptions, Migrated, migrate};
use phaseline_migrator::plan::{Plan, PlanOptions, plan};
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{RollbackOptions, RolledBack, rollback};
use phaseline_migrator::run::Operator;
use phaseline_migrator::sample::{self, SampleOptions};
use phaseline_migrator::verify::{Verification, verify, verify_expecting};
use phaseline_migrator::{Database, MigratorError};
use phaseline_projections::ProjectPhases;
use phaseline_store::TimelineStore;
use phaseline_tests::crash_recovery::in_runtime;
use phaseline_tests::dump::{assert_same_dump, dump};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};
use std::path::PathBuf;
use std::time::Duration;

/// The real legacy database if it is available; prints a note otherwise.
pub(crate) fn planner_sql() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/legacy/planner.sql");
    if !path.exists() {
        eprintln!("SKIPPED: {} is not here; the same is tested on generated databases", path.display());
        return None;
    }
    Some(path)
}

pub(crate) fn database_from(sql: &str) -> TestDatabase {
    let database = TestCluster::shared().database();
    phaseline_tests::script::load(database.url(), [sql]);
    database
}

pub(crate) fn handle(url: &str) -> Database {
    Database::new(url.parse().expect("the test cluster's url"))
}

pub(crate) fn operator() -> Operator {
    Operator { actor: "tester@test".to_owned(), host: "test".to_owned(), reason: None }
}

pub(crate) async fn plan_of(url: &str) -> Plan {
    let mut connection = handle(url).connect("test").await.expect("connect");
    plan(&mut connection, &PlanOptions::default()).await.expect("plan")
}

pub(crate) fn migrate_options() -> MigrateOptions {
    MigrateOptions {
        plan: PlanOptions::default(),
        expected_digest: None,
        lock_timeout: Duration::from_secs(60),
        operator: operator(),
    }
}

pub(crate) async fn try_migrate(url: &str) -> Result<Migrated, MigratorError> {
    migrate(&handle(url), &migrate_options(), &Silent).await
}

pub(crate) async fn migrated(url: &str) -> Migrated {
    try_migrate(url).await.unwrap_or_else(|error| panic!("migrate: {error}\n{error:#?}"))
}

pub(crate) async fn try_rollback(url: &str) -> Result<RolledBack, MigratorError> {
    let options =
        RollbackOptions { lock_timeout: Duration::from_secs(60), operator: operator(), accept_loss: None };
    rollback(&handle(url), &options, &Silent).await
}

pub(crate) async fn rolled_back(url: &str) -> RolledBack {
    try_rollback(url).await.unwrap_or_else(|error| panic!("rollback: {error}\n{error:#?}"))
}

pub(crate) async fn verified(url: &str) -> Verification {
    let mut connection = handle(url).connect("test").await.expect("connect");
    verify(&mut connection, &Silent).await.expect("verify")
}

/// The same with two further connections that read the log; fails unless the result is that of one connection alone.
pub(crate) async fn verified_by_several(url: &str) -> Verification {
    let database = handle(url);
    let mut connection = database.connect("test").await.expect("connect");
    let readers = vec![
        database.connect("test reader").await.expect("connect"),
        database.connect("test reader").await.expect("connect"),
    ];
    let found = verify_expecting(&mut connection, readers, &[], &Silent).await.expect("verify");
    let alone = verified(url).await;
    assert_eq!((found.shape, found.passed, found.head), (alone.shape, alone.passed, alone.head));
    assert_eq!(found.checks, alone.checks);
    // Some notes have times that go on.
    let words = |notes: &[String]| notes.join(" ").replace(|digit: char| digit.is_ascii_digit(), "");
    assert_eq!(words(&found.notes), words(&alone.notes));
    found
}

/// Verifies; fails with the failed checks.
pub(crate) async fn assert_verified(url: &str) {
    let found = verified(url).await;
    let failed: Vec<_> = found.checks.iter().filter(|check| !check.passed).collect();
    assert!(found.passed, "{failed:#?}");
}

/// Migrates and rolls back twice: each time all is verified, and the dump is the same again.
pub(crate) async fn assert_round_trips(database: &TestDatabase) {
    let plan = plan_of(database.url()).await;
    assert!(plan.ready, "{:?}", plan.anomalies);
    assert_round_trips_with(database, |_| String::new()).await;
}

/// The same for what `state` returns beside the dump.
pub(crate) async fn assert_round_trips_with(
    database: &TestDatabase,
    state: impl Fn(&TestDatabase) -> String,
) {
    let (before, state_before) = (dump(database.url()), state(database));
    for _ in 0..2 {
        migrated(database.url()).await;
        assert_verified(database.url()).await;
        rolled_back(database.url()).await;
        assert_verified(database.url()).await;
        assert_same_dump(&before, &dump(database.url()));
        assert_same_dump(&state_before, &state(database));
    }
}

/// The store over its own pool.
pub(crate) async fn store(url: &str) -> TimelineStore<ProjectPhases> {
    let options = url.parse().expect("the test cluster's url");
    let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await.expect("connect");
    TimelineStore::new(pool, ProjectPhases)
}

/// A sample legacy database, cloned from a template that is created once per process.
pub(crate) fn sample(projects: u32, assignments: u64, seed: u64) -> TestDatabase {
    sample_on(TestCluster::shared(), projects, assignments, seed)
}

/// The same on this cluster.
pub(crate) fn sample_on(cluster: &TestCluster, projects: u32, assignments: u64, seed: u64) -> TestDatabase {
    let template = format!("sample_{projects}_{assignments}_{seed}");
    cluster.template(&template, |url| in_own_thread(|| create_sample(url, projects, assignments, seed)));
    cluster.database_from(&template)
}

/// [`sample`] in the timeline shape, cloned from a template that is migrated once per process.
pub(crate) fn migrated_sample(projects: u32, assignments: u64, seed: u64) -> TestDatabase {
    let template = format!("migrated_sample_{projects}_{assignments}_{seed}");
    let build = async |url: &str| {
        create_sample(url, projects, assignments, seed).await;
        migrated(url).await;
    };
    TestCluster::shared().template(&template, |url| in_own_thread(|| build(url)));
    TestCluster::shared().database_from(&template)
}

/// [`migrated_sample`] after a rollback.
pub(crate) fn rolled_back_sample(projects: u32, assignments: u64, seed: u64) -> TestDatabase {
    let template = format!("rolled_back_sample_{projects}_{assignments}_{seed}");
    let build = async |url: &str| {
        create_sample(url, projects, assignments, seed).await;
        migrated(url).await;
        rolled_back(url).await;
    };
    TestCluster::shared().template(&template, |url| in_own_thread(|| build(url)));
    TestCluster::shared().database_from(&template)
}

async fn create_sample(url: &str, projects: u32, assignments: u64, seed: u64) {
    let options = SampleOptions { projects, assignments, seed };
    let mut connection = PgConnection::connect(url).await.expect("connect");
    sample::create(&mut connection, &options).await.expect("sample");
    connection.close().await.expect("close");
}

/// Runs what builds a template in a thread of its own, since the caller may be inside a runtime.
fn in_own_thread<F: Future<Output = ()>>(build: impl FnOnce() -> F + Send) {
    std::thread::scope(|scope| scope.spawn(|| in_runtime(build())).join().expect("the template is built"));
}
