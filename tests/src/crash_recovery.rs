//! Checks after a run was killed, cut off or lost its server: the database is in one shape and verifies, the next run
//! finishes, and a rollback restores the first dump. All of it in this process, for speed.

use crate::dump::{assert_same_dump, difference, state};
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::log::events::Direction;
use phaseline_migrator::migrate::{MigrateOptions, migrate};
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_migrator::rollback::{self, RollbackOptions, rollback};
use phaseline_migrator::run::Operator;
use phaseline_migrator::shape::Shape;
use phaseline_migrator::status::status;
use phaseline_migrator::verify::verify;
use phaseline_migrator::{Database, MigratorError};
use sqlx::PgConnection;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A database for interrupted runs: a template in each shape, and the state of each.
#[derive(Debug)]
pub struct RecoveryFixture {
    cluster: TestCluster,
    name: &'static str,
    legacy: DatabaseState,
    timelines: DatabaseState,
    loss: Option<String>,
    checks: AtomicUsize,
    /// The states in which runs left the database, by what [`left_state`] says of them.
    left: Mutex<HashSet<String>>,
}

/// The dump of a database, and the locations of its rows.
#[derive(Debug, PartialEq, Eq)]
struct DatabaseState {
    dump: String,
    row_locations: String,
}

/// The effects of an interrupted run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedRun {
    /// The database has the shape that the run was to establish.
    pub is_done: bool,
    /// Runs with the status killed.
    pub killed: usize,
    /// Runs with the status failed or interrupted.
    pub failed: usize,
}

/// Location and writer of every table and row of the planner: equal in copies of a template until
/// a session writes. Comparing dumps instead is much slower.
const ROW_LOCATIONS: &str = "
    SELECT string_agg(place, E'\\n' ORDER BY place) FROM (
        SELECT format('schema %s', nspname) FROM pg_namespace WHERE nspname <> 'phaseline'
        UNION ALL SELECT format('%s %s %s %s', c.oid, c.relname, c.relfilenode, c.relnatts) FROM pg_class c
            WHERE c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('phaseline', 'pg_toast'))
        UNION ALL SELECT format('projects %s %s %s', ctid, xmin, id) FROM public.projects
        UNION ALL SELECT format('phases %s %s %s', ctid, xmin, id) FROM public.project_phases
        UNION ALL SELECT format('assignments %s %s %s', ctid, xmin, id) FROM public.resource_assignments
        UNION ALL SELECT format('revision %s %s', ctid, xmin) FROM public.alembic_version) AS places (place)";

/// One of this many checks of a migration also rolls back; for the others it is enough that the next run leads to the dump
/// from which the rollback was checked.
const ROLLBACK_EVERY: usize = 4;

/// Of the statements at which a run's sessions ended while the server went on, one of this many is followed by the next run, which can see
/// nothing but the database: its planner's tables are compared row by row, the rest as [`left_state`] says. Also followed are the first
/// one that leaves a new state, and all behind the commit.
const NEXT_RUN_EVERY: usize = 4;

