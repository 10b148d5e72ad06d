//! A run of the migrator as events: who, when, on what plan, with what outcome.
//!
//! That it began is committed before its work (module `journal`); everything else is written in the transaction
//! that changes the shape. So a run that was killed is seen to have begun, and to have changed nothing.

use crate::definition::Luggage;
use crate::error::MigratorError;
use crate::plan::Counts;
use crate::translate::BudgetSums;
use chrono::{DateTime, Utc};
use phaseline_domain::{ProjectId, StoredEventError};
use phaseline_store::{
    Metadata, NewEvent, Quarantine, RecordedEvent, StoreError, StreamId, UnreadableEvent, read, skip,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// The stream type of runs.
pub const RUN: &str = "MigrationRun";

/// Which way a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Legacy tables into the log.
    Migrate,
    /// Back.
    Rollback,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Migrate => "migrate",
            Self::Rollback => "rollback",
        })
    }
}

/// A run began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunStarted {
    /// Which way.
    pub direction: Direction,
    /// The program's version.
    pub program: String,
    /// The machine it ran on.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// When it began, by the database's clock.
    pub started_at: DateTime<Utc>,
    /// What the plan stood for; none for a rollback.
    pub plan_digest: Option<String>,
    /// The options, as JSON.
    pub options: serde_json::Value,
}

/// What of the old tables' definitions the new shape has no place for: all that a rollback needs beside the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegacySchemaRecorded {
    /// What `project_phases.phase_type` took along.
    pub phase_type: Luggage,
    /// What `resource_assignments.project_phase_id` took along.
    pub project_phase_id: Luggage,
    /// The storage options that the new `project_phases` has and the old one had not, `fillfactor=25`. A rollback leaves them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_options: Vec<String>,
}

/// The database is in the new shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MigrationCompleted {
    /// Rows and events.
    pub counts: Counts,
    /// Budgets carried over.
    pub budgets: BudgetSums,
}

/// The database is in the old shape again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RollbackCompleted {
    /// Rows of `project_phases` that came back.
    pub phases: u64,
    /// Rows of `resource_assignments`.
    pub assignments: u64,
    /// Assignments that got the link that the log kept.
    pub links_restored: u64,
    /// Assignments that the log does not know, by the phase of their date.
    pub links_by_date: u64,
    /// Assignments that the log does not know and that no phase holds: their project's first phase.
    pub links_first_phase: u64,
    /// The links among them that the log did not have, and has from then on.
    #[serde(default)]
    pub links_recorded: u64,
    /// The digest of the loss that was accepted; none if nothing was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_loss: Option<String>,
}

/// A digest over the rows of `project_phases` that a rollback wrote for each project: whether somebody touched them since.
/// In chunks, of [`ROWS_WRITTEN_CHUNK`] projects each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LegacyRowsWritten {
    /// SHA-256 in hexadecimal digits, by project.
    pub digests: HashMap<ProjectId, String>,
}

/// Projects in one [`LegacyRowsWritten`].
pub const ROWS_WRITTEN_CHUNK: usize = 1000;

/// What a rollback could not carry over, as it was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LossAccepted {
    /// The digest that was given.
    pub digest: String,
    /// The items, as the report showed them.
    pub items: serde_json::Value,
}

/// A run ended without changing the shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunFailed {
    /// `interrupted`, `refused` or `failed`.
    pub outcome: String,
    /// Why.
    pub error: String,
}

/// One of a run's events.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has a handful of events")]
pub enum RunEvent {
    /// See [`RunStarted`].
    Started(RunStarted),
    /// See [`LegacySchemaRecorded`].
    LegacySchema(LegacySchemaRecorded),
    /// See [`MigrationCompleted`].
    Migrated(MigrationCompleted),
    /// See [`RollbackCompleted`].
    RolledBack(RollbackCompleted),
    /// See [`LegacyRowsWritten`].
    RowsWritten(LegacyRowsWritten),
    /// See [`LossAccepted`].
    LossAccepted(LossAccepted),
    /// See [`RunFailed`].
    Failed(RunFailed),
}

const VERSION: i32 = 1;

impl RunEvent {
    /// The event as it is written.
    pub fn to_new(&self) -> Result<NewEvent, serde_json::Error> {
        let (event_type, payload) = match self {
            Self::Started(event) => ("RunStarted", serde_json::to_string(event)?),
            Self::LegacySchema(event) => ("LegacySchemaRecorded", serde_json::to_string(event)?),
            Self::Migrated(event) => ("MigrationCompleted", serde_json::to_string(event)?),
            Self::RolledBack(event) => ("RollbackCompleted", serde_json::to_string(event)?),
            Self::RowsWritten(event) => ("LegacyRowsWritten", serde_json::to_string(event)?),
            Self::LossAccepted(event) => ("LossAccepted", serde_json::to_string(event)?),
            Self::Failed(event) => ("RunFailed", serde_json::to_string(event)?),
        };
        Ok(NewEvent::new(event_type, VERSION, payload))
    }

