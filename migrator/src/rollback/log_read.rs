//! Reads the log for a rollback, and later what it gained since.

use super::loss::EditHistory;
use super::restored::PhasesBefore;
use crate::anomaly::Findings;
use crate::error::MigratorError;
use crate::log::link_events::FoldedLinks;
use crate::log::report_event;
use crate::progress::{Progress, Silent};
use crate::report::TimelineEdit;
use phaseline_projections::FoldedLog;
use phaseline_store::{Quarantine, RawEvent, StoreError, chain::Inspector, read, schema, skip};
use sqlx::PgConnection;

/// The log up to a position.
pub(super) struct LogRead {
    pub log: FoldedLog,
    pub links: FoldedLinks,
    pub edit_history: EditHistory,
    /// Changes since the migration.
    pub edits: Vec<TimelineEdit>,
    /// The position of the migration's last event.
    migration: i64,
    before: PhasesBefore,
    is_migrated: bool,
    inspector: Inspector,
    unreadable: Quarantine,
}

impl LogRead {
    /// Reads the whole log; `migration` is the position of the migration's last event.
    pub(super) async fn of(
        connection: &mut PgConnection,
        migration: i64,
        progress: &dyn Progress,
    ) -> Result<Self, MigratorError> {
        let mut read = Self {
            log: FoldedLog::begin(connection).await?,
            links: FoldedLinks::default(),
            edit_history: EditHistory::default(),
            edits: Vec::new(),
            migration,
            before: PhasesBefore::default(),
            is_migrated: false,
            inspector: Inspector::default(),
            unreadable: Quarantine::default(),
        };
        read.read(connection, progress).await?;
        Ok(read)
    }

    /// Reads the events that the log gained since. False if one of them leaves out earlier ones: then the fold so far does not apply.
    pub(super) async fn read_on(&mut self, connection: &mut PgConnection) -> Result<bool, MigratorError> {
        let skipped = skip::positions(connection).await?;
        if skipped.iter().any(|position| !self.log.skips(*position)) {
            return Ok(false);
        }
        self.read(connection, &Silent).await?;
        Ok(true)
    }

    async fn read(
        &mut self,
        connection: &mut PgConnection,
        progress: &dyn Progress,
    ) -> Result<(), MigratorError> {
        let tip = schema::tip(connection).await?.position.unsigned_abs();
        progress.total(tip);
        read::scan_after(connection, self.log.position, |event| {
            self.see(event);
            report_event(progress, event.position, tip);
            Ok::<_, StoreError>(())
        })
        .await?;
        self.links.phase_of.settle()?;
        progress.advance(tip);
        Ok(())
    }

    fn see(&mut self, event: &RawEvent<'_>) {
        let Self { log, links, edit_history, edits, .. } = self;
        self.inspector.see(event);
        let is_later = event.position > self.migration;
        if is_later && !self.is_migrated {
            self.before = PhasesBefore::of(log);
            self.is_migrated = true;
        }
        if let Err(found) = links.see(event, log.skips(event.position)) {
            self.unreadable.add(*found);
        }
        let happened =
            log.apply_with(event, |timeline, happened| edit_history.see(event, happened, timeline));
        if let Some(happened) = happened
            && is_later
        {
            edits.push(TimelineEdit {
                project_id: event.stream_id.into(),
                phase_id: happened.phase_id(),
                event_type: event.event_type.to_owned(),
                position: event.position,
                recorded_at: event.recorded_at,
                actor: event.metadata().actor,
                login: event.login.map(str::to_owned),
            });
        }
        // Nothing may follow the migration's last event.
        if event.position == self.migration {
            self.before = PhasesBefore::of(&self.log);
            self.is_migrated = true;
        }
    }

    /// The phases of the legacy tables before the migration.
    pub(super) const fn before(&self) -> &PhasesBefore {
        &self.before
    }

    /// Notes the log's damage and its unreadable events.
    pub(super) fn note(&self, findings: &mut Findings) {
        let mut unreadable = self.unreadable.clone();
        unreadable.extend(&self.log.unreadable());
        findings.note_log(&self.inspector, &unreadable);
    }
}
