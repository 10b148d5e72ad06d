//! The events of a run: its operator, time, plan and outcome.
//!
//! Its beginning is committed before its work (module `run::journal`); everything else is written in the transaction
//! that changes the shape. So the log shows that a killed run began and changed nothing.

use crate::definition::DetachedColumn;
use crate::report::{BudgetSums, Counts, RollbackCompleted};
use chrono::{DateTime, Utc};
use phaseline_domain::{ProjectId, StoredEventError};
use phaseline_store::{NewEvent, RecordedEvent};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The stream type of runs.
pub const RUN: &str = "MigrationRun";

/// The direction of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the legacy shape to the timeline shape.
    Migrate,
    /// From the timeline shape to the legacy shape.
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
    /// The direction.
    pub direction: Direction,
    /// The program's version.
    pub program: String,
    /// The machine it ran on.
    pub host: String,
    /// Its process on that machine.
    pub pid: u32,
    /// When it began, by the database's clock.
    pub started_at: DateTime<Utc>,
    /// The plan's digest; none for a rollback.
    pub plan_digest: Option<String>,
    /// The options, as JSON.
    pub options: serde_json::Value,
}

/// The definitions of the legacy tables that the timeline shape cannot hold, which a rollback needs beside the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegacySchemaRecorded {
    /// `project_phases.phase_type`.
    pub phase_type: DetachedColumn,
    /// `resource_assignments.project_phase_id`.
    pub project_phase_id: DetachedColumn,
    /// Storage options that the migration added to `project_phases`, such as `fillfactor=25`. A rollback drops them.
    #[serde(rename = "given_options", default, skip_serializing_if = "Vec::is_empty")]
    pub added_options: Vec<String>,
}

/// The database is in the timeline shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MigrationCompleted {
    /// Rows and events.
    pub counts: Counts,
    /// Budgets carried over.
    pub budgets: BudgetSums,
}

/// A digest over the rows of `project_phases` that a rollback wrote for each project, to detect later changes.
/// In chunks, of [`ROWS_WRITTEN_CHUNK`] projects each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LegacyRowsWritten {
    /// SHA-256 in hexadecimal digits, by project.
    pub digests: HashMap<ProjectId, String>,
}

/// Projects in one [`LegacyRowsWritten`].
pub const ROWS_WRITTEN_CHUNK: usize = 1000;

/// The accepted loss of a rollback.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LossAccepted {
    /// The accepted digest.
    pub digest: String,
    /// The items, as the report showed them.
    pub items: serde_json::Value,
}

/// How a run without effect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The operator stopped it.
    Interrupted,
    /// The database, or the plan, did not allow it.
    Refused,
    /// An error.
    Failed,
}

/// A run ended without changing the shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunFailed {
    /// How it ended.
    pub outcome: FailureKind,
    /// The reason.
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
    /// The event in its stored form.
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
    /// Why it cannot be read.
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
