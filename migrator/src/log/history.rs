//! The runs in the log.

use super::events::{LegacySchemaRecorded, MigrationCompleted, RUN, RunEvent, RunFailed, RunStarted};
use crate::report::RollbackCompleted;
use chrono::{DateTime, Utc};
use phaseline_domain::ProjectId;
use phaseline_store::{Metadata, Quarantine, StoreError, StreamId, UnreadableEvent, read, skip};
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// A run, from its events.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: Uuid,
    /// Its beginning.
    pub started: RunStarted,
    /// Its operator and reason.
    pub metadata: Metadata,
    /// The login, as the database recorded it.
    pub login: Option<String>,
    /// The definitions that the timeline shape cannot hold, of a migration.
    pub legacy_schema: Option<LegacySchemaRecorded>,
    /// The result of a migration.
    pub migrated: Option<MigrationCompleted>,
    /// The result of a rollback.
    pub rolled_back: Option<RollbackCompleted>,
    /// The digests of the rows that a rollback wrote.
    pub written: HashMap<ProjectId, String>,
    /// Why it ended without changing the shape, if that was recorded.
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

/// All runs in the log, oldest first.
///
/// # Errors
/// [`StoreError::Unreadable`] if one of their events cannot be read and is not left out.
pub async fn runs(connection: &mut PgConnection) -> Result<Vec<Run>, StoreError> {
    let (runs, unreadable) = readable_runs(connection).await?;
    match unreadable.events.into_iter().next() {
        None => Ok(runs),
        Some(first) => Err(StoreError::Unreadable(Box::new(first))),
    }
}

/// The same from the readable events, and the unreadable ones.
pub async fn readable_runs(connection: &mut PgConnection) -> Result<(Vec<Run>, Quarantine), StoreError> {
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
                login: recorded.login,
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
