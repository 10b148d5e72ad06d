//! Executes the steps in a database and in the model of the expected result.

use super::step::Step;
use crate::fixture::{handle, migrate_options, operator};
use chrono::{DateTime, NaiveDateTime, Utc};
use phaseline_domain::TimelineCommand;
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_migrator::MigratorError;
use phaseline_migrator::migrate::migrate;
use phaseline_migrator::plan::PlanOptions;
use phaseline_migrator::progress::{Progress, Silent};
use phaseline_projections::ProjectPhases;
use phaseline_store::TimelineStore;
use phaseline_tests::legacy::LegacyDatabase;
use phaseline_tests::model::{Edit, Model, Shape, Snapshot};
use phaseline_tests::script;
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use uuid::Uuid;

/// The outcome of a step, for the tally.
pub(crate) type Outcome = &'static str;

/// A difference between database and model.
pub(crate) type Difference = String;

/// A database and its model.
pub(crate) struct SystemUnderTest {
    pub(crate) database: TestDatabase,
    pub(crate) connection: PgConnection,
    pub(crate) store: TimelineStore<ProjectPhases>,
    pub(crate) model: Model,
    /// Whether the legacy tables were edited since the last run, so that they differ from the log.
    pub(crate) is_edited: bool,
}

/// Notifies after a number of progress calls.
struct KillAfter {
    left: AtomicU64,
    elapsed: Notify,
}

impl KillAfter {
    fn count_down(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.elapsed.notify_one();
        }
    }
}

impl Progress for KillAfter {
    fn step(&self, _name: &str, _total: Option<u64>) {
        self.count_down();
    }
    fn advance(&self, _done: u64) {
        self.count_down();
    }
    fn note(&self, _text: &str) {
        self.count_down();
    }
}

/// The end of a run that may have been killed.
pub(crate) enum RunEnd<T> {
    Completed(Result<T, MigratorError>),
    Killed,
}

impl SystemUnderTest {
    /// A loaded legacy database.
    pub(crate) async fn load(legacy: &LegacyDatabase) -> Self {
        let cluster = TestCluster::shared();
        let statements = legacy.statements();
        // The planner's empty tables are the same every time.
        let (schema, rows) = statements.split_at(3);
        cluster.template("planner_tables", |url| {
            script::load(url, schema.iter().cloned().chain([Edit::setup()]));
        });
        let database = cluster.database_from("planner_tables");
        // Planning of catalogue queries is a large part of a run on such small tables.
        let name = database.name();
        database.psql(&format!(
            "ALTER DATABASE {name} SET plan_cache_mode = force_generic_plan;
             ALTER DATABASE {name} SET join_collapse_limit = 1;
             ALTER DATABASE {name} SET from_collapse_limit = 1"
        ));
        let mut connection = connect(&database).await;
        for statement in rows {
            connection.execute(sqlx::raw_sql(statement)).await.unwrap_or_else(|e| panic!("{e}\n{statement}"));
        }
        let store = crate::fixture::store(database.url()).await;
        let mut system = Self {
            database,
            connection,
            store,
            model: Model::legacy(<_>::default(), vec![], vec![]),
            is_edited: false,
        };
        let found = super::read_tables::read(&mut system.connection, Shape::Old).await;
        system.model = Model::legacy(found.projects, found.old_rows, found.assignments);
        system
    }

    /// Executes a step in the database and in the model.
    pub(crate) async fn take(&mut self, step: &Step) -> Result<Outcome, Difference> {
        match step {
            Step::Migrate { repair, kill } => self.migrate(*repair, *kill).await,
            Step::RollBack { accept, kill } => self.roll_back(*accept, *kill).await,
            Step::Command { project, command } => self.command(*project, command).await,
            Step::FromTable { project, days } => {
                let (start_date, end_date) = (days.first, days.last);
                self.command(*project, &TimelineCommand::Reschedule { start_date, end_date }).await
            }
            Step::Adopt { repair } => super::adoption::adopt(self, *repair).await,
            Step::RepairDrift(project) => super::adoption::repair_drift(self, *project).await,
            Step::Edit { edit, .. } => self.edit(edit).await,
        }
    }