/// The objects of the log's schema, and the sequences of all schemas, whose values no end of a transaction takes back.
const LOG_OBJECTS: &str = "
    SELECT coalesce(string_agg(what, E'\\n' ORDER BY what), '') FROM (
        SELECT format('%s %s %s', relkind, relname, relnatts) FROM pg_class WHERE relnamespace = to_regnamespace('phaseline')
        UNION ALL SELECT format('function %s %s', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = to_regnamespace('phaseline')
        UNION ALL SELECT format('trigger %s on %s %s', tgname, tgrelid::regclass, tgenabled) FROM pg_trigger
        UNION ALL SELECT format('constraint %s on %s %s', conname, conrelid::regclass, convalidated) FROM pg_constraint
        UNION ALL SELECT format('sequence %s.%s %s', schemaname, sequencename, last_value) FROM pg_sequences) AS objects (what)";

/// Whether every boundary of a run is checked, even those without effect, and every rollback.
pub fn is_thorough() -> bool {
    std::env::var_os("PHASELINE_EVERY_BOUNDARY").is_some()
}

impl RecoveryFixture {
    /// A legacy database that `build` creates at a URL, migrated for the rollback.
    pub fn new(cluster: &TestCluster, name: &'static str, build: impl Fn(&str)) -> Self {
        Self::edited(cluster, name, build, |_| ())
    }

    /// The same with edits in the timeline shape, which the rollback loses.
    pub fn edited(
        cluster: &TestCluster,
        name: &'static str,
        build: impl Fn(&str),
        edit: impl Fn(&str),
    ) -> Self {
        cluster.template(&template(name, Direction::Migrate), &build);
        cluster.template(&template(name, Direction::Rollback), |url| {
            build(url);
            in_runtime(run(url, Direction::Migrate, None, &Silent)).unwrap();
            edit(url);
        });
        let legacy = DatabaseState::of(&cluster.database_from(&template(name, Direction::Migrate)));
        let database = cluster.database_from(&template(name, Direction::Rollback));
        let timelines = DatabaseState::of(&database);
        assert_ne!(legacy, timelines);
        let loss = in_runtime(loss(database.url())).unwrap();
        in_runtime(run(database.url(), Direction::Rollback, loss.clone(), &Silent)).unwrap();
        let back = state(database.url());
        if loss.is_none() {
            assert_same_dump(&legacy.dump, &back);
        }
        // After edits the rollback always has the same result.
        let legacy = DatabaseState { dump: back, ..legacy };
        let (checks, left) = (AtomicUsize::new(0), Mutex::default());
        Self { cluster: cluster.clone(), name, legacy, timelines, loss, checks, left }
    }

    /// A new copy in the shape that this direction starts from.
    pub fn database(&self, direction: Direction) -> TestDatabase {
        self.cluster.database_from(&template(self.name, direction))
    }

    /// The digest of the rollback's loss; none if nothing is lost.
    pub fn loss(&self) -> Option<&str> {
        self.loss.as_deref()
    }

    /// A complete run.
    pub async fn run(
        &self,
        url: &str,
        direction: Direction,
        progress: &dyn Progress,
    ) -> Result<(), MigratorError> {
        run(url, direction, self.loss.clone(), progress).await
    }

    /// Checks all invariants after a run was stopped; `when` names the moment in a failure's message.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub fn check(&self, database: &TestDatabase, direction: Direction, when: &str) -> StoppedRun {
        self.check_followed(database, direction, when, true)
    }

    /// The same after a run's sessions ended at a statement while the server went on. The next run follows after one of
    /// four, the first that leaves a new state, and all behind the commit.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub fn check_ended_sessions(
        &self,
        database: &TestDatabase,
        direction: Direction,
        (statement, when): (usize, &str),
    ) -> StoppedRun {
        // The statements are those of one remainder of four.
        let is_followed = is_thorough() || (statement / 4).is_multiple_of(NEXT_RUN_EVERY);
        self.check_followed(database, direction, when, is_followed)
    }

    fn check_followed(
        &self,
        database: &TestDatabase,
        direction: Direction,
        when: &str,
        is_followed: bool,
    ) -> StoppedRun {
        let url = database.url();
        let checked = async {
            wait_for_disconnects(url).await?;
            let stopped = self.inspect(url, direction).await?;
            assert_verified(url, "as it was left").await?;
            if !is_followed && !stopped.is_done && !self.is_new(left_state(url).await?) {
                return Ok(stopped);
            }
            self.run(url, direction, &Silent)
                .await
                .map_err(|error| format!("the next run: {error}\n{error:#?}"))?;
            assert_verified(url, "after the next run").await?;
            let rolls_back =
                is_thorough() || self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(ROLLBACK_EVERY);
            match direction {
                Direction::Migrate if rolls_back => self.roll_back(url).await?,
                Direction::Migrate => compare_dump(&self.timelines.dump, url, "after the next run")?,
                Direction::Rollback => compare_dump(&self.legacy.dump, url, "after the next run")?,
            }
            Ok(stopped)
        };
        in_runtime(checked).unwrap_or_else(|error: String| panic!("{direction:?}, {when}: {error}"))
    }

    /// The same after the next run has finished already.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub fn check_finished(&self, database: &TestDatabase, direction: Direction, when: &str) {
        let url = database.url();
        let checked = async {
            assert_verified(url, "after the next run").await?;
            match direction {
                Direction::Migrate => self.roll_back(url).await,
                Direction::Rollback => compare_dump(&self.legacy.dump, url, "after the next run"),
            }
        };
        in_runtime(checked).unwrap_or_else(|error| panic!("{direction:?}, finished after {when}: {error}"));
    }

    async fn roll_back(&self, url: &str) -> Result<(), String> {
        self.run(url, Direction::Rollback, &Silent)
            .await
            .map_err(|error| format!("the rollback: {error}\n{error:#?}"))?;
        assert_verified(url, "after the rollback").await?;
        compare_dump(&self.legacy.dump, url, "after the rollback")
    }

    /// Whether no run left the database in this state before.
    fn is_new(&self, state: String) -> bool {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).insert(state)
    }

    /// The shape, compared with the dump before, and the status.
    async fn inspect(&self, url: &str, direction: Direction) -> Result<StoppedRun, String> {
        let mut connection = connect(url).await?;
        let status = status(&mut connection).await.map_err(|error| format!("status: {error}"))?;
        let (is_done, before) = match (status.shape, direction) {
            (Shape::Legacy, Direction::Migrate) => (false, &self.legacy),
            (Shape::Timelines, Direction::Rollback) => (false, &self.timelines),
            (Shape::Timelines, Direction::Migrate) | (Shape::Legacy, Direction::Rollback) => {
                (true, &self.legacy)
            }
            (Shape::Unknown, _) => return Err(format!("neither shape: {status:#?}")),
        };
        if !is_done && row_locations(&mut connection).await? != before.row_locations {
            compare_dump(&before.dump, url, "as it was left")?;
            return Err("rows were written although the run was not done".to_owned());
        }
        if let Some(running) = &status.running {
            return Err(format!("still running: {running}"));
        }
        let with = |outcomes: &[&str]| {
            status.runs.iter().filter(|run| outcomes.contains(&run.outcome.to_string().as_str())).count()
        };
        let stopped =
            StoppedRun { is_done, killed: with(&["killed"]), failed: with(&["failed", "interrupted"]) };
        let done = with(&["done"]) == usize::from(direction == Direction::Rollback) + usize::from(is_done);
        if done && stopped.killed + stopped.failed <= 1 {
            Ok(stopped)
        } else {
            Err(format!("status: {:#?}", status.runs))
        }
    }
}

