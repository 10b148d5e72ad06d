//! Events of all streams in words, in order of position: who did what, on which project or run, and when.

mod event_types;
mod other_streams;
mod page;
mod plan;
mod selection;

pub use event_types::event_types;
pub use page::{LogPage, log_page};
pub use plan::DescriptionPlan;
pub use selection::{ActorFilter, LogSelection};

use crate::HistoryEntry;
use crate::history::{EventDescriber, entry_of};
use other_streams::LEGACY_LINKS;
use phaseline_domain::ProjectId;
use phaseline_store::read::{self, ChainedEvent};
use phaseline_store::skip::{self, SKIPPED_EVENTS};
use phaseline_store::stream::{TIMELINE, stream_of};
use phaseline_store::unreadable::StreamReader;
use phaseline_store::{RawEvent, RecordedEvent, RecordedTimeline, SkippedEvent, StoreError};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// An event of any stream, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DescribedEvent {
    /// The project that it is about; none for runs, repairs and the log itself.
    pub project_id: Option<ProjectId>,
    /// Its stream's type.
    pub stream_type: String,
    /// Its stream's id: the project, the run or the repair.
    pub stream_id: Uuid,
    /// The event itself.
    #[serde(flatten)]
    pub entry: HistoryEntry,
}

/// A timeline as far as it was read.
#[derive(Debug)]
struct ReadTimeline {
    reader: StreamReader,
    describer: EventDescriber,
    version: i64,
}

/// Describes the events of a log in order of position. The words for a timeline's event need the events before it: each timeline is
/// read from its beginning, and memory grows with the number of timelines.
#[derive(Debug)]
pub struct LogDescriber {
    timelines: HashMap<ProjectId, ReadTimeline>,
    /// The timelines whose events are described; none for all.
    concerned: Option<HashSet<ProjectId>>,
    /// All marks, by the marked stream.
    marks: HashMap<Uuid, Vec<SkippedEvent>>,
}

impl LogDescriber {
    /// For a log from its beginning.
    pub async fn of_all(connection: &mut PgConnection) -> Result<Self, StoreError> {
        let mut marks: HashMap<Uuid, Vec<SkippedEvent>> = HashMap::new();
        for mark in skip::all(connection).await? {
            marks.entry(mark.stream_id).or_default().push(mark);
        }
        Ok(Self { timelines: HashMap::new(), concerned: None, marks })
    }

    /// For the events behind a position, among which only those of these timelines are described, beside those of other streams.
    pub async fn after(
        connection: &mut PgConnection,
        position: i64,
        concerned: HashSet<ProjectId>,
    ) -> Result<Self, StoreError> {
        let mut describer = Self::of_all(connection).await?;
        for project in &concerned {
            let stream = stream_of(*project);
            read::stream_each(connection, stream, Some(position), |recorded| {
                let read = describer.next(recorded)?;
                describer.timelines.entry(*project).and_modify(|timeline| timeline.describer.skip(&read));
                Ok(())
            })
            .await?;
        }
        describer.concerned = Some(concerned);
        Ok(describer)
    }

    /// Takes the next event of a timeline.
    fn next(&mut self, recorded: RecordedEvent) -> Result<RecordedTimeline, StoreError> {
        let project = ProjectId::from(recorded.stream_id);
        let marks = self.marks.get(&recorded.stream_id).map_or(&[][..], Vec::as_slice);
        let timeline = self.timelines.entry(project).or_insert_with(|| ReadTimeline {
            reader: StreamReader::new(project, false),
            describer: EventDescriber::new(None, marks),
            version: 0,
        });
        let expected = timeline.version + 1;
        if recorded.version != expected {
            return Err(StoreError::VersionGap {
                stream: stream_of(project),
                expected,
                found: recorded.version,
            });
        }
        timeline.version = expected;
        let skipped = marks.iter().any(|mark| mark.position == recorded.position);
        let content = timeline.reader.read(&recorded, skipped);
        Ok(RecordedTimeline { recorded, content })
    }

    /// Takes an event that is not described: later ones of its timeline depend on it.
    pub fn skip(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError> {
        let project = ProjectId::from(event.stream_id);
        let concerns = self.concerned.as_ref().is_none_or(|concerned| concerned.contains(&project));
        if event.stream_type == TIMELINE && concerns {
            let read = self.next(event.to_owned_event())?;
            self.timelines.entry(project).and_modify(|timeline| timeline.describer.skip(&read));
        }
        Ok(())
    }

    /// Describes the next event.
    ///
    /// # Errors
    /// A version of its timeline is missing.
    pub fn describe(&mut self, chained: &ChainedEvent<'_>) -> Result<DescribedEvent, StoreError> {
        let event = &chained.event;
        let recorded = RecordedEvent { is_altered: !chained.fits(), ..event.to_owned_event() };
        let project_id = project_of(event, &recorded);
        let entry = match project_id.filter(|_| event.stream_type == TIMELINE) {
            Some(project) => {
                let read = self.next(recorded)?;
                let timeline = self.timelines.get_mut(&project);
                let entry = timeline.and_then(|timeline| timeline.describer.describe(&read));
                entry.unwrap_or_else(|| entry_of(&read.recorded, String::new()))
            }
            None => match other_streams::words(&recorded) {
                Ok(words) => entry_of(&recorded, words),
                Err(fault) => {
                    let words = format!("cannot be read: {fault}");
                    HistoryEntry { unreadable: Some(fault), ..entry_of(&recorded, words) }
                }
            },
        };
        Ok(DescribedEvent {
            project_id,
            stream_type: event.stream_type.to_owned(),
            stream_id: event.stream_id,
            entry,
        })
    }
}

/// Whether the streams of this type belong to projects; marks may belong to other streams, too.
pub fn may_be_of_project(stream_type: &str) -> bool {
    matches!(stream_type, TIMELINE | LEGACY_LINKS | SKIPPED_EVENTS)
}

/// The project that an event's stream is about.
fn project_of(event: &RawEvent<'_>, recorded: &RecordedEvent) -> Option<ProjectId> {
    let is_about_project = match event.stream_type {
        SKIPPED_EVENTS => skip::decode(recorded).is_ok_and(|mark| may_be_of_project(&mark.stream_type)),
        stream_type => may_be_of_project(stream_type),
    };
    is_about_project.then(|| event.stream_id.into())
}
