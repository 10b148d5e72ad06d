//! The fold: what a history amounts to. Every read model is computed from it and from nothing else.

use chrono::NaiveDateTime;
use phaseline_domain::{ProjectId, TimelineEvent};
use phaseline_store::parallel::{self, Place, Readers, TimelinePlace};
use phaseline_store::progress::Progress;
use phaseline_store::timeline::{self, TIMELINE};
use phaseline_store::{FoldedTimeline, RawEvent, StoreError};
use std::collections::HashMap;

/// What stands at one position, decoded: the project, the version, the time and the event; nothing if it is no timeline's.
struct Decoded(Option<(ProjectId, i64, NaiveDateTime, TimelineEvent)>);

impl Decoded {
    fn of(place: &Place<'_>) -> Result<Self, StoreError> {
        let decode = |found: TimelinePlace<'_>| {
            let event = TimelineEvent::from_stored(found.event_type, found.schema_version, found.payload)
                .map_err(|source| StoreError::Unreadable { position: place.position, source })?;
            Ok::<_, StoreError>((found.stream_id.into(), found.version, place.recorded_at.naive_utc(), event))
        };
        Ok(Self(place.timeline.map(decode).transpose()?))
    }
}

/// The fold of a whole log, timeline by timeline.
#[derive(Clone, Debug, Default)]
pub struct FoldedLog {
    /// Every project that the log knows.
    pub timelines: HashMap<ProjectId, FoldedTimeline>,
    /// The last position seen.
    pub position: i64,
}

impl FoldedLog {
    /// Whether the log has an open timeline of the project; one that was closed is not known any more.
    pub fn knows(&self, project: ProjectId) -> bool {
        self.timelines.get(&project).is_some_and(|folded| folded.timeline.project().is_some())
    }

    /// Takes the next event in order of position; events of other streams only move the position. A missing version
    /// is an error: a fold over a damaged log would be wrong and look right.
    pub fn see(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError> {
        self.position = event.position;
        if event.stream_type != TIMELINE {
            return Ok(());
        }
        let recorded_at = event.recorded_at.naive_utc();
        self.take(event.stream_id.into(), event.version, recorded_at, &event.timeline_event()?)
    }

    /// Takes a timeline's event that stands at the position reached.
    fn take(
        &mut self,
        project: ProjectId,
        version: i64,
        recorded_at: NaiveDateTime,
        event: &TimelineEvent,
    ) -> Result<(), StoreError> {
        let folded = self.timelines.entry(project).or_default();
        if version != folded.version + 1 {
            return Err(StoreError::VersionGap {
                stream: timeline::stream_of(project),
                expected: folded.version + 1,
                found: version,
            });
        }
        folded.apply(event, recorded_at);
        folded.version = version;
        folded.position = self.position;
        Ok(())
    }

    /// Folds the log up to a position with several connections at once: they read and decode, events are applied in order
    /// of position as in [`FoldedLog::read`], and the result is the same. `snapshot` is one from
    /// [`parallel::export_snapshot`]. Fails unless every position was seen.
    pub async fn read_parallel(
        readers: impl Into<Readers>,
        snapshot: &str,
        up_to: i64,
        progress: &dyn Progress,
    ) -> Result<Self, StoreError> {
        let mut log = Self::default();
        parallel::read_timelines(readers.into(), snapshot, up_to, Decoded::of, |places| {
            for place in places {
                log.position += 1;
                if let Some((project, version, recorded_at, event)) = place.0 {
                    log.take(project, version, recorded_at, &event)?;
                }
            }
            progress.advance(log.position.unsigned_abs());
            Ok(())
        })
        .await?;
        Ok(log)
    }

    /// Takes what was appended since it was read: under the head's lock, it then is the whole log. Fails unless the
    /// positions behind the one read are all there.
    pub async fn catch_up(&mut self, connection: &mut sqlx::PgConnection) -> Result<(), StoreError> {
        let tip = phaseline_store::schema::tip(connection).await?.position;
        let appended = phaseline_store::read::count_behind(connection, self.position).await?;
        if self.position + appended != tip {
            return Err(StoreError::PositionGap { expected: self.position + appended + 1, found: Some(tip) });
        }
        for project in timeline::changed_since(connection, self.position).await? {
            let history = timeline::history(connection, project, None).await?;
            self.timelines.insert(project, FoldedTimeline::of(&history));
        }
        self.position = tip;
        Ok(())
    }

    /// Folds the whole log as this statement sees it, up to a position. Fails if a position before its end is missing.
    pub async fn read(connection: &mut sqlx::PgConnection, up_to: Option<i64>) -> Result<Self, StoreError> {
        let mut folded = Self::default();
        phaseline_store::read::scan(connection, up_to, |event| {
            let expected = folded.position + 1;
            if event.position != expected {
                return Err(StoreError::PositionGap { expected, found: Some(event.position) });
            }
            folded.see(event)
        })
        .await?;
        Ok(folded)
    }
}
