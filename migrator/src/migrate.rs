//! The way up: legacy rows into the log, the new projection in place of the old one. One transaction: the database is
//! in the old shape or in the new one, whatever happens.
//!
//! All that takes long happens while users read and write: the events are copied into the log, the new table is built
//! in a schema of its own. Only then the tables are locked, and the prepared work is swapped in. What users did to
//! assignments meanwhile is brought in then; if anything else changed, or if the run is held to a plan, all is undone and
//! done again under the lock from the start, which cannot miss.

mod build;
mod catch_up;

use crate::ddl;
use crate::definition::{self, Luggage, QualifiedName, TableDefinition};
use crate::error::MigratorError;
use crate::journal::{self, Begin, Journal};
use crate::lock::{Head, lock_run, lock_tables, release_run};
use crate::plan::{Counts, Outcome, Plan, PlanOptions, Prepared, SHADOW, new_phases, prepare};
use crate::progress::Progress;
use crate::run::{Direction, LegacySchemaRecorded, Operator};
use crate::session::{self, Database};
use crate::shape::{self, LEGACY_REVISION, TIMELINE_REVISION};
use crate::takeover::{self, Takeover};
use build::{build_shadow, complete, import};
use catch_up::{Changed, Newer, changed};
use phaseline_store::schema;
use serde::Serialize;
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How to migrate.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// What the plan is made with.
    pub plan: PlanOptions,
    /// The plan that it must be; any if none.
    pub expected_digest: Option<String>,
    /// How long to wait for the tables in all.
    pub lock_timeout: Duration,
    /// Who runs it.
    pub operator: Operator,
}

/// What a migration did.
#[derive(Clone, Debug, Serialize)]
pub struct Migrated {
    /// `phaseline.migrate/1`
    pub format: &'static str,
    /// The database was in the new shape already, and nothing was done.
    pub already: bool,
    /// The run's id in the log; none if nothing was done.
    pub run: Option<Uuid>,
    /// The plan that was carried out.
    pub plan: Plan,
    /// The log's last position.
    pub position: i64,
    /// Milliseconds from start to commit.
    pub took_ms: u64,
    /// Milliseconds in which the tables could not be read.
    pub locked_ms: u64,
}

enum Attempt {
    Done(Box<Migrated>),
    /// The tables changed between the snapshot and the lock.
    Changed(String),
}

/// Migrates.
///
/// # Errors
/// Whatever the error, nothing was written: [`MigratorError::Refused`] with the whole plan,
/// [`MigratorError::StalePlan`], [`MigratorError::Locked`], [`MigratorError::LockTimeout`] and the database's own.
pub async fn migrate(
    database: &Database,
    options: &MigrateOptions,
    progress: &dyn Progress,
) -> Result<Migrated, MigratorError> {
    let begun = Instant::now();
    let mut connection = database.connect(&options.operator.purpose(Direction::Migrate)).await?;
    lock_run(&mut connection, &options.operator, progress).await?;
    let mut watcher = database.connect("phaseline watcher").await?;
    if options.plan.adopt_migrated
        && let Some(found) = foreign_migration(&mut connection, &options.plan, progress).await?
    {
        let taken =
            takeover::take_over(database, &mut connection, &mut watcher, found, options, progress, begun)
                .await;
        release_run(&mut connection).await;
        return taken;
    }
    let mut journal = None;
    let done = attempts(&mut connection, &mut watcher, options, progress, begun, &mut journal).await;
    if let (Err(error), Some(journal)) = (&done, &journal) {
        journal::failed(database, &mut connection, journal, error).await;
    }
    release_run(&mut connection).await;
    done
}

/// What there is to take over, if something else has migrated the database.
async fn foreign_migration(
    connection: &mut PgConnection,
    options: &PlanOptions,
    progress: &dyn Progress,
) -> Result<Option<Takeover>, MigratorError> {
    progress.step("looking whether something else has migrated it", None);
    let mut snapshot = session::read_only(connection).await?;
    let found = shape::find(&mut snapshot).await?;
    if found.shape != shape::Shape::Timelines {
        return Ok(None);
    }
    let outcome = prepare(&mut snapshot, options).await?;
    snapshot.rollback().await?;
    Ok(if let Outcome::Takeover(takeover) = outcome { Some(*takeover) } else { None })
}

async fn attempts(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    options: &MigrateOptions,
    progress: &dyn Progress,
    begun: Instant,
    journal: &mut Option<Journal>,
) -> Result<Migrated, MigratorError> {
    match attempt(connection, watcher, options, progress, begun, journal, false).await? {
        Attempt::Done(migrated) => return Ok(*migrated),
        Attempt::Changed(what) => {
            progress.note(&format!("{what} changed meanwhile; starting again with the tables locked"));
        }
    }
    match attempt(connection, watcher, options, progress, begun, journal, true).await? {
        Attempt::Done(migrated) => Ok(*migrated),
        Attempt::Changed(what) => {
            Err(MigratorError::SelfCheck(format!("{what} changed although the tables were locked")))
        }
    }
}

