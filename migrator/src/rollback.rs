//! The way down: the old shape, computed from the log. One transaction, like the way up; what takes long happens while
//! users read and write, and what they change meanwhile is brought in under the lock.

mod assignments;
mod build;
mod look;
mod loss;
mod pending;
mod record;

use crate::anomaly::Anomaly;
use crate::ddl;
use crate::definition::{self, QualifiedName, TableDefinition};
use crate::error::MigratorError;
use crate::journal::{self, Begin, Journal};
use crate::lock::{Head, lock_run, lock_tables, release_run};
use crate::migrate::{check_definition, millis, set_revision, stop_if_asked, with_own_tables};
use crate::plan::SHADOW;
use crate::progress::Progress;
use crate::run::{Direction, Operator, RollbackCompleted};
use crate::session::{self, Database};
use crate::shape::{LEGACY_REVISION, Shape, TIMELINE_REVISION};
use build::{build_phases, changed, check_built};
use chrono::{DateTime, Utc};
use look::{Looked, Prepared, look};
pub use loss::{Loss, LossItem};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::drift::Drift;
use phaseline_store::schema;
use serde::Serialize;
use sqlx::{PgConnection, Postgres, Transaction};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How to roll back.
#[derive(Clone, Debug)]
pub struct RollbackOptions {
    /// How long to wait for the tables in all.
    pub lock_timeout: Duration,
    /// Who runs it.
    pub operator: Operator,
    /// The digest of the loss that is accepted; if there is another loss, nothing is written.
    pub accept_loss: Option<String>,
}

/// A change made to a timeline since the migration. What of it the old schema cannot hold is in [`RollbackPlan::loss`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The project.
    pub project_id: ProjectId,
    /// The phase; none if it was the project's dates.
    pub phase_id: Option<PhaseId>,
    /// The event's type.
    pub event_type: String,
    /// The event's position.
    pub position: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who did it.
    pub actor: Option<String>,
}

/// What a rollback would find and do.
#[derive(Clone, Debug, Serialize)]
pub struct RollbackPlan {
    /// `phaseline.rollback/1`
    pub format: &'static str,
    /// The shape found.
    pub shape: Shape,
    /// The database is in the old shape already.
    pub already: bool,
    /// Whether `rollback` would go ahead.
    pub ready: bool,
    /// What is in the way.
    pub anomalies: Vec<Anomaly>,
    /// What the role may not do.
    pub missing_privileges: Vec<String>,
    /// Changes made since the migration.
    pub edits: Vec<Edit>,
    /// What of them, and of the rows as they stand, the old schema cannot hold.
    pub loss: Loss,
    /// Rows that the log does not account for.
    pub drift: Vec<Drift>,
    /// Indexes and statistics made since on columns that go: they go with them.
    pub going: Vec<String>,
    /// Phases that come back.
    pub phases: u64,
    /// Links that the log keeps.
    pub links: u64,
}

/// What a rollback did.
#[derive(Clone, Debug, Serialize)]
pub struct RolledBack {
    /// The plan that was carried out, or would be.
    #[serde(flatten)]
    pub plan: RollbackPlan,
    /// Nothing was written: it was a dry run.
    pub dry_run: bool,
    /// The run's id in the log; none if nothing was done.
    pub run: Option<Uuid>,
    /// What came back.
    pub completed: Option<RollbackCompleted>,
    /// Milliseconds from start to commit.
    pub took_ms: u64,
    /// Milliseconds in which the tables could not be read.
    pub locked_ms: u64,
}

/// What an attempt holds while it reads and builds: nothing, so that everybody goes on; if something changed meanwhile that
/// it cannot bring in, three times in a row, everything. To hold the log's head alone would not do: a command that waits for it
/// is in the way of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Nothing,
    Everything,
}

/// What changed if an assignment has no phase to point at: its project came up meanwhile.
const HOMELESS: &str = "the assignments of a project without phases";

enum Attempt {
    Done(Box<RolledBack>),
    Changed(String),
}

/// What a rollback would do, in a transaction of its own that is rolled back.
pub async fn plan(connection: &mut PgConnection) -> Result<RollbackPlan, MigratorError> {
    let mut transaction = session::read_only(connection).await?;
    let looked = look(&mut transaction).await?;
    transaction.rollback().await?;
    Ok(match looked {
        Looked::Report(plan) => *plan,
        Looked::Prepared(prepared) => prepared.plan,
    })
}

