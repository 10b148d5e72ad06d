//! The fold of the log into timelines, from which every read model is computed.

use chrono::NaiveDateTime;
use phaseline_domain::{PhaseId, ProjectId, Timeline, TimelineEvent};
use phaseline_store::parallel::{self, LogEntry, Readers};
use phaseline_store::progress::Progress;
use phaseline_store::stream::{self, TIMELINE};
use phaseline_store::timeline_states::FoldedStream;
use phaseline_store::unreadable::{self, EventHeader};
use phaseline_store::{
    AlteredEvents, Content, FoldedTimeline, Quarantine, RawEvent, RecordedTimeline, StoreError,
    UnreadableEvent, skip,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Events between two reports of progress.
const REPORT_EVERY: i64 = 4096;

/// A timeline's event, decoded on any core.
#[derive(Debug)]
pub struct DecodedEvent {
    project: ProjectId,
    version: i64,
    recorded_at: NaiveDateTime,
    event: Result<TimelineEvent, Box<UnreadableEvent>>,
    is_altered: bool,
}

impl DecodedEvent {
    /// The event at a position; none if it belongs to no timeline.
    fn at(place: &LogEntry<'_>) -> Option<Self> {
        let found = place.timeline?;
        Some(Self {
            project: found.stream_id.into(),
            version: found.version,
            recorded_at: place.recorded_at.naive_utc(),
            event: place.decode()?,
            is_altered: place.is_altered,
        })
    }

    /// An event as it was read; none if it belongs to no timeline. Whether it fits its hash does not matter.
    pub fn of(event: &RawEvent<'_>) -> Option<Self> {
        (event.stream_type == TIMELINE).then(|| Self {
            project: event.stream_id.into(),
            version: event.version,
            recorded_at: event.recorded_at.naive_utc(),
            event: unreadable::decode(EventHeader::from(event), event.payload, event.metadata),
            is_altered: false,
        })
    }
}

/// A timeline that holds events that cannot be read.
#[derive(Clone, Debug, Default)]
pub struct Quarantined {
    /// The fold of its readable events. It is used only to know its phases, and never to write rows.
    pub folded: FoldedTimeline,
    /// The events that cannot be read.
    pub quarantine: Quarantine,
}

/// The fold of a whole log, timeline by timeline.
#[derive(Clone, Debug, Default)]
pub struct FoldedLog {
    /// All projects of the log, except those in quarantine.
    pub timelines: HashMap<ProjectId, FoldedTimeline>,
    /// The timelines with events that cannot be read. Their rows cannot be compared.
    pub quarantined: BTreeMap<ProjectId, Quarantined>,
    /// The last position seen.
    pub position: i64,
    /// The positions of the events that are left out.
    skipped: HashSet<i64>,
    /// The first version out of order: expected, and found.
    gap: Option<(ProjectId, i64, i64)>,
    /// The altered events that no mark leaves out, if all events were compared with their hashes.
    altered: Option<BTreeMap<ProjectId, AlteredEvents>>,
}

impl FoldedLog {
    /// An empty fold, with the positions of the events that are left out.
    pub async fn begin(connection: &mut sqlx::PgConnection) -> Result<Self, StoreError> {
        Ok(Self { skipped: skip::positions(connection).await?, ..Self::default() })
    }

    /// Of some timelines at a position.
    pub(crate) fn of_streams(position: i64, streams: impl IntoIterator<Item = FoldedStream>) -> Self {
        let mut log = Self { position, ..Self::default() };
        for stream in streams {
            if stream.quarantine.is_empty() {
                log.timelines.insert(stream.project, stream.folded);
            } else {
                let found = Quarantined { folded: stream.folded, quarantine: stream.quarantine };
                log.quarantined.insert(stream.project, found);
            }
        }
        log
    }

    /// Whether the log has an open timeline of the project, or one in quarantine. A closed timeline does not count.
    pub fn knows(&self, project: ProjectId) -> bool {
        self.timelines.get(&project).is_some_and(|folded| folded.timeline.project().is_some())
            || self.quarantined.contains_key(&project)
    }

    /// The version of a project's stream; 0 if there is none.
    pub fn version(&self, project: ProjectId) -> i64 {
        let quarantined = || self.quarantined.get(&project).map(|found| &found.folded);
        self.timelines.get(&project).or_else(quarantined).map_or(0, |folded| folded.version)
    }

    /// Whether the event at that position is left out.
    pub fn skips(&self, position: i64) -> bool {
        !self.skipped.is_empty() && self.skipped.contains(&position)
    }

    /// The events for which timelines are in quarantine, by project.
    pub fn unreadable(&self) -> Quarantine {
        let mut all = Quarantine::default();
        self.quarantined.values().for_each(|found| all.extend(&found.quarantine));
        all
    }

    /// The phases that timelines in quarantine are known to have.
    pub fn quarantined_phases(&self) -> HashSet<PhaseId> {
        let timelines = self.quarantined.values().map(|found| &found.folded.timeline);
        timelines.flat_map(|timeline| timeline.phases()).map(|phase| phase.id).collect()
    }

    /// Applies the next event in order of position, and returns its effect on a timeline; events of other streams only move
    /// the position. An event that cannot be read, or a missing version, puts its timeline into quarantine; a caller that folds the
    /// log into rows refuses a log with a missing version ([`Self::read`]).
    pub fn apply(&mut self, event: &RawEvent<'_>) -> Option<TimelineEvent> {
        self.apply_with(event, |_, _| ())
    }

    /// The same; `before` gets the timeline before the event, and the event.
    pub fn apply_with(
        &mut self,
        event: &RawEvent<'_>,
        before: impl FnOnce(&Timeline, &TimelineEvent),
    ) -> Option<TimelineEvent> {
        self.position = event.position;
        self.apply_decoded(DecodedEvent::of(event)?, before)
    }

    /// The same for an event at a position that was decoded elsewhere; none if it is not a timeline's.
    pub fn apply_at(&mut self, position: i64, event: Option<DecodedEvent>) -> Option<TimelineEvent> {
        self.position = position;
        self.apply_decoded(event?, |_, _| ())
    }

    /// The altered events of each timeline that no mark leaves out; none if the events were not compared with their hashes.
    pub(crate) const fn altered(&self) -> Option<&BTreeMap<ProjectId, AlteredEvents>> {
        self.altered.as_ref()
    }

    /// Fails if a version was out of order: the fold of an incomplete log would be wrong, and nothing would show that.
    fn check_complete(&self) -> Result<(), StoreError> {
        self.gap.map_or(Ok(()), |(project, expected, found)| {
            Err(StoreError::VersionGap { stream: stream::stream_of(project), expected, found })
        })
    }

    /// Applies a timeline's event at the current position, and returns its effect.
    fn apply_decoded(
        &mut self,
        found: DecodedEvent,
        before: impl FnOnce(&Timeline, &TimelineEvent),
    ) -> Option<TimelineEvent> {
        let DecodedEvent { project, version, recorded_at, event, is_altered } = found;
        let skips = self.skips(self.position);
        if is_altered && !skips {
            self.note_altered(project, self.position);
        }
        let in_quarantine = !self.quarantined.is_empty() && self.quarantined.contains_key(&project);
        let folded = if in_quarantine {
            &mut self.quarantined.entry(project).or_default().folded
        } else {
            self.timelines.entry(project).or_default()
        };
        let expected = folded.version + 1;
        folded.version = version;
        folded.position = self.position;
        let place = |event_type, schema_version| EventHeader {
            position: self.position,
            stream_type: TIMELINE,
            stream_id: project.uuid(),
            version,
            event_type,
            schema_version,
        };
        let fault = if version == expected {
            match event {
                _ if skips => return None,
                Err(unreadable) => *unreadable,
                Ok(event) => match event.belongs_to(project, folded.timeline.project().is_some()) {
                    Ok(()) => {
                        before(&folded.timeline, &event);
                        folded.apply(&event, recorded_at);
                        return Some(event);
                    }
                    Err(fault) => {
                        UnreadableEvent::at(place(event.type_name(), event.schema_version()), fault)
                    }
                },
            }
        } else {
            self.gap.get_or_insert((project, expected, version));
            match event {
                Ok(event) => {
                    UnreadableEvent::out_of_turn(place(event.type_name(), event.schema_version()), expected)
                }
                Err(unreadable) => UnreadableEvent::out_of_turn(
                    place(&unreadable.event_type, unreadable.schema_version),
                    expected,
                ),
            }
        };
        let found = self.quarantined.entry(project).or_insert_with(|| Quarantined {
            folded: self.timelines.remove(&project).unwrap_or_default(),
            quarantine: Quarantine::default(),
        });
        found.quarantine.add(fault);
        None
    }

    fn note_altered(&mut self, project: ProjectId, position: i64) {
        if let Some(altered) = &mut self.altered {
            altered.entry(project).or_insert_with(|| AlteredEvents::none_of(project)).add(position);
        }
    }

    /// Replaces a project's timeline by the fold of its history, which was compared with its hashes.
    pub(crate) fn replace(&mut self, project: ProjectId, history: &[RecordedTimeline]) {
        self.timelines.remove(&project);
        self.quarantined.remove(&project);
        if let Some(altered) = &mut self.altered {
            altered.remove(&project);
        }
        for recorded in history {
            let position = recorded.recorded.position;
            match recorded.content {
                Content::Skipped => drop(self.skipped.insert(position)),
                _ => {
                    self.skipped.remove(&position);
                    if recorded.recorded.is_altered {
                        self.note_altered(project, position);
                    }
                }
            }
        }
        if history.is_empty() {
            return;
        }
        let folded = FoldedTimeline::of(history);
        let quarantine = stream::quarantine_of(history);
        if quarantine.is_empty() {
            self.timelines.insert(project, folded);
        } else {
            self.quarantined.insert(project, Quarantined { folded, quarantine });
        }
    }

    /// Folds the log up to a position with several connections at once: they read, decode and compare events with their hashes; events
    /// are applied in order of position as in [`FoldedLog::read`], and the result is the same. `snapshot` is one from
    /// [`parallel::export_snapshot`], and `skipped` are the positions that are left out in it. Fails unless every position
    /// and every version was seen. An altered event is only noted.
    pub async fn read_parallel(
        readers: impl Into<Readers>,
        snapshot: &str,
        skipped: HashSet<i64>,
        up_to: i64,
        progress: &dyn Progress,
    ) -> Result<Self, StoreError> {
        let mut log = Self { skipped, altered: Some(BTreeMap::new()), ..Self::default() };
        let decode = |place: &LogEntry<'_>| Ok::<_, StoreError>(DecodedEvent::at(place));
        let readers = readers.into().comparing_hashes();
        parallel::read_timelines(readers, snapshot, up_to, decode, |places| {
            for place in places {
                log.position += 1;
                if let Some(found) = place {
                    log.apply_decoded(found, |_, _| ());
                }
            }
            log.check_complete()?;
            progress.advance(log.position.unsigned_abs());
            Ok(())
        })
        .await?;
        Ok(log)
    }

    /// Applies the events that were appended since it was read; under the head's lock, it then has the whole log. Fails if a later
    /// position is missing.
    pub async fn catch_up(&mut self, connection: &mut sqlx::PgConnection) -> Result<(), StoreError> {
        let tip = phaseline_store::schema::tip(connection).await?.position;
        let appended = phaseline_store::read::count_behind(connection, self.position).await?;
        if self.position + appended != tip {
            return Err(StoreError::PositionGap { expected: self.position + appended + 1, found: Some(tip) });
        }
        for project in stream::changed_since(connection, self.position).await? {
            let history = stream::whole_history(connection, project, None).await?;
            self.replace(project, &history);
        }
        self.position = tip;
        Ok(())
    }

    /// Folds the whole log as this statement sees it, up to a position. Fails if a position or a version before its end is
    /// missing.
    pub async fn read(connection: &mut sqlx::PgConnection, up_to: Option<i64>) -> Result<Self, StoreError> {
        Self::read_each(connection, up_to, |_| ()).await
    }

    /// The same for the whole log, with progress of the current step.
    pub async fn read_whole(
        connection: &mut sqlx::PgConnection,
        progress: &dyn Progress,
    ) -> Result<Self, StoreError> {
        let tip = phaseline_store::schema::tip(connection).await?.position.unsigned_abs();
        progress.total(tip);
        let folded = Self::read_each(connection, None, |position| {
            if position % REPORT_EVERY == 0 {
                progress.advance(position.unsigned_abs().min(tip));
            }
        })
        .await?;
        progress.advance(tip);
        Ok(folded)
    }

    async fn read_each(
        connection: &mut sqlx::PgConnection,
        up_to: Option<i64>,
        mut each: impl FnMut(i64) + Send,
    ) -> Result<Self, StoreError> {
        let mut folded = Self::begin(connection).await?;
        phaseline_store::read::scan(connection, up_to, |event| {
            let expected = folded.position + 1;
            if event.position != expected {
                return Err(StoreError::PositionGap { expected, found: Some(event.position) });
            }
            folded.apply(event);
            each(event.position);
            folded.check_complete()
        })
        .await?;
        Ok(folded)
    }
}