impl DatabaseState {
    fn of(database: &TestDatabase) -> Self {
        let row_locations = async { row_locations(&mut connect(database.url()).await?).await };
        Self { dump: state(database.url()), row_locations: in_runtime(row_locations).unwrap() }
    }
}

fn template(fixture: &str, direction: Direction) -> String {
    format!("{fixture}_to_{direction:?}").to_lowercase()
}

fn handle(url: &str) -> Database {
    Database::new(url.parse().unwrap())
}

async fn connect(url: &str) -> Result<PgConnection, String> {
    handle(url).connect("crash_recovery").await.map_err(|error| error.to_string())
}

async fn row_locations(connection: &mut PgConnection) -> Result<String, String> {
    sqlx::query_scalar(ROW_LOCATIONS).fetch_one(connection).await.map_err(|error| error.to_string())
}

/// What a stopped run left: the rows of the planner's tables with their places, the objects of the log's schema, the number of rows of each
/// of its tables, and the positions and types of the events, whose contents differ from run to run.
async fn left_state(url: &str) -> Result<String, String> {
    let mut connection = connect(url).await?;
    let mut state = row_locations(&mut connection).await?;
    let mut queries = vec![LOG_OBJECTS.to_owned()];
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I', relname) FROM pg_class WHERE relnamespace = to_regnamespace('phaseline') AND relkind = 'r' ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(|error| error.to_string())?;
    for table in tables {
        queries.push(format!("SELECT count(*)::text FROM phaseline.{table}"));
        if table == "events" {
            let events = "SELECT string_agg(format('%s %s %s', position, stream_type, event_type), ' ' ORDER BY position) FROM phaseline.events";
            queries.push(events.to_owned());
        }
    }
    for query in queries {
        let found: Option<String> =
            sqlx::query_scalar(&query).fetch_one(&mut connection).await.map_err(|error| error.to_string())?;
        state.push('\n');
        state.push_str(&found.unwrap_or_default());
    }
    Ok(state)
}

/// Waits until the server has detected the end of its clients.
async fn wait_for_disconnects(url: &str) -> Result<(), String> {
    let mut connection = connect(url).await?;
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let others: Vec<String> = sqlx::query_scalar(
            "SELECT application_name FROM pg_catalog.pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid()",
        )
        .fetch_all(&mut connection)
        .await
        .map_err(|error| error.to_string())?;
        if others.is_empty() {
            return Ok(());
        }
        if Instant::now() > patience {
            return Err(format!("the server still has {others:?}"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run(
    url: &str,
    direction: Direction,
    accept_loss: Option<String>,
    progress: &dyn Progress,
) -> Result<(), MigratorError> {
    let operator = Operator { actor: "crash_recovery".to_owned(), host: "test".to_owned(), reason: None };
    let lock_timeout = Duration::from_secs(60);
    match direction {
        Direction::Migrate => {
            let plan = PlanOptions::default();
            let options = MigrateOptions { plan, expected_digest: None, lock_timeout, operator };
            migrate(&handle(url), &options, progress).await.map(|_| ())
        }
        Direction::Rollback => {
            let options = RollbackOptions { lock_timeout, operator, accept_loss };
            rollback(&handle(url), &options, progress).await.map(|_| ())
        }
    }
}

async fn loss(url: &str) -> Result<Option<String>, MigratorError> {
    let mut connection = handle(url).connect("crash_recovery").await?;
    Ok(rollback::plan(&mut connection).await?.loss.digest)
}

async fn assert_verified(url: &str, when: &str) -> Result<(), String> {
    let mut connection = connect(url).await?;
    let found = verify(&mut connection, &Silent).await.map_err(|error| format!("verify {when}: {error}"))?;
    if found.passed {
        return Ok(());
    }
    let failed: Vec<_> = found.checks.iter().filter(|check| !check.passed).collect();
    Err(format!("verify fails {when}: {failed:#?}"))
}

fn compare_dump(expected: &str, url: &str, when: &str) -> Result<(), String> {
    match difference(expected, &state(url)) {
        None => Ok(()),
        Some(difference) => Err(format!("the dumps differ {when}\n{difference}")),
    }
}

/// Runs a future to its end, outside of any runtime.
pub fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