/// Rolls back.
///
/// # Errors
/// Whatever the error, nothing was written: [`MigratorError::WouldLose`] naming what the old schema cannot hold,
/// [`MigratorError::RollbackRefused`], [`MigratorError::Locked`], [`MigratorError::LockTimeout`], the database's own.
pub async fn rollback(
    database: &Database,
    options: &RollbackOptions,
    progress: &dyn Progress,
) -> Result<RolledBack, MigratorError> {
    let begun = Instant::now();
    let mut connection = database.connect(&options.operator.purpose(Direction::Rollback)).await?;
    lock_run(&mut connection, &options.operator, progress).await?;
    let mut watcher = database.connect("phaseline watcher").await?;
    let mut journal = None;
    let done = attempts(&mut connection, &mut watcher, options, progress, begun, &mut journal).await;
    if let (Err(error), Some(journal)) = (&done, &journal) {
        journal::failed(database, &mut connection, journal, error).await;
    }
    release_run(&mut connection).await;
    done
}

async fn attempts(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    options: &RollbackOptions,
    progress: &dyn Progress,
    begun: Instant,
    journal: &mut Option<Journal>,
) -> Result<RolledBack, MigratorError> {
    for how in ["", "", " with the tables locked"] {
        match attempt(connection, watcher, options, progress, begun, journal, Hold::Nothing).await? {
            Attempt::Done(done) => return Ok(*done),
            Attempt::Changed(what) => {
                progress.note(&format!("{what} changed meanwhile; starting again{how}"));
            }
        }
    }
    match attempt(connection, watcher, options, progress, begun, journal, Hold::Everything).await? {
        Attempt::Done(done) => Ok(*done),
        Attempt::Changed(what) => {
            Err(MigratorError::SelfCheck(format!("{what} changed although everything was locked")))
        }
    }
}

/// Begins the transaction of an attempt, holding what it is to hold from the start.
async fn begin<'c>(
    main: &'c mut PgConnection,
    watcher: &mut PgConnection,
    options: &RollbackOptions,
    progress: &dyn Progress,
    hold: Hold,
) -> Result<(Transaction<'c, Postgres>, Option<Instant>), MigratorError> {
    let mut transaction = session::read_write(main).await?;
    sqlx::raw_sql(
        "SET LOCAL work_mem = '128MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL jit = off",
    )
    .execute(&mut *transaction)
    .await?;
    if hold == Hold::Nothing {
        return Ok((transaction, None));
    }
    let mut tables = Vec::new();
    for table in ["project_phases", "resource_assignments"] {
        let definition = definition::capture(&mut transaction, "public", table).await?;
        tables.extend(definition.iter().flat_map(TableDefinition::tied_tables));
    }
    tables.sort();
    tables.dedup();
    let (tables, limit) = (with_own_tables(tables), options.lock_timeout);
    let at = lock_tables(&mut transaction, watcher, &tables, Head::Too, limit, progress).await?;
    Ok((transaction, Some(at)))
}

/// What a look means for the run.
fn judged(looked: Looked, options: &RollbackOptions, begun: Instant) -> Result<Verdict, MigratorError> {
    match looked {
        Looked::Prepared(prepared) => {
            go_ahead(&prepared.plan, options)?;
            Ok(Verdict::Go(prepared))
        }
        Looked::Report(plan) if plan.already => Ok(Verdict::Already(Box::new(RolledBack {
            plan: *plan,
            dry_run: false,
            run: None,
            completed: None,
            took_ms: millis(begun.elapsed()),
            locked_ms: 0,
        }))),
        Looked::Report(plan) => Err(MigratorError::RollbackRefused(plan)),
    }
}

enum Verdict {
    Go(Box<Prepared>),
    Already(Box<RolledBack>),
}

