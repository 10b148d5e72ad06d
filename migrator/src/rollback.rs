//! The way down: the old shape, computed from the log. One transaction, like the way up; what takes long happens while
//! users read and write, and what they change meanwhile is brought in under the lock.

mod build;
mod look;
mod loss;
mod pending;

use crate::anomaly::Anomaly;
use crate::ddl;
use crate::definition::{self, QualifiedName, TableDefinition};
use crate::error::MigratorError;
use crate::journal::{self, Begin, Journal};
use crate::links;
use crate::lock::{Head, lock_run, lock_tables};
use crate::migrate::{check_definition, millis, set_revision, stop_if_asked, with_own_tables};
use crate::plan::SHADOW;
use crate::progress::Progress;
use crate::run::{self, Direction, LegacyRowsWritten, LossAccepted, Operator, RollbackCompleted, RunEvent};
use crate::session::{self, Database};
use crate::shape::{LEGACY_REVISION, Shape, TIMELINE_REVISION};
use crate::written;
use build::{build_assignments, build_phases, catch_up, changed, check_built, count, given_links};
use chrono::{DateTime, Utc};
use look::{Looked, Prepared, look};
pub use loss::{Loss, LossItem};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::drift::Drift;
use phaseline_projections::legacy_phases;
use phaseline_store::{Import, NewEvent, schema, timeline};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
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

/// How often to start anew when the log or the phases change between reading and locking. Each time somebody made a
/// change, and the next look will name it.
const ATTEMPTS: usize = 3;

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
        // Whatever is begun is undone first; the log's head is free then.
        let _ = tokio::time::timeout(Duration::from_secs(5), connection.ping()).await;
        journal::failed(database, journal, error).await;
    }
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
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        match attempt(connection, watcher, options, progress, begun, journal).await? {
            Attempt::Done(done) => return Ok(*done),
            Attempt::Changed(what) => {
                progress.note(&format!("{what} changed meanwhile; starting again"));
                last = what;
            }
        }
    }
    Err(MigratorError::WrongShape(format!(
        "{last} changed {ATTEMPTS} times while the rollback was prepared; nothing was written. Stop the writers and \
         run it again"
    )))
}

