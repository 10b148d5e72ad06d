//! Runs and repairs from their events in the log, for readers: migrations, rollbacks, and repairs of drift.

use crate::repair::DRIFT_REPAIR;
use chrono::{DateTime, Utc};
use phaseline_domain::ProjectId;
use phaseline_store::unreadable::metadata_fault;
use phaseline_store::{Metadata, RecordedEvent, StoreError, read, skip};
use rust_decimal::Decimal;
use serde::Deserialize;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The stream type of runs.
const RUN: &str = "MigrationRun";
/// The known schema version of these events.
const VERSION: i32 = 1;

/// What a run or a repair did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoggedRunKind {
    /// From the legacy shape to the timeline shape.
    Migration,
    /// From the timeline shape to the legacy shape.
    Rollback,
    /// Rows of `project_phases` were written from the log.
    Repair,
    /// Its first event cannot be read.
    Unknown,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedOutcome {
    /// It changed the database.
    Done,
    /// It recorded that it ended without effect: how, and why.
    WithoutEffect(String, String),
    /// It recorded no end: it is running, or was killed and changed nothing.
    NoEnd,
}

/// A run or a repair.
#[derive(Clone, Debug)]
pub struct LoggedRun {
    /// Its stream.
    pub id: Uuid,
    /// What it did.
    pub kind: LoggedRunKind,
    /// How it ended.
    pub outcome: LoggedOutcome,
    /// What it counted, by name.
    pub counts: Vec<(&'static str, u64)>,
    /// The sum of the budgets that a migration carried over.
    pub budget: Option<Decimal>,
    /// The digest of the loss that the operator of a rollback accepted.
    pub accepted_loss: Option<String>,
    /// Operator, reason and source, as the writer claims.
    pub metadata: Metadata,
    /// The login, as the database recorded it.
    pub login: Option<String>,
    /// The program's version and the machine.
    pub program: Option<[String; 2]>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its last event was recorded.
    pub ended_at: DateTime<Utc>,
    /// The positions of its first and its last event.
    pub positions: [i64; 2],
    /// Positions of events that cannot be read, and why.
    pub unreadable: Vec<(i64, String)>,
}

#[derive(Deserialize)]
struct BegunRun {
    direction: String,
    program: String,
    host: String,
    started_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct MigratedTables {
    counts: MigratedCounts,
    budgets: MigratedBudgets,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MigratedCounts {
    projects: u64,
    phases: u64,
    assignments: u64,
    timelines_opened: u64,
    timelines_continued: u64,
    timelines_changed: u64,
    timelines_closed: u64,
    phases_supplied: u64,
    links: u64,
    timeline_events: u64,
    link_events: u64,
}

#[derive(Deserialize)]
struct MigratedBudgets {
    total: Decimal,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RestoredCounts {
    phases: u64,
    assignments: u64,
    links_restored: u64,
    links_by_date: u64,
    links_first_phase: u64,
    accepted_loss: Option<String>,
}

#[derive(Deserialize)]
struct EndedRun {
    outcome: String,
    error: String,
}

#[derive(Deserialize)]
struct RepairedRows {
    #[serde(default)]
    differences: Vec<RepairedRow>,
    #[serde(default)]
    missing_rows: Option<u64>,
}

#[derive(Deserialize)]
struct RepairedRow {
    project_id: ProjectId,
}

/// All runs and repairs of the log, newest first.
///
/// # Errors
/// The database's own. An event that cannot be read is named in its run.
pub async fn logged_runs(connection: &mut PgConnection) -> Result<Vec<LoggedRun>, StoreError> {
    let skipped = skip::positions(connection).await?;
    let mut events = read::of_type(connection, RUN).await?;
    events.extend(read::of_type(connection, DRIFT_REPAIR).await?);
    events.retain(|event| !skipped.contains(&event.position));
    let mut runs: BTreeMap<Uuid, (LoggedRun, BTreeSet<ProjectId>)> = BTreeMap::new();
    for event in events {
        let (run, projects) =
            runs.entry(event.stream_id).or_insert_with(|| (LoggedRun::begin(&event), BTreeSet::new()));
        run.positions[1] = event.position;
        run.ended_at = event.recorded_at;
        if let Err(fault) = run.add(&event, projects) {
            run.unreadable.push((event.position, fault));
        }
    }
    let mut runs: Vec<LoggedRun> = runs
        .into_values()
        .map(|(mut run, projects)| {
            if run.kind == LoggedRunKind::Repair && !projects.is_empty() {
                run.counts.insert(0, ("projects", projects.len() as u64));
            }
            run
        })
        .collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.positions[0]));
    Ok(runs)
}

impl LoggedRun {
    fn begin(event: &RecordedEvent) -> Self {
        let is_repair = event.stream_type == DRIFT_REPAIR;
        Self {
            id: event.stream_id,
            kind: if is_repair { LoggedRunKind::Repair } else { LoggedRunKind::Unknown },
            outcome: if is_repair { LoggedOutcome::Done } else { LoggedOutcome::NoEnd },
            counts: Vec::new(),
            budget: None,
            accepted_loss: None,
            metadata: event.metadata.clone(),
            login: event.login.clone(),
            program: None,
            started_at: event.recorded_at,
            ended_at: event.recorded_at,
            positions: [event.position; 2],
            unreadable: Vec::new(),
        }
    }

