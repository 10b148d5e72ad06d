//! The state of a database: its shape, its log, its runs.

use crate::error::MigratorError;
use crate::log::events::{Direction, FailureKind};
use crate::log::history::{self, Run};
use crate::run::lock;
use crate::shape::{self, Shape};
use chrono::{DateTime, Utc};
use phaseline_projections::planner_schema::find_changes;
use phaseline_projections::{Access, refuse_foreign_code};
use phaseline_store::{LogHead, read, schema};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// The log's end and id.
#[derive(Clone, Debug, Serialize)]
pub struct LogStatus {
    /// The version of schema `phaseline`.
    pub schema_version: Option<u32>,
    /// The log's own id; none if its head is damaged.
    pub log_id: Option<Uuid>,
    /// The last position, which is also the number of events.
    pub position: i64,
    /// When the last event was recorded.
    pub recorded_at: Option<DateTime<Utc>>,
    /// The last event's hash, in hexadecimal. A copy elsewhere proves every later change of the log up to here.
    pub hash: String,
    /// Position and hash as `verify --expect` takes them; none in an empty log.
    pub head: Option<LogHead>,
    /// Whether commands are accepted; none if its head is damaged.
    pub accepts_commands: Option<bool>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// It changed the shape.
    Done,
    /// The operator stopped it.
    Interrupted,
    /// The database, or the plan, did not allow it.
    Refused,
    /// An error, after which everything was rolled back.
    Failed,
    /// Its process holds the run lock.
    Running,
    /// Its process ended without recording why, and PostgreSQL rolled back its transaction.
    Killed,
}

impl std::fmt::Display for RunOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Killed => "killed",
        })
    }
}

impl From<FailureKind> for RunOutcome {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Interrupted => Self::Interrupted,
            FailureKind::Refused => Self::Refused,
            FailureKind::Failed => Self::Failed,
        }
    }
}

/// One run of the migrator.
#[derive(Clone, Debug, Serialize)]
pub struct RunStatus {
    /// Its id.
    pub id: Uuid,
    /// Its direction.
    pub direction: Direction,
    /// The actor, as the operator claimed.
    pub actor: Option<String>,
    /// The login, as the database recorded it.
    pub login: Option<String>,
    /// The reason.
    pub reason: Option<String>,
    /// The machine.
    pub host: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was committed; for a run without an end, when it began.
    pub ended_at: DateTime<Utc>,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Its result, in one line.
    pub summary: String,
}

/// The state of a database.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// `phaseline.status/1`
    pub format: &'static str,
    /// The database's name.
    pub database: String,
    /// PostgreSQL's version.
    pub server_version: String,
    /// The shape of the planner's tables.
    pub shape: Shape,
    /// The planner's revisions.
    pub revisions: Vec<String>,
    /// The needed tables and columns that the planner lacks, in the timeline shape.
    pub planner_schema: Vec<String>,
    /// The log; none if the database was never migrated.
    pub log: Option<LogStatus>,
    /// The runs in the log whose events can be read, oldest first.
    pub runs: Vec<RunStatus>,
    /// The current holder of the run lock.
    pub running: Option<String>,
    /// The age of the oldest snapshot that a session holds, in seconds; none if there is none, or if this role may not know. Rows
    /// that are changed often get slower while it is held.
    pub oldest_snapshot_seconds: Option<f64>,
}

/// Reads the status in one snapshot. SELECT on `alembic_version` and on the log suffice.
pub async fn status(connection: &mut PgConnection) -> Result<Status, MigratorError> {
    let mut transaction = read::snapshot(connection).await?;
    let connection = &mut *transaction;
    let (database, server_version): (String, String) =
        sqlx::query_as("SELECT current_database()::text, current_setting('server_version')")
            .fetch_one(&mut *connection)
            .await?;
    refuse_foreign_code(connection, Access::Call).await?;
    let found = shape::find(connection).await?;
    let running = lock::run_lock_holder(connection).await?;
    let mut planner_schema = Vec::new();
    if found.shape == Shape::Timelines {
        planner_schema.extend(find_changes(connection).await?.iter().map(ToString::to_string));
    }
    let mut log = None;
    let mut runs = Vec::new();
    let mut oldest_snapshot_seconds = None;
    if schema::installed(connection).await? {
        let tip = schema::tip(connection).await?;
        let head = schema::has_head_table(connection).await?;
        let (mut log_id, mut accepts_commands) = (None, None);
        if head {
            log_id = schema::log_id(connection).await.ok();
            accepts_commands = schema::accepts_commands(connection).await.ok();
        }
        log = Some(LogStatus {
            schema_version: schema::version(connection).await?,
            log_id,
            position: tip.position,
            recorded_at: tip.recorded_at,
            hash: phaseline_store::hash::hex(&tip.hash),
            head: (tip.position > 0).then_some(LogHead { position: tip.position, hash: tip.hash }),
            accepts_commands,
        });
        oldest_snapshot_seconds = schema::oldest_snapshot(connection).await?;
        let (known, _) = history::readable_runs(connection).await?;
        let last = known.len();
        let unended = |at: usize| {
            if running.is_some() && at + 1 == last { RunOutcome::Running } else { RunOutcome::Killed }
        };
        runs = known.into_iter().enumerate().map(|(at, run)| summarize(run, unended(at))).collect();
    }
    transaction.rollback().await?;
    Ok(Status {
        format: "phaseline.status/1",
        database,
        server_version,
        shape: found.shape,
        revisions: found.revisions,
        planner_schema,
        log,
        runs,
        running: running.map(|holder| holder.to_string()),
        oldest_snapshot_seconds,
    })
}

/// `unended` is the outcome of a run that recorded no end.
fn summarize(run: Run, unended: RunOutcome) -> RunStatus {
    let summary = match (&run.migrated, &run.rolled_back) {
        (Some(done), _) => format!(
            "{} projects, {} phases, {} assignments; {} events written",
            done.counts.projects,
            done.counts.phases,
            done.counts.assignments,
            done.counts.timeline_events + done.counts.link_events
        ),
        (_, Some(done)) => format!(
            "{} phases and {} assignments restored, {} links from the log",
            done.phases, done.assignments, done.links_restored
        ),
        _ => match &run.failed {
            Some(failed) => failed.error.clone(),
            None if unended == RunOutcome::Killed => {
                format!(
                    "process {} on {} ended without recording an end; it changed nothing",
                    run.started.pid, run.started.host
                )
            }
            None => String::new(),
        },
    };
    let outcome = match &run.failed {
        _ if run.completed() => RunOutcome::Done,
        Some(failed) => failed.outcome.into(),
        None => unended,
    };
    RunStatus {
        id: run.id,
        direction: run.started.direction,
        actor: run.metadata.actor,
        login: run.login,
        reason: run.metadata.reason,
        host: run.started.host,
        started_at: run.started.started_at,
        ended_at: run.ended_at,
        outcome,
        summary,
    }
}