async fn attempt(
    main: &mut PgConnection,
    watcher: &mut PgConnection,
    options: &RollbackOptions,
    progress: &dyn Progress,
    begun: Instant,
    journal: &mut Option<Journal>,
    hold: Hold,
) -> Result<Attempt, MigratorError> {
    progress.step("reading the log", None);
    let mut early = None;
    if hold == Hold::Nothing {
        // One moment: log and tables, read one after the other, would seem to differ beside a command.
        let mut snapshot = session::read_only(main).await?;
        let looked = look(&mut snapshot).await?;
        snapshot.rollback().await?;
        match judged(looked, options, begun)? {
            Verdict::Already(done) => return Ok(Attempt::Done(done)),
            Verdict::Go(prepared) => early = Some(prepared),
        }
        stop_if_asked(progress)?;
    }
    if journal.is_none() {
        progress.step("recording that the run begins", None);
        let begin = Begin {
            operator: &options.operator,
            direction: Direction::Rollback,
            plan_digest: None,
            options: serde_json::json!({ "accept_loss": options.accept_loss }),
            limit: options.lock_timeout,
        };
        // Whatever of the log's schema is missing is made again by this: the events alone are enough.
        *journal = Some(begin.run(watcher, main).await?);
    }
    let journal =
        journal.as_mut().ok_or_else(|| MigratorError::SelfCheck("the run has no journal".to_owned()))?;
    journal.undo();
    let (mut transaction, mut locked_at) = self::begin(main, watcher, options, progress, hold).await?;
    let connection = &mut *transaction;
    let prepared = match early {
        Some(prepared) => prepared,
        None => match judged(look(connection).await?, options, begun)? {
            Verdict::Already(done) => return Ok(Attempt::Done(done)),
            Verdict::Go(prepared) => prepared,
        },
    };

    progress.step("building the old project_phases", None);
    sqlx::raw_sql(&format!("CREATE SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    build_phases(connection, &prepared).await?;
    stop_if_asked(progress)?;
    let source = (hold == Hold::Nothing).then_some(&mut *watcher);
    let Some(mut built) = assignments::build(connection, source, &prepared, progress).await? else {
        return Ok(Attempt::Changed(HOMELESS.to_owned()));
    };
    stop_if_asked(progress)?;

    if hold != Hold::Everything {
        progress.step("locking the tables", None);
        let tables = with_own_tables(tables_to_lock(&prepared));
        let limit = options.lock_timeout;
        let at = lock_tables(connection, watcher, &tables, Head::Too, limit, progress).await?;
        locked_at = Some(at);
    }
    if let Some(what) = changed(connection, &prepared, journal).await? {
        return Ok(Attempt::Changed(what));
    }
    progress.step("cutting over", None);
    let now = prepared.watch.again(connection, "resource_assignments").await?;
    if now.changed && !assignments::catch_up(connection, &prepared, &mut built, now.rows).await? {
        return Ok(Attempt::Changed(HOMELESS.to_owned()));
    }
    check_built(connection, &prepared.plan, built.rows(), now.rows).await?;
    let completed = record::record(connection, &prepared, journal, &built).await?;
    cut_over(connection, &prepared).await?;
    stop_if_asked(progress)?;
    transaction.commit().await?;
    Ok(Attempt::Done(Box::new(RolledBack {
        plan: prepared.plan,
        dry_run: false,
        run: Some(journal.run),
        completed: Some(completed),
        took_ms: millis(begun.elapsed()),
        locked_ms: locked_at.map_or(0, |at| millis(at.elapsed())),
    })))
}

fn tables_to_lock(prepared: &Prepared) -> Vec<QualifiedName> {
    let mut tables: Vec<QualifiedName> =
        prepared.old.iter().chain(&prepared.current).flat_map(TableDefinition::tied_tables).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// Fails unless nothing is in the way and nothing is lost but what was accepted.
fn go_ahead(plan: &RollbackPlan, options: &RollbackOptions) -> Result<(), MigratorError> {
    if plan.anomalies.iter().any(|anomaly| anomaly.refused) || !plan.missing_privileges.is_empty() {
        return Err(MigratorError::RollbackRefused(Box::new(plan.clone())));
    }
    if plan.ready || options.accept_loss.is_some() && options.accept_loss == plan.loss.digest {
        return Ok(());
    }
    Err(MigratorError::WouldLose { plan: Box::new(plan.clone()), accepted: options.accept_loss.clone() })
}

async fn cut_over(connection: &mut PgConnection, prepared: &Prepared) -> Result<(), MigratorError> {
    for table in &prepared.current {
        ddl::run(connection, &table.drop_incoming_foreign_keys()).await?;
    }
    for table in prepared.old.iter().rev() {
        ddl::run(connection, &table.swap_in(SHADOW)).await?;
    }
    let [phases, assignments] = &prepared.old;
    ddl::run(connection, &definition::finish(&[phases, assignments])).await?;
    set_revision(connection, TIMELINE_REVISION, LEGACY_REVISION).await?;
    sqlx::raw_sql(&format!("DROP SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    schema::set_accepts_commands(connection, false).await?;
    check_definition(connection, phases).await?;
    check_definition(connection, assignments).await
}
