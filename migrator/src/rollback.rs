//! The way down: the old shape, computed from the log. One transaction, like the way up; what takes long happens while
//! users read and write, and what they change meanwhile is brought in under the lock.

use crate::anomaly::{Anomaly, Code, Findings};
use crate::definition::{self, NeededName, QualifiedName, RebuiltTable, TableDefinition};
use crate::error::MigratorError;
use crate::links::FoldedLinks;
use crate::lock::{Head, lock_run, lock_tables};
use crate::migrate::{check_definition, millis, set_revision, stop_if_asked, with_own_tables};
use crate::plan::SHADOW;
use crate::progress::Progress;
use crate::run::{self, Direction, LegacySchemaRecorded, Operator, RollbackCompleted, Run, RunEvent};
use crate::session::{self, Database};
use crate::shape::{self, LEGACY_REVISION, Shape, TIMELINE_REVISION};
use crate::watch::Watch;
use crate::ddl;
use chrono::{DateTime, Utc};
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use phaseline_projections::drift::{self, Drift};
use phaseline_projections::{FoldedLog, legacy_phases};
use phaseline_store::{Import, StoreError, copy::Sink, read, schema, timeline::TIMELINE};
use serde::Serialize;
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How to roll back.
#[derive(Clone, Debug)]
pub struct RollbackOptions {
    /// How long to wait for the tables in all.
    pub lock_timeout: Duration,
    /// Who runs it.
    pub operator: Operator,
}

/// A change made since the migration, which the old schema cannot hold.
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
    /// Changes that the old schema cannot hold.
    pub edits: Vec<Edit>,
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

/// The new table's own columns.
const NEW_COLUMNS: [&str; 4] = ["name", "start_date", "end_date", "description"];
const NEW_PHASE_COLUMNS: [&str; 11] = [
    "project_id", "capital_budget", "expense_budget", "total_budget", "id", "created_at", "updated_at", "name",
    "start_date", "end_date", "description",
];

const REBUILT: [RebuiltTable<'static>; 2] = [
    RebuiltTable {
        schema: "public",
        table: "project_phases",
        going_columns: &NEW_COLUMNS,
        expected_columns: Some(&NEW_PHASE_COLUMNS),
        rebuilt: true,
    },
    RebuiltTable {
        schema: "public",
        table: "resource_assignments",
        going_columns: &[],
        expected_columns: None,
        rebuilt: true,
    },
];

/// Everything that the way down needs.
struct Prepared {
    plan: RollbackPlan,
    log: FoldedLog,
    links: FoldedLinks,
    current: [TableDefinition; 2],
    old: [TableDefinition; 2],
    watch: Watch,
}