/// One attempt; unless it is done, its transaction is rolled back.
async fn attempt(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    options: &MigrateOptions,
    progress: &dyn Progress,
    begun: Instant,
    journal: &mut Option<Journal>,
    locked: bool,
) -> Result<Attempt, MigratorError> {
    progress.step("reading the legacy tables", None);
    let mut early = None;
    if !locked {
        let mut snapshot = session::read_only(connection).await?;
        let outcome = prepare(&mut snapshot, &options.plan).await?;
        snapshot.rollback().await?;
        if let Outcome::Prepared(prepared) = &outcome {
            go_ahead(&prepared.plan, options)?;
            stop_if_asked(progress)?;
            progress.step("recording that the run begins", None);
            let begin = Begin {
                operator: &options.operator,
                direction: Direction::Migrate,
                plan_digest: prepared.plan.digest.clone(),
                options: serde_json::to_value(&prepared.plan.options)?,
                limit: options.lock_timeout,
            };
            *journal = Some(begin.run(watcher, connection).await?);
        }
        early = Some(outcome);
    }
    let mut transaction = session::read_write(connection).await?;
    let mut locked_at = None;
    let outcome = match early {
        Some(outcome) => outcome,
        None => {
            locked_at = Some(lock_all(&mut transaction, watcher, options, progress).await?);
            prepare(&mut transaction, &options.plan).await?
        }
    };
    let prepared = match outcome {
        Outcome::Report(plan) if plan.already_migrated() && plan.ready => {
            return Ok(Attempt::Done(Box::new(already(*plan, begun))));
        }
        Outcome::Report(plan) => return Err(MigratorError::Refused(plan)),
        Outcome::Prepared(prepared) => *prepared,
        Outcome::Takeover(takeover) => return Err(MigratorError::Refused(Box::new(takeover.plan))),
    };
    go_ahead(&prepared.plan, options)?;
    stop_if_asked(progress)?;
    let journal =
        journal.as_mut().ok_or_else(|| MigratorError::SelfCheck("the run has no journal".to_owned()))?;
    let step = carry_out(&mut transaction, watcher, &prepared, journal, options, progress, &mut locked_at);
    let (position, counts) = match step.await? {
        Step::Changed(what) => {
            journal.undo();
            return Ok(Attempt::Changed(what));
        }
        Step::Ready { position, counts } => (position, counts),
    };
    stop_if_asked(progress)?;
    transaction.commit().await?;
    Ok(Attempt::Done(Box::new(Migrated {
        format: "phaseline.migrate/1",
        already: false,
        run: Some(journal.run),
        plan: Plan { counts, ..prepared.plan },
        position,
        took_ms: millis(begun.elapsed()),
        locked_ms: locked_at.map_or(0, |at| millis(at.elapsed())),
    })))
}

/// Fails unless it is the plan that was asked for, and ready.
pub(crate) fn go_ahead(plan: &Plan, options: &MigrateOptions) -> Result<(), MigratorError> {
    if let (Some(expected), Some(found)) = (&options.expected_digest, &plan.digest)
        && expected != found
    {
        return Err(MigratorError::StalePlan { expected: expected.clone(), found: found.clone() });
    }
    if plan.ready { Ok(()) } else { Err(MigratorError::Refused(Box::new(plan.clone()))) }
}

enum Step {
    /// Everything is done but the commit; `position` is the log's last.
    Ready {
        position: i64,
        counts: Counts,
    },
    Changed(String),
}