    fn add(&mut self, event: &RecordedEvent, projects: &mut BTreeSet<ProjectId>) -> Result<(), String> {
        if let Some(error) = &event.metadata_error {
            return Err(metadata_fault(error));
        }
        if event.schema_version != VERSION {
            return Err(format!(
                "{} of schema version {} is not known",
                event.event_type, event.schema_version
            ));
        }
        match event.event_type.as_str() {
            "RunStarted" => {
                let begun: BegunRun = payload(event)?;
                self.kind = match begun.direction.as_str() {
                    "migrate" => LoggedRunKind::Migration,
                    "rollback" => LoggedRunKind::Rollback,
                    other => return Err(format!("the direction {other:?} is not known")),
                };
                self.program = Some([begun.program, begun.host]);
                self.started_at = begun.started_at;
            }
            "MigrationCompleted" => {
                let MigratedTables { counts, budgets } = payload(event)?;
                self.outcome = LoggedOutcome::Done;
                self.budget = Some(budgets.total);
                self.counts = vec![
                    ("projects", counts.projects),
                    ("phases", counts.phases),
                    ("assignments", counts.assignments),
                    ("assignments linked", counts.links),
                    ("timelines opened", counts.timelines_opened),
                    ("timelines continued", counts.timelines_continued),
                    ("timelines with changes of the legacy tables", counts.timelines_changed),
                    ("timelines closed", counts.timelines_closed),
                    ("phases supplied", counts.phases_supplied),
                    ("events written", counts.timeline_events + counts.link_events),
                ];
            }
            "RollbackCompleted" => {
                let counts: RestoredCounts = payload(event)?;
                self.outcome = LoggedOutcome::Done;
                self.accepted_loss = counts.accepted_loss;
                self.counts = vec![
                    ("phases", counts.phases),
                    ("assignments", counts.assignments),
                    ("links restored from the log", counts.links_restored),
                    ("links by date", counts.links_by_date),
                    ("links to a first phase", counts.links_first_phase),
                ];
            }
            "RunFailed" => {
                let EndedRun { outcome, error } = payload(event)?;
                self.outcome = LoggedOutcome::WithoutEffect(outcome, error);
            }
            "DriftRepaired" => {
                let RepairedRows { differences, missing_rows } = payload(event)?;
                projects.extend(differences.iter().map(|difference| difference.project_id));
                self.count("differences repaired", differences.len() as u64);
                self.count("missing rows written", missing_rows.unwrap_or_default());
            }
            "LegacySchemaRecorded" | "LegacyRowsWritten" | "LossAccepted" => {}
            other => return Err(format!("{other} is not known")),
        }
        Ok(())
    }

    fn count(&mut self, name: &'static str, number: u64) {
        match self.counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += number,
            None => self.counts.push((name, number)),
        }
    }
}

fn payload<T: for<'de> Deserialize<'de>>(event: &RecordedEvent) -> Result<T, String> {
    serde_json::from_str(&event.payload)
        .map_err(|error| format!("payload of {} cannot be read: {error}", event.event_type))
}
