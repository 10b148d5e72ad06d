//! What must hold after a run of the program was killed or cut off: the database is in one shape, is verified as it
//! stands, the next run finishes, and going back leaves the first dump. All of it in this process, for speed.

use crate::boundaries::is_thorough;
use crate::program::phaseline;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::migrate::{MigrateOptions, migrate};
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::Silent;
use phaseline_migrator::rollback::{RollbackOptions, rollback};
use phaseline_migrator::run::Operator;
use phaseline_migrator::shape::Shape;
use phaseline_migrator::status::status;
use phaseline_migrator::verify::verify;
use phaseline_migrator::{Database, MigratorError};
use phaseline_tests::dump::{difference, state};
use sqlx::PgConnection;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Which way the run went that did not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Migrate,
    Rollback,
}

impl Way {
    /// The program, on a database.
    pub(crate) fn command(self, url: &str) -> Command {
        let name = match self {
            Self::Migrate => "migrate",
            Self::Rollback => "rollback",
        };
        let mut command = phaseline(&[name, "--yes"]);
        command.env("DATABASE_URL", url);
        command
    }
}

/// A database that runs are killed on: a template in each shape, and what each looks like.
pub(crate) struct Ground {
    name: &'static str,
    legacy: Look,
    timelines: Look,
    checks: AtomicUsize,
}

fn template(ground: &str, way: Way) -> String {
    format!("{ground}_to_{way:?}").to_lowercase()
}

/// What a database looks like.
#[derive(PartialEq, Eq)]
struct Look {
    dump: String,
    places: String,
}

/// Where every table and every row of the planner's lies and who wrote it: copies of a template agree in it until
/// somebody writes. A dump says the same of what is in them and takes ten times as long.
const PLACES: &str = "
    SELECT string_agg(place, E'\\n' ORDER BY place) FROM (
        SELECT format('schema %s', nspname) FROM pg_namespace WHERE nspname NOT IN ('phaseline')
        UNION ALL SELECT format('%s %s %s %s', c.oid, c.relname, c.relfilenode, c.relnatts) FROM pg_class c
            WHERE c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN ('phaseline', 'pg_toast'))
        UNION ALL SELECT format('projects %s %s %s', ctid, xmin, id) FROM public.projects
        UNION ALL SELECT format('phases %s %s %s', ctid, xmin, id) FROM public.project_phases
        UNION ALL SELECT format('assignments %s %s %s', ctid, xmin, id) FROM public.resource_assignments
        UNION ALL SELECT format('revision %s %s', ctid, xmin) FROM public.alembic_version) AS places (place)";

/// One of so many kills of a migration is followed by a rollback too; of the others it is enough that the next run
/// comes to the dump that a rollback is known to bring back from.
const ONE_BACK_OF: usize = 4;

/// What a run left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// The shape that the run was to bring about is there.
    pub(crate) is_done: bool,
    /// Runs that the status calls killed.
    pub(crate) killed: usize,
}

impl Ground {
    /// Made by `build` once per process, then migrated for the way back.
    pub(crate) fn new(name: &'static str, build: impl Fn(&str)) -> Self {
        let cluster = TestCluster::shared();
        cluster.template(&template(name, Way::Migrate), &build);
        cluster.template(&template(name, Way::Rollback), |url| {
            build(url);
            in_runtime(run(url, Way::Migrate)).unwrap();
        });
        let look = |way| Look::of(&cluster.database_from(&template(name, way)));
        let ground = Self {
            name,
            legacy: look(Way::Migrate),
            timelines: look(Way::Rollback),
            checks: AtomicUsize::new(0),
        };
        assert!(ground.legacy != ground.timelines);
        ground
    }

    /// A fresh one, in the shape that this way starts from.
    pub(crate) fn database(&self, way: Way) -> TestDatabase {
        TestCluster::shared().database_from(&template(self.name, way))
    }