/// Does everything but the commit.
async fn carry_out(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    prepared: &Prepared,
    journal: &mut Journal,
    options: &MigrateOptions,
    progress: &dyn Progress,
    locked_at: &mut Option<Instant>,
) -> Result<Step, MigratorError> {
    // The run's own beginning is all that may have come into the log since it was read.
    let known = prepared.log.position;
    if schema::tip(connection).await?.position != journal.position
        || (known != journal.after && known != journal.position)
    {
        return Ok(Step::Changed("the log".to_owned()));
    }
    let (mut definition, phase_type) = new_phases(&prepared.phases)?;
    let project_phase_id = prepared.assignments.clone().take_column("project_phase_id")?;
    definition.leave_to(&project_phase_id);
    let given_options = definition.room();
    let recorded = LegacySchemaRecorded { phase_type, project_phase_id, given_options };
    let rows = import(connection, prepared, &recorded, journal, options, progress).await?;

    progress.step("building the new project_phases", None);
    build_shadow(connection, &definition, &recorded.given_options, &rows).await?;
    definition.options.extend(recorded.given_options);
    stop_if_asked(progress)?;

    let mut newer = Newer::default();
    if locked_at.is_none() {
        progress.step("locking the tables", None);
        let tables = with_own_tables(prepared.phases.tied_tables());
        let at = lock_tables(connection, watcher, &tables, Head::Not, options.lock_timeout, progress).await?;
        *locked_at = Some(at);
        match changed(connection, prepared, options).await? {
            Changed::Nothing => {}
            Changed::Assignments(found) => {
                progress.note("resource_assignments changed meanwhile; what is newer is taken in");
                newer = found;
            }
            Changed::More(what) => return Ok(Step::Changed(what)),
        }
    }
    let (position, counts) = complete(connection, prepared, newer, journal).await?;
    progress.step("cutting over", None);
    cut_over(connection, &definition, &recorded.project_phase_id, &prepared.plan).await?;
    Ok(Step::Ready { position, counts })
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn stop_if_asked(progress: &dyn Progress) -> Result<(), MigratorError> {
    if progress.interrupted() { Err(MigratorError::Interrupted) } else { Ok(()) }
}

fn already(plan: Plan, begun: Instant) -> Migrated {
    Migrated {
        format: "phaseline.migrate/1",
        already: true,
        run: None,
        plan,
        position: 0,
        took_ms: millis(begun.elapsed()),
        locked_ms: 0,
    }
}

/// Locks everything before anything is read. What there is to lock is looked up first; if tables are missing, nothing
/// is locked and the plan will say so.
async fn lock_all(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    options: &MigrateOptions,
    progress: &dyn Progress,
) -> Result<Instant, MigratorError> {
    let Some(phases) = definition::capture(connection, "public", "project_phases").await? else {
        return Ok(Instant::now());
    };
    let tables = with_own_tables(phases.tied_tables());
    lock_tables(connection, watcher, &tables, Head::Not, options.lock_timeout, progress).await
}

/// The tables that hang together with these, and the planner's own.
pub(crate) fn with_own_tables(mut tables: Vec<QualifiedName>) -> Vec<QualifiedName> {
    for name in shape::TABLES {
        let table = QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables.sort();
    tables
}

/// The swap, under the tables' locks. Checks itself before the caller commits.
async fn cut_over(
    connection: &mut PgConnection,
    definition: &TableDefinition,
    project_phase_id: &Luggage,
    plan: &Plan,
) -> Result<(), MigratorError> {
    let sums =
        "coalesce(sum(capital_budget), 0), coalesce(sum(expense_budget), 0), coalesce(sum(total_budget), 0)";
    let same: bool = sqlx::query_scalar(&format!(
        "SELECT (SELECT ROW(count(*) + $1, {sums}) FROM public.project_phases)
              = (SELECT ROW(count(*), {sums}) FROM {SHADOW}.project_phases)"
    ))
    .bind(i64::try_from(plan.counts.phases_supplied).unwrap_or(i64::MAX))
    .fetch_one(&mut *connection)
    .await?;
    if !same {
        return Err(MigratorError::SelfCheck("rows or budgets of the new project_phases differ".to_owned()));
    }
    ddl::run(connection, &project_phase_id.drop_in_place()).await?;
    ddl::run(connection, &definition.drop_incoming_foreign_keys()).await?;
    ddl::run(connection, &definition.swap_in(SHADOW)).await?;
    ddl::run(connection, &definition.finish()).await?;
    set_revision(connection, LEGACY_REVISION, TIMELINE_REVISION).await?;
    sqlx::raw_sql(&format!("DROP SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    schema::set_accepts_commands(connection, true).await?;
    check_definition(connection, definition).await?;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM public.project_phases").fetch_one(connection).await?;
    let wanted = plan.counts.phases + plan.counts.phases_supplied;
    if rows.unsigned_abs() != wanted {
        return Err(MigratorError::SelfCheck(format!("{rows} phases stand where {wanted} should")));
    }
    Ok(())
}

/// Moves the planner's own revision on, from the one that must be there.
pub(crate) async fn set_revision(
    connection: &mut PgConnection,
    from: &str,
    to: &str,
) -> Result<(), MigratorError> {
    let updated = sqlx::query("UPDATE public.alembic_version SET version_num = $2 WHERE version_num = $1")
        .bind(from)
        .bind(to)
        .execute(connection)
        .await?
        .rows_affected();
    if updated == 1 {
        Ok(())
    } else {
        Err(MigratorError::SelfCheck(format!("alembic_version had {updated} rows at {from}")))
    }
}

/// Captures the table as it stands now and compares it with what was to be built.
pub(crate) async fn check_definition(
    connection: &mut PgConnection,
    wanted: &TableDefinition,
) -> Result<(), MigratorError> {
    let built = definition::capture(connection, "public", &wanted.name)
        .await?
        .ok_or_else(|| MigratorError::SelfCheck(format!("{} is missing", wanted.title())))?;
    let differences = wanted.differences(&built);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(MigratorError::SelfCheck(format!("{}: {}", wanted.title(), differences.join("; "))))
    }
}