    /// Reads a run's event.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn from_recorded(event: &RecordedEvent) -> Result<Self, StoredEventError> {
        let event_type = event.event_type.clone();
        if event.schema_version != VERSION {
            let (found, known) = (event.schema_version, VERSION);
            return Err(StoredEventError::UnknownVersion { event_type, found, known });
        }
        let parsed = match event_type.as_str() {
            "RunStarted" => serde_json::from_str(&event.payload).map(Self::Started),
            "LegacySchemaRecorded" => serde_json::from_str(&event.payload).map(Self::LegacySchema),
            "MigrationCompleted" => serde_json::from_str(&event.payload).map(Self::Migrated),
            "RollbackCompleted" => serde_json::from_str(&event.payload).map(Self::RolledBack),
            "LegacyRowsWritten" => serde_json::from_str(&event.payload).map(Self::RowsWritten),
            "LossAccepted" => serde_json::from_str(&event.payload).map(Self::LossAccepted),
            "RunFailed" => serde_json::from_str(&event.payload).map(Self::Failed),
            _ => return Err(StoredEventError::UnknownType(event_type)),
        };
        parsed.map_err(|source| StoredEventError::Payload { event_type, source })
    }
}

/// A run as the log tells it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: Uuid,
    /// How it began.
    pub started: RunStarted,
    /// Who ran it, and why.
    pub metadata: Metadata,
    /// What the new shape had no place for; a migration's only.
    pub legacy_schema: Option<LegacySchemaRecorded>,
    /// What came of a migration.
    pub migrated: Option<MigrationCompleted>,
    /// What came of a rollback.
    pub rolled_back: Option<RollbackCompleted>,
    /// The digests of the rows that a rollback wrote.
    pub written: HashMap<ProjectId, String>,
    /// Why it ended without changing the shape, if it said so.
    pub failed: Option<RunFailed>,
    /// The position of its last event.
    pub position: i64,
    /// When its last event was recorded.
    pub ended_at: DateTime<Utc>,
}

impl Run {
    /// Whether it changed the shape.
    pub const fn completed(&self) -> bool {
        self.migrated.is_some() || self.rolled_back.is_some()
    }
}

/// The stream of a run.
pub const fn stream_of(run: Uuid) -> StreamId {
    StreamId { stream_type: RUN, id: run }
}

/// All runs that the log knows, oldest first.
///
/// # Errors
/// [`StoreError::Unreadable`] if one of their events cannot be read and is not left out.
pub async fn runs(connection: &mut PgConnection) -> Result<Vec<Run>, MigratorError> {
    let (runs, unreadable) = readable_runs(connection).await?;
    match unreadable.events.into_iter().next() {
        None => Ok(runs),
        Some(first) => Err(StoreError::Unreadable(Box::new(first)).into()),
    }
}

/// The same as far as their events can be read, and those that cannot.
pub async fn readable_runs(connection: &mut PgConnection) -> Result<(Vec<Run>, Quarantine), MigratorError> {
    let (mut runs, mut unreadable) = (Vec::<Run>::new(), Quarantine::default());
    let skipped = skip::positions(connection).await?;
    for recorded in read::of_type(connection, RUN).await? {
        if skipped.contains(&recorded.position) {
            continue;
        }
        let event = match RunEvent::from_recorded(&recorded) {
            Ok(event) => event,
            Err(fault) => {
                unreadable.add(UnreadableEvent::at(&recorded, fault));
                continue;
            }
        };
        if let RunEvent::Started(started) = event {
            runs.push(Run {
                id: recorded.stream_id,
                started,
                metadata: recorded.metadata,
                legacy_schema: None,
                migrated: None,
                rolled_back: None,
                written: HashMap::new(),
                failed: None,
                position: recorded.position,
                ended_at: recorded.recorded_at,
            });
            continue;
        }
        let Some(run) = runs.iter_mut().rev().find(|run| run.id == recorded.stream_id) else {
            continue;
        };
        run.position = recorded.position;
        run.ended_at = recorded.recorded_at;
        match event {
            RunEvent::LegacySchema(schema) => run.legacy_schema = Some(schema),
            RunEvent::Migrated(completed) => run.migrated = Some(completed),
            RunEvent::RolledBack(completed) => run.rolled_back = Some(completed),
            RunEvent::RowsWritten(rows) => run.written.extend(rows.digests),
            RunEvent::Failed(failed) => run.failed = Some(failed),
            RunEvent::LossAccepted(_) | RunEvent::Started(_) => {}
        }
    }
    Ok((runs, unreadable))
}

/// Who runs it, from where, and why.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// Who.
    pub actor: String,
    /// The machine.
    pub host: String,
    /// Why, if they said so.
    pub reason: Option<String>,
}

impl Operator {
    /// How the run shows in `pg_stat_activity`.
    pub(crate) fn purpose(&self, direction: Direction) -> String {
        // 63 bytes is all that the server keeps; the actor may be cut, who else waits needs the rest.
        let host: String = self.host.chars().take(20).collect();
        format!("phaseline {direction} pid {} on {host} by {}", std::process::id(), self.actor)
    }

    /// The metadata of a run's events.
    pub(crate) fn metadata(&self, run: Uuid) -> Metadata {
        Metadata {
            actor: Some(self.actor.clone()),
            reason: self.reason.clone(),
            source: Some("migration".to_owned()),
            correlation_id: Some(run.to_string()),
            ..Metadata::default()
        }
    }

    /// A run's first event.
    pub(crate) async fn started(
        &self,
        connection: &mut PgConnection,
        direction: Direction,
        plan_digest: Option<String>,
        options: serde_json::Value,
    ) -> Result<RunStarted, sqlx::Error> {
        let started_at =
            sqlx::query_scalar("SELECT pg_catalog.clock_timestamp()").fetch_one(connection).await?;
        Ok(RunStarted {
            direction,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            host: self.host.clone(),
            pid: std::process::id(),
            started_at,
            plan_digest,
            options,
        })
    }
}
