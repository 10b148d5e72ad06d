//! A decided command on its way into the log, and its result.

use super::job::Job;
use crate::append::{Append, Appended};
use crate::{Committed, FoldedTimeline, Pace, StoreError};
use chrono::{DateTime, Utc};
use phaseline_domain::TimelineEvent;
use sqlx::PgConnection;
use std::borrow::Borrow;
use std::sync::Arc;

/// A decided command to append.
pub(super) struct PreparedCommand {
    pub(super) job: Job,
    pub(super) append: Append,
    pub(super) adoption: Vec<TimelineEvent>,
    pub(super) decided: Vec<TimelineEvent>,
    /// The timeline after it, without timestamps.
    pub(super) predicted: FoldedTimeline,
}

impl Borrow<Append> for PreparedCommand {
    fn borrow(&self) -> &Append {
        &self.append
    }
}

impl PreparedCommand {
    /// The result of an appended command; `before` is the timeline after those before it in the batch.
    pub(super) async fn committed(
        &mut self,
        before: Option<&Arc<FoldedTimeline>>,
        appended: Appended,
    ) -> Committed {
        let adoption = std::mem::take(&mut self.adoption);
        let decided = std::mem::take(&mut self.decided);
        let at = appended.recorded_at.naive_utc();
        let mut after = std::mem::take(&mut self.predicted);
        if let Some(before) = before {
            // The timestamps of earlier commands are known only now.
            after.timestamps.clone_from(&before.timestamps);
            after.position = before.position;
        }
        let mut pace = Pace::begin();
        for event in &decided {
            after.record_timestamps(event, at);
            pace.pause().await;
        }
        if !decided.is_empty() {
            after.version = appended.version;
            after.position = appended.position;
        }
        let after = Arc::new(after);
        let events = adoption.iter().cloned().chain(decided).collect();
        Committed {
            events,
            adoption,
            version: after.version,
            position: after.position,
            after,
            repeated: false,
        }
    }
}

/// The result of an append, if its events are in the log under their ids.
pub(super) async fn find_appended(
    connection: &mut PgConnection,
    append: &Append,
) -> Result<Option<Appended>, StoreError> {
    let mut events = append.all_events();
    let version = append.expected + i64::try_from(events.len()).unwrap_or_default();
    let Some(last) = events.next_back() else { return Ok(None) };
    let found: Option<(i64, DateTime<Utc>)> = sqlx::query_as(
        "SELECT position, recorded_at FROM phaseline.events
          WHERE stream_type = $1 AND stream_id = $2 AND version = $3 AND event_id = $4",
    )
    .bind(append.stream.stream_type)
    .bind(append.stream.id)
    .bind(version)
    .bind(last.event_id)
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|(position, recorded_at)| Appended { version, position, recorded_at }))
}