    /// Fails unless all holds after a run that way was stopped; `when` says in the failure's message where.
    pub(crate) fn check(&self, database: &TestDatabase, way: Way, when: &str) -> Left {
        let url = database.url();
        let checked = async {
            gone(url).await?;
            let left = self.looked_at(url, way).await?;
            verified(url, "as it was left").await?;
            run(url, way).await.map_err(|error| format!("the next run: {error}\n{error:#?}"))?;
            verified(url, "after the next run").await?;
            let backs =
                is_thorough() || self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONE_BACK_OF);
            match way {
                Way::Migrate if backs => self.back(url).await?,
                Way::Migrate => same(&self.timelines.dump, url, "after the next run")?,
                Way::Rollback => same(&self.legacy.dump, url, "after the next run")?,
            }
            Ok(left)
        };
        in_runtime(checked).unwrap_or_else(|error: String| panic!("{way:?}, {when}: {error}"))
    }

    /// Fails unless all holds after the next run that way finished.
    pub(crate) fn check_finished(&self, database: &TestDatabase, way: Way, when: &str) {
        let url = database.url();
        let checked = async {
            verified(url, "after the next run").await?;
            match way {
                Way::Migrate => self.back(url).await,
                Way::Rollback => same(&self.legacy.dump, url, "after the next run"),
            }
        };
        in_runtime(checked).unwrap_or_else(|error| panic!("{way:?}, finished after {when}: {error}"));
    }

    async fn back(&self, url: &str) -> Result<(), String> {
        run(url, Way::Rollback).await.map_err(|error| format!("the way back: {error}\n{error:#?}"))?;
        verified(url, "after the way back").await?;
        same(&self.legacy.dump, url, "after the way back")
    }

    /// The shape, with everything that belongs to it, and what the status says.
    async fn looked_at(&self, url: &str, way: Way) -> Result<Left, String> {
        let mut connection = connect(url).await?;
        let status = status(&mut connection).await.map_err(|error| format!("status: {error}"))?;
        let (is_done, before) = match (status.shape, way) {
            (Shape::Legacy, Way::Migrate) => (false, &self.legacy),
            (Shape::Timelines, Way::Rollback) => (false, &self.timelines),
            (Shape::Timelines, Way::Migrate) | (Shape::Legacy, Way::Rollback) => (true, &self.legacy),
            (Shape::Unknown, _) => return Err(format!("neither shape: {status:#?}")),
        };
        if !is_done && places(&mut connection).await? != before.places {
            same(&before.dump, url, "as it was left")?;
            return Err("rows were written although the run was not done".to_owned());
        }
        if let Some(running) = &status.running {
            return Err(format!("still running: {running}"));
        }
        let killed = status.runs.iter().filter(|run| run.outcome == "killed").count();
        Ok(Left { is_done, killed })
    }
}

impl Look {
    fn of(database: &TestDatabase) -> Self {
        let places = async { places(&mut connect(database.url()).await?).await };
        Self { dump: state(database.url()), places: in_runtime(places).unwrap() }
    }
}

async fn connect(url: &str) -> Result<PgConnection, String> {
    handle(url).connect("aftermath").await.map_err(|error| error.to_string())
}

async fn places(connection: &mut PgConnection) -> Result<String, String> {
    sqlx::query_scalar(PLACES).fetch_one(connection).await.map_err(|error| error.to_string())
}

/// Waits until the server has noticed that its clients are gone.
async fn gone(url: &str) -> Result<(), String> {
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

fn handle(url: &str) -> Database {
    Database::new(url.parse().unwrap())
}

/// A run to its end.
async fn run(url: &str, way: Way) -> Result<(), MigratorError> {
    let operator = Operator { actor: "after".to_owned(), host: "test".to_owned(), reason: None };
    let lock_timeout = Duration::from_secs(60);
    match way {
        Way::Migrate => {
            let plan = PlanOptions::default();
            let options = MigrateOptions { plan, expected_digest: None, lock_timeout, operator };
            migrate(&handle(url), &options, &Silent).await.map(|_| ())
        }
        Way::Rollback => {
            let options = RollbackOptions { lock_timeout, operator };
            rollback(&handle(url), &options, &Silent).await.map(|_| ())
        }
    }
}

async fn verified(url: &str, when: &str) -> Result<(), String> {
    let mut connection = connect(url).await?;
    let found = verify(&mut connection, &Silent).await.map_err(|error| format!("verify {when}: {error}"))?;
    if found.passed {
        return Ok(());
    }
    let failed: Vec<_> = found.checks.iter().filter(|check| !check.passed).collect();
    Err(format!("verify fails {when}: {failed:#?}"))
}

fn same(expected: &str, url: &str, when: &str) -> Result<(), String> {
    match difference(expected, &state(url)) {
        None => Ok(()),
        Some(difference) => Err(format!("the dumps differ {when}\n{difference}")),
    }
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