    async fn edit(&mut self, edit: &Edit) -> Result<Outcome, Difference> {
        let sql = format!("BEGIN; {} COMMIT", edit.sql(self.model.shape));
        self.connection.execute(sqlx::raw_sql(&sql)).await.map_err(|error| format!("{error}\n{sql}"))?;
        self.model.edit(edit);
        let found = super::read_tables::read(&mut self.connection, self.model.shape).await;
        let phases: Vec<Uuid> = found.old_rows.iter().map(|row| row.id).collect();
        let rests: Vec<_> = found.assignments.iter().map(|row| (row.id, row.rest.clone())).collect();
        self.model.observe(&phases, &rests);
        self.is_edited |= self.model.shape == Shape::Old;
        Ok("done")
    }

    async fn migrate(&mut self, repair: bool, kill: Option<u64>) -> Result<Outcome, Difference> {
        let expected = self.model.clone().migrate(repair, &<_>::default());
        let before = super::read_tables::last_position(&mut self.connection).await;
        let mut options = migrate_options();
        options.plan = PlanOptions { repair, ..PlanOptions::default() };
        let database = handle(self.database.url());
        let ended =
            self.run_or_kill(kill, async |progress| migrate(&database, &options, progress).await).await;
        let outcome = match ended {
            RunEnd::Killed if super::read_tables::shape(&mut self.connection).await == Shape::Old => {
                return Ok("killed, and nothing had happened");
            }
            RunEnd::Killed => "killed, and it was done already",
            RunEnd::Completed(Ok(_)) => "done",
            RunEnd::Completed(Err(MigratorError::Refused(plan))) => {
                let refused = plan.anomalies.iter().filter(|anomaly| anomaly.refused);
                let found: BTreeSet<(String, String)> = refused
                    .flat_map(|one| one.rows.iter().map(|row| (one.code.name().to_owned(), row.id)))
                    .collect();
                let expected = expected.err().into_iter().flatten();
                let expected: BTreeSet<(String, String)> =
                    expected.map(|one| (one.code.to_owned(), one.project.to_string())).collect();
                return if found == expected {
                    Ok("refused")
                } else {
                    Err(format!("refused for\n{found:#?}\nexpected\n{expected:#?}"))
                };
            }
            RunEnd::Completed(Err(error)) => return Err(format!("migrate: {error}\n{error:#?}")),
        };
        if let Err(findings) = expected {
            return Err(format!("migrated, but should have been refused for {findings:#?}"));
        }
        let times = super::read_tables::migration_times(&mut self.connection, before).await?;
        self.model.migrate(repair, &times).map_err(|findings| format!("{findings:?}"))?;
        self.is_edited = false;
        Ok(outcome)
    }

    async fn roll_back(&mut self, accept: bool, kill: Option<u64>) -> Result<Outcome, Difference> {
        super::rollback::step(self, accept, kill).await
    }

    /// Runs a future, and drops it after `kill` progress calls, as in a killed process.
    pub(crate) async fn run_or_kill<T>(
        &mut self,
        kill: Option<u64>,
        run: impl AsyncFnOnce(&dyn Progress) -> Result<T, MigratorError>,
    ) -> RunEnd<T> {
        let Some(signs) = kill else { return RunEnd::Completed(run(&Silent).await) };
        let kill_after = KillAfter { left: AtomicU64::new(signs), elapsed: Notify::new() };
        let ended = tokio::select! {
            biased;
            result = run(&kill_after) => RunEnd::Completed(result),
            () = kill_after.elapsed.notified() => RunEnd::Killed,
        };
        if matches!(ended, RunEnd::Killed) {
            let purpose = format!("%{}%", operator().actor);
            sqlx::query(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database()
                    AND pid <> pg_backend_pid() AND (application_name LIKE $1 OR application_name = 'phaseline watcher')",
            )
            .bind(purpose)
            .fetch_all(&mut self.connection)
            .await
            .expect("terminate");
        }
        ended
    }