enum Looked {
    Report(Box<RollbackPlan>),
    Prepared(Box<Prepared>),
}

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
    lock_run(&mut connection).await?;
    let mut watcher = database.connect("phaseline watcher").await?;
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        match attempt(&mut connection, &mut watcher, options, progress, begun).await? {
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
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    options: &RollbackOptions,
    progress: &dyn Progress,
    begun: Instant,
) -> Result<Attempt, MigratorError> {
    progress.step("reading the log", None);
    let mut transaction = session::read_write(connection).await?;
    let connection = &mut *transaction;
    sqlx::raw_sql("SET LOCAL work_mem = '128MB'; SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL jit = off")
        .execute(&mut *connection)
        .await?;
    let mut prepared = match look(connection).await? {
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
    if !prepared.plan.anomalies.is_empty() || !prepared.plan.missing_privileges.is_empty() {
        return Err(MigratorError::RollbackRefused(Box::new(prepared.plan)));
    }
    if !prepared.plan.ready {
        return Err(MigratorError::WouldLose(Box::new(prepared.plan)));
    }
    stop_if_asked(progress)?;
    // Whatever of the log's schema is missing is made again: the events alone are enough.
    phaseline_projections::install(connection).await?;

    progress.step("building the old project_phases", None);
    sqlx::raw_sql(&format!("CREATE SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    build_phases(connection, &prepared).await?;
    stop_if_asked(progress)?;
    progress.step("restoring the assignments' links", Some(prepared.links.phase_of.len() as u64));
    let copied = build_assignments(connection, &prepared, progress).await?;
    prepared.watch.expect("resource_assignments", copied);
    stop_if_asked(progress)?;

    progress.step("locking the tables", None);
    let tables = with_own_tables(tables_to_lock(&prepared));
    let locked_at =
        lock_tables(connection, watcher, &tables, Head::Too, options.lock_timeout, progress).await?;
    if let Some(what) = changed(connection, &prepared).await? {
        return Ok(Attempt::Changed(what));
    }
    progress.step("cutting over", None);
    if prepared.watch.changed_table(connection, "resource_assignments").await? {
        catch_up(connection, &prepared).await?;
    }
    let completed = count(connection, &prepared).await?;
    let run = Uuid::now_v7();
    record(connection, options, run, &completed).await?;
    cut_over(connection, &prepared).await?;
    stop_if_asked(progress)?;
    transaction.commit().await?;
    Ok(Attempt::Done(Box::new(RolledBack {
        plan: prepared.plan,
        dry_run: false,
        run: Some(run),
        completed: Some(completed),
        took_ms: millis(begun.elapsed()),
        locked_ms: millis(locked_at.elapsed()),
    })))
}

fn empty_plan(shape: Shape) -> RollbackPlan {
    RollbackPlan {
        format: "phaseline.rollback/1",
        shape,
        already: false,
        ready: false,
        anomalies: Vec::new(),
        missing_privileges: Vec::new(),
        edits: Vec::new(),
        drift: Vec::new(),
        going: Vec::new(),
        phases: 0,
        links: 0,
    }
}

/// The migration that put the database into the shape it is in.
fn last_migration(runs: Vec<Run>) -> Result<(Run, LegacySchemaRecorded), MigratorError> {
    let last = runs
        .into_iter()
        .rfind(|run| run.migrated.is_some() || run.rolled_back.is_some())
        .ok_or_else(|| MigratorError::LogIncomplete("it holds no migration".to_owned()))?;
    if last.rolled_back.is_some() {
        return Err(MigratorError::LogIncomplete(
            "its last run is a rollback, but the tables are in the new shape".to_owned(),
        ));
    }
    let schema = last
        .legacy_schema
        .clone()
        .ok_or_else(|| MigratorError::LogIncomplete("its last migration recorded no legacy schema".to_owned()))?;
    Ok((last, schema))
}

/// Looks at database and log inside the caller's transaction.
async fn look(connection: &mut PgConnection) -> Result<Looked, MigratorError> {
    let found = shape::find(connection).await?;
    let mut plan = empty_plan(found.shape);
    if found.shape == Shape::Legacy && found.revision() == Some(LEGACY_REVISION) {
        plan.already = true;
        plan.ready = true;
        return Ok(Looked::Report(Box::new(plan)));
    }
    let mut findings = Findings::default();
    if found.shape != Shape::Timelines {
        findings.note(Code::NotThePlanners, "database", "public", format!("the shape is {}", found.shape));
    } else if found.revision() != Some(TIMELINE_REVISION) {
        let detail = format!("holds {}, a rollback starts from {TIMELINE_REVISION}", found.revisions.join(", "));
        findings.note(Code::WrongRevision, "alembic_version", "version_num", detail);
    }
    if findings.refused() {
        plan.anomalies = findings.into_anomalies();
        return Ok(Looked::Report(Box::new(plan)));
    }
    if !schema::installed(connection).await? {
        return Err(MigratorError::LogIncomplete(
            "there is none: this database was migrated by something else".to_owned(),
        ));
    }
    let watch = Watch::start(connection).await?;
    let (migration, legacy_schema) = last_migration(run::runs(connection).await?)?;
    let (mut log, mut links) = (FoldedLog::default(), FoldedLinks::default());
    let edits = &mut plan.edits;
    read::scan(connection, None, |event| {
        log.see(event)?;
        links.see(event)?;
        if event.stream_type == TIMELINE && event.position > migration.position {
            edits.push(Edit {
                project_id: event.stream_id.into(),
                phase_id: event.timeline_event()?.phase_id(),
                event_type: event.event_type.to_owned(),
                position: event.position,
                recorded_at: event.recorded_at,
                actor: event.to_owned_event().metadata.actor,
            });
        }
        Ok::<_, StoreError>(())
    })
    .await?;
    plan.drift = drift::compare(connection, &log).await?;
    let current = [captured(connection, "project_phases").await?, captured(connection, "resource_assignments").await?];
    refusals(connection, &legacy_schema, &current, &mut findings).await?;
    let old = if findings.refused() {
        current.clone()
    } else {
        let (old, going) = old_definitions(&current, &legacy_schema)?;
        plan.going = going;
        old
    };
    plan.missing_privileges =
        definition::missing_privileges(connection, None, SHADOW, &[&old[0], &old[1]]).await?;
    plan.anomalies = findings.into_anomalies();
    plan.phases = log.timelines.values().map(|folded| legacy_phases::rows(folded).len() as u64).sum();
    plan.links = links.phase_of.len() as u64;
    plan.ready = plan.anomalies.is_empty()
        && plan.missing_privileges.is_empty()
        && plan.edits.is_empty()
        && plan.drift.is_empty();
    let mut watch = watch;
    let live: i64 = sqlx::query_scalar("SELECT count(*) FROM public.project_phases").fetch_one(connection).await?;
    watch.expect("project_phases", live.unsigned_abs());
    Ok(Looked::Prepared(Box::new(Prepared { plan, log, links, current, old, watch })))
}

async fn captured(connection: &mut PgConnection, table: &str) -> Result<TableDefinition, MigratorError> {
    definition::capture(connection, "public", table)
        .await?
        .ok_or_else(|| MigratorError::WrongShape(format!("table public.{table} is missing")))
}

async fn refusals(
    connection: &mut PgConnection,
    legacy_schema: &LegacySchemaRecorded,
    current: &[TableDefinition; 2],
    findings: &mut Findings,
) -> Result<(), MigratorError> {
    for obstacle in definition::obstacles(connection, &REBUILT).await? {
        let place = if obstacle.table.is_empty() { String::new() } else { format!("on {}: ", obstacle.table) };
        findings.note(Code::Obstacle, "object", obstacle.object, format!("{place}{}; {}", obstacle.reason, obstacle.remedy));
    }
    let mut needed = legacy_schema.phase_type.needed_names();
    needed.extend(legacy_schema.project_phase_id.needed_names());
    // Names that the rebuilt tables bear themselves are freed by the run.
    let own = |name: &QualifiedName| current.iter().any(|table| table.indexes.iter().any(|index| index.name == name.name));
    needed.retain(|name| !matches!(name, NeededName::Relation(name) if own(name)));
    needed.push(NeededName::Schema(SHADOW.to_owned()));
    for taken in definition::names_taken(connection, &needed).await? {
        findings.note(Code::Obstacle, "name", taken.object, format!("{}; {}", taken.reason, taken.remedy));
    }
    Ok(())
}

/// Today's definitions without the new columns and with what the log kept: so that what a DBA did since survives.
/// Also what hangs on the new columns beyond our own indexes and goes with them.
fn old_definitions(
    current: &[TableDefinition; 2],
    legacy_schema: &LegacySchemaRecorded,
) -> Result<([TableDefinition; 2], Vec<String>), MigratorError> {
    let [mut phases, mut assignments] = current.clone();
    let mut going = Vec::new();
    for column in NEW_COLUMNS.iter().rev() {
        let luggage = phases.take_column(column)?;
        let ours = ["ix_project_phases_start_date", "ix_project_phases_end_date", "check_phase_dates"];
        let names = luggage
            .indexes
            .iter()
            .map(|(_, index)| format!("index {}", index.name))
            .chain(luggage.checks.iter().map(|check| format!("check {}", check.name)))
            .chain(luggage.foreign_keys.iter().map(|key| format!("foreign key {}", key.name)))
            .chain(luggage.statistics.iter().map(|statistics| format!("statistics {}", statistics.name.name)));
        going.extend(names.filter(|name| !ours.iter().any(|ours| name.ends_with(ours))));
    }
    phases.put_back(legacy_schema.phase_type.clone())?;
    assignments.put_back(legacy_schema.project_phase_id.clone())?;
    // The key between the two was in the luggage of one and comes in at the other.
    phases.meet(&assignments);
    Ok(([phases, assignments], going))
}

fn tables_to_lock(prepared: &Prepared) -> Vec<QualifiedName> {
    let mut tables: Vec<QualifiedName> = prepared
        .old
        .iter()
        .chain(&prepared.current)
        .flat_map(TableDefinition::tied_tables)
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

/// The old `project_phases`: the fold's rows, in the order in which they stood.
async fn build_phases(connection: &mut PgConnection, prepared: &Prepared) -> Result<(), MigratorError> {
    let [phases, _] = &prepared.old;
    ddl::run(connection, &phases.create_in(SHADOW)).await?;
    let mut rows: Vec<_> = prepared.log.timelines.values().flat_map(legacy_phases::rows).collect();
    rows.sort_by_key(|row| row.ordinal);
    let target = format!("{SHADOW}.project_phases ({})", legacy_phases::COLUMNS);
    let mut sink = Sink::open(connection, &target).await?;
    for row in rows {
        sink.row(8, |fields| {
            fields.uuid(row.project_id.uuid());
            fields.text(row.phase_type.label());
            fields.numeric(row.capital_budget);
            fields.numeric(row.expense_budget);
            fields.numeric(row.total_budget);
            fields.uuid(row.id.uuid());
            fields.timestamp(row.created_at);
            fields.timestamp(row.updated_at);
        })
        .await?;
    }
    sink.finish().await?;
    ddl::run(connection, &phases.index_in(SHADOW)).await?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.project_phases")).execute(connection).await?;
    Ok(())
}

/// The statement that fills the old `resource_assignments` from the present one: today's rows, with the link that the
/// log kept; without one the phase of the date, else the project's first phase.
fn fill(assignments: &TableDefinition, condition: &str) -> String {
    let columns: Vec<String> = assignments.loadable_columns().map(definition::quote_ident).collect();
    let values: Vec<String> = assignments
        .loadable_columns()
        .map(|column| {
            if column == "project_phase_id" {
                "coalesce(l.phase_id, \
                    (SELECT p.id FROM public.project_phases p WHERE p.project_id = t.project_id \
                        AND t.assignment_date BETWEEN p.start_date AND p.end_date ORDER BY p.start_date LIMIT 1), \
                    (SELECT p.id FROM public.project_phases p WHERE p.project_id = t.project_id \
                        ORDER BY p.start_date, p.id LIMIT 1))"
                    .to_owned()
            } else {
                format!("t.{}", definition::quote_ident(column))
            }
        })
        .collect();
    format!(
        "INSERT INTO {SHADOW}.resource_assignments ({}) SELECT {} FROM public.resource_assignments t \
         LEFT JOIN {SHADOW}.links l ON l.assignment_id = t.id WHERE {condition} ORDER BY t.ctid",
        columns.join(", "),
        values.join(", ")
    )
}

async fn build_assignments(
    connection: &mut PgConnection,
    prepared: &Prepared,
    progress: &dyn Progress,
) -> Result<u64, MigratorError> {
    let [_, assignments] = &prepared.old;
    sqlx::raw_sql(&format!("CREATE UNLOGGED TABLE {SHADOW}.links (assignment_id uuid NOT NULL, phase_id uuid NOT NULL)"))
        .execute(&mut *connection)
        .await?;
    let mut sink = Sink::open(connection, &format!("{SHADOW}.links (assignment_id, phase_id)")).await?;
    for (done, (assignment, phase)) in prepared.links.phase_of.iter().enumerate() {
        let (assignment, phase): (&AssignmentId, &PhaseId) = (assignment, phase);
        sink.row(2, |fields| {
            fields.uuid(assignment.uuid());
            fields.uuid(phase.uuid());
        })
        .await?;
        if done % 10_000 == 0 {
            progress.advance(done as u64);
        }
    }
    sink.finish().await?;
    progress.step("building the old resource_assignments", None);
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.links")).execute(&mut *connection).await?;
    ddl::run(connection, &assignments.create_in(SHADOW)).await?;
    let copied = sqlx::raw_sql(&fill(assignments, "true")).execute(&mut *connection).await?.rows_affected();
    stop_if_asked(progress)?;
    progress.step("indexing the old resource_assignments", None);
    ddl::run(connection, &assignments.index_in(SHADOW)).await?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.resource_assignments")).execute(connection).await?;
    Ok(copied)
}

/// What changed between reading and locking that cannot simply be brought in.
async fn changed(connection: &mut PgConnection, prepared: &Prepared) -> Result<Option<String>, MigratorError> {
    if schema::tip(connection).await?.position != prepared.log.position {
        return Ok(Some("the log".to_owned()));
    }
    if prepared.watch.changed_table(connection, "project_phases").await? {
        return Ok(Some("project_phases".to_owned()));
    }
    for before in &prepared.current {
        if definition::capture(connection, "public", &before.name).await?.as_ref() != Some(before) {
            return Ok(Some(format!("the definition of {}", before.name)));
        }
    }
    if shape::find(connection).await?.revision() != Some(TIMELINE_REVISION) {
        return Ok(Some("alembic_version".to_owned()));
    }
    if !definition::obstacles(connection, &REBUILT).await?.is_empty() {
        return Ok(Some("what hangs on the tables".to_owned()));
    }
    Ok(None)
}

/// Brings in what users did to assignments since they were copied: rows that are gone go, rows that are newer are taken
/// again.
async fn catch_up(connection: &mut PgConnection, prepared: &Prepared) -> Result<(), MigratorError> {
    let newer = prepared.watch.newer();
    sqlx::raw_sql(&format!(
        "DELETE FROM {SHADOW}.resource_assignments s
          WHERE NOT EXISTS (SELECT FROM public.resource_assignments t WHERE t.id = s.id)
             OR s.id IN (SELECT t.id FROM public.resource_assignments t WHERE {newer})"
    ))
    .execute(&mut *connection)
    .await?;
    sqlx::raw_sql(&fill(&prepared.old[1], &newer)).execute(connection).await?;
    Ok(())
}

/// What comes back, counted under the lock; fails unless it is everything.
async fn count(connection: &mut PgConnection, prepared: &Prepared) -> Result<RollbackCompleted, MigratorError> {
    let (phases, assignments, built, built_phases): (i64, i64, i64, i64) = sqlx::query_as(&format!(
        "SELECT (SELECT count(*) FROM public.project_phases), (SELECT count(*) FROM public.resource_assignments),
                (SELECT count(*) FROM {SHADOW}.resource_assignments), (SELECT count(*) FROM {SHADOW}.project_phases)"
    ))
    .fetch_one(&mut *connection)
    .await?;
    if assignments != built || phases != built_phases || built_phases.unsigned_abs() != prepared.plan.phases {
        return Err(MigratorError::SelfCheck(format!(
            "{built} assignments and {built_phases} phases were built where {assignments} and {phases} stand"
        )));
    }
    let (unlinked, by_date): (i64, i64) = sqlx::query_as(&format!(
        "SELECT count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM public.project_phases p
                WHERE p.project_id = t.project_id AND t.assignment_date BETWEEN p.start_date AND p.end_date))
           FROM public.resource_assignments t
          WHERE NOT EXISTS (SELECT FROM {SHADOW}.links l WHERE l.assignment_id = t.id)"
    ))
    .fetch_one(connection)
    .await?;
    Ok(RollbackCompleted {
        phases: built_phases.unsigned_abs(),
        assignments: built.unsigned_abs(),
        links_restored: (built - unlinked).unsigned_abs(),
        links_by_date: by_date.unsigned_abs(),
        links_first_phase: (unlinked - by_date).unsigned_abs(),
    })
}

async fn record(
    connection: &mut PgConnection,
    options: &RollbackOptions,
    run: Uuid,
    completed: &RollbackCompleted,
) -> Result<(), MigratorError> {
    let metadata = options.operator.metadata(run).to_json()?;
    let started =
        options.operator.started(connection, Direction::Rollback, None, serde_json::json!({})).await?;
    let mut import = Import::begin(connection).await?;
    let stream = run::stream_of(run);
    import.push(stream, 1, &RunEvent::Started(started).to_new()?, &metadata).await?;
    import.push(stream, 2, &RunEvent::RolledBack(completed.clone()).to_new()?, &metadata).await?;
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
    sqlx::raw_sql(&format!("DROP TABLE {SHADOW}.links; DROP SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    schema::set_accepts_commands(connection, false).await?;
    check_definition(connection, phases).await?;
    check_definition(connection, assignments).await
}