async fn attempt(
    main: &mut PgConnection,
    watcher: &mut PgConnection,
    options: &RollbackOptions,
    progress: &dyn Progress,
    begun: Instant,
    journal: &mut Option<Journal>,
) -> Result<Attempt, MigratorError> {
    progress.step("reading the log", None);
    let mut transaction = session::read_write(main).await?;
    let connection = &mut *transaction;
    sqlx::raw_sql(
        "SET LOCAL work_mem = '128MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL jit = off",
    )
    .execute(&mut *connection)
    .await?;
    let prepared = match look(connection).await? {
        Looked::Prepared(prepared) => *prepared,
        Looked::Report(plan) if plan.already => {
            return Ok(Attempt::Done(Box::new(RolledBack {
                plan: *plan,
                dry_run: false,
                run: None,
                completed: None,
                took_ms: millis(begun.elapsed()),
                locked_ms: 0,
            })));
        }
        Looked::Report(plan) => return Err(MigratorError::RollbackRefused(plan)),
    };
    go_ahead(&prepared.plan, options)?;
    stop_if_asked(progress)?;
    if journal.is_none() {
        progress.step("recording that the run begins", None);
        let begin = Begin {
            operator: &options.operator,
            direction: Direction::Rollback,
            plan_digest: None,
            options: serde_json::json!({ "accept_loss": options.accept_loss }),
            limit: options.lock_timeout,
        };
        if !schema::whole(connection).await? {
            // The events alone are enough. To make the rest again takes locks that this transaction is in the way of.
            transaction.rollback().await?;
            *journal = Some(begin.run(watcher, main).await?);
            return Ok(Attempt::Changed("the log's schema was made whole, and so everything".to_owned()));
        }
        *journal = Some(begin.run(watcher, connection).await?);
    }
    let journal =
        journal.as_mut().ok_or_else(|| MigratorError::SelfCheck("the run has no journal".to_owned()))?;
    journal.undo();

    progress.step("building the old project_phases", None);
    sqlx::raw_sql(&format!("CREATE SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    build_phases(connection, &prepared).await?;
    stop_if_asked(progress)?;
    progress.step("restoring the assignments' links", Some(prepared.links.phase_of.len() as u64));
    let copied = build_assignments(connection, &prepared, progress).await?;
    let mut completed = count(connection, &prepared.plan, copied).await?;
    stop_if_asked(progress)?;

    progress.step("locking the tables", None);
    let tables = with_own_tables(tables_to_lock(&prepared));
    let locked_at =
        lock_tables(connection, watcher, &tables, Head::Too, options.lock_timeout, progress).await?;
    if let Some(what) = changed(connection, &prepared, journal).await? {
        return Ok(Attempt::Changed(what));
    }
    progress.step("cutting over", None);
    if prepared.watch.changed_table(connection, "resource_assignments").await? {
        let Some(built) = catch_up(connection, &prepared).await? else {
            return Ok(Attempt::Changed("the assignments of a project without phases".to_owned()));
        };
        completed = count(connection, &prepared.plan, built).await?;
    }
    check_built(connection, &completed).await?;
    record(connection, &prepared, journal, &completed).await?;
    cut_over(connection, &prepared).await?;
    stop_if_asked(progress)?;
    transaction.commit().await?;
    Ok(Attempt::Done(Box::new(RolledBack {
        plan: prepared.plan,
        dry_run: false,
        run: Some(journal.run),
        completed: Some(completed),
        took_ms: millis(begun.elapsed()),
        locked_ms: millis(locked_at.elapsed()),
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
    Err(MigratorError::WouldLose(Box::new(plan.clone())))
}

/// Writes the rollback's own events: on timelines, then what it wrote, what was lost, and that it is done.
async fn record(
    connection: &mut PgConnection,
    prepared: &Prepared,
    journal: &mut Journal,
    completed: &RollbackCompleted,
) -> Result<(), MigratorError> {
    let metadata = journal.metadata.clone();
    let given = given_links(connection).await?;
    let mut import = Import::begin(connection).await?;
    for pending in &prepared.pending {
        let stream = timeline::stream_of(pending.project);
        for (event, version) in pending.events.iter().zip(pending.version + 1..) {
            import.push(stream, version, &NewEvent::timeline(event)?, &metadata).await?;
        }
    }
    for (project, links) in given {
        let version = prepared.links.versions.get(&project).copied().unwrap_or_default();
        for (event, version) in links::events(links)?.iter().zip(version + 1..) {
            import.push(links::stream_of(project), version, event, &metadata).await?;
        }
    }
    let mut projects: Vec<_> =
        prepared.log.timelines.iter().filter(|(_, folded)| folded.timeline.project().is_some()).collect();
    projects.sort_by_key(|(project, _)| **project);
    for chunk in projects.chunks(run::ROWS_WRITTEN_CHUNK) {
        let digests = chunk
            .iter()
            .map(|(project, folded)| (**project, written::of_written(&legacy_phases::rows(folded))));
        let event = RunEvent::RowsWritten(LegacyRowsWritten { digests: digests.collect() });
        journal.push(&mut import, &event).await?;
    }
    if let Some(digest) = &prepared.plan.loss.digest {
        let items = serde_json::to_value(&prepared.plan.loss.items)?;
        journal
            .push(&mut import, &RunEvent::LossAccepted(LossAccepted { digest: digest.clone(), items }))
            .await?;
    }
    journal.push(&mut import, &RunEvent::RolledBack(completed.clone())).await?;
    import.finish().await?;
    Ok(())
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
    sqlx::raw_sql(&format!("DROP TABLE {SHADOW}.links, {SHADOW}.days; DROP SCHEMA {SHADOW}"))
        .execute(&mut *connection)
        .await?;
    schema::set_accepts_commands(connection, false).await?;
    check_definition(connection, phases).await?;
    check_definition(connection, assignments).await
}