    async fn command(&mut self, project: Uuid, command: &TimelineCommand) -> Result<Outcome, Difference> {
        use phaseline_store::{ExecuteError, Metadata};
        let expected = self.model.clone().command(project, command, NaiveDateTime::default());
        let before = super::read_tables::last_position(&mut self.connection).await;
        let result = self.store.execute(project.into(), command, Metadata::default()).await;
        match (expected, result) {
            (Err(_), Err(ExecuteError::Refused(_))) => Ok("refused"),
            // No rule covers a phase id of another project: the table refuses it.
            (Err(_), Err(ExecuteError::Store(_))) => Ok("refused by the store"),
            (Ok(changes), Ok(done)) => {
                let times = super::read_tables::recorded_at(&mut self.connection, before).await;
                if changes == done.events.is_empty() || times.len() != usize::from(changes) {
                    return Err(format!("changes {changes}, recorded at {times:?}: {:#?}", done.events));
                }
                let at = times.first().map_or_else(NaiveDateTime::default, DateTime::<Utc>::naive_utc);
                self.model.command(project, command, at).map_err(|_| "accepted, then refused".to_owned())?;
                Ok(if changes { "accepted" } else { "without effect" })
            }
            (expected, result) => Err(format!("expected {expected:?}, got {result:#?}")),
        }
    }

    /// Compares database and model.
    pub(crate) async fn compare(&mut self, thoroughly: bool) -> Result<(), Difference> {
        let found_shape = super::read_tables::shape(&mut self.connection).await;
        if found_shape != self.model.shape {
            return Err(format!("the shape is {found_shape:?}, expected {:?}", self.model.shape));
        }
        let found = super::read_tables::read(&mut self.connection, self.model.shape).await;
        let snapshot =
            Snapshot::of(&found.projects, &found.old_rows, found.new_rows.values(), &found.assignments);
        if let Some(difference) = self.model.snapshot().difference(&snapshot) {
            return Err(difference);
        }
        if self.model.shape == Shape::New {
            super::adoption::compare(self).await?;
        }
        // Edits of the legacy tables wait for the next migration, projects to whose dates their phases cannot follow for a list.
        // Days of a project without any phase, or with rows that cannot be adopted, are not covered.
        let is_fit = self.model.without_phases().is_empty()
            && self.model.unadoptable().is_empty()
            && self.model.drifted().is_empty()
            && self.model.moved().len() == self.model.following().len()
            && self.model.deleted().is_empty();
        let was_migrated = self.model.shape == Shape::New || !self.model.log.is_empty();
        if thoroughly && is_fit && was_migrated && !self.is_edited {
            let mut connection = handle(self.database.url()).connect("test").await.expect("connect");
            let found = phaseline_migrator::verify::verify(&mut connection, &Silent).await;
            let found = found.map_err(|error| error.to_string())?;
            let failed: Vec<_> = found.checks.iter().filter(|check| !check.passed).collect();
            if !found.passed {
                return Err(format!("verify: {failed:#?}"));
            }
            connection.close().await.expect("close");
        }
        Ok(())
    }
}

async fn connect(database: &TestDatabase) -> PgConnection {
    let mut connection = PgConnection::connect(database.url()).await.expect("connect");
    connection
        .execute("SET client_min_messages = warning; SET synchronize_seqscans = off; SET TimeZone = 'UTC'")
        .await
        .expect("settings");
    connection
}

/// The rows of the tables.
pub(crate) struct Found {
    pub(crate) projects: BTreeMap<Uuid, phaseline_tests::model::Days>,
    pub(crate) old_rows: Vec<phaseline_tests::model::OldRow>,
    pub(crate) new_rows: BTreeMap<Uuid, phaseline_tests::model::NewRow>,
    pub(crate) assignments: Vec<phaseline_tests::model::Assignment>,
}

/// A column by its index.
pub(crate) fn get<'r, T>(row: &'r sqlx::postgres::PgRow, at: usize) -> T
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(at).expect("a column of that type")
}
