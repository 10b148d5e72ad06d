//! The store of timelines: load, execute, and the face that `cqrs-es` knows.

use crate::{Append, Metadata, NewEvent, RecordedEvent, StoreError, StreamId, append, read};
use cqrs_es::{AggregateContext, AggregateError, EventEnvelope};
use phaseline_domain::{ProjectId, Refusal, Timeline, TimelineCommand, TimelineEvent, decide};
use sqlx::{PgConnection, PgPool};
use std::collections::HashMap;

/// The stream type of timelines.
pub const TIMELINE: &str = "Timeline";

/// The stream of a project's timeline.
pub fn stream_of(project: ProjectId) -> StreamId {
    StreamId { stream_type: TIMELINE, id: project.uuid() }
}

/// A timeline's event with what the log says about it.
#[derive(Clone, Debug)]
pub struct RecordedTimeline {
    /// The event as recorded.
    pub recorded: RecordedEvent,
    /// What happened.
    pub event: TimelineEvent,
}

/// Says what a command's events change in the read models that are kept in the append's own transaction.
pub trait InlineProjection: Send + Sync {
    /// The changes that `new` events, appended to `history`, bring about: JSON for the database function
    /// `phaseline.project_inline`.
    fn changes(
        &self,
        history: &[RecordedTimeline],
        new: &[TimelineEvent],
    ) -> Result<String, serde_json::Error>;
}

/// What a command led to.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What happened; empty if the command changed nothing.
    pub events: Vec<TimelineEvent>,
    /// The stream's version now.
    pub version: i64,
    /// The position of the stream's last event.
    pub position: i64,
    /// The timeline now.
    pub timeline: Timeline,
}

/// Why a command was not carried out. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The log could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The timelines in the log of one database.
#[derive(Clone, Debug)]
pub struct TimelineStore<P> {
    pool: PgPool,
    projection: P,
}

/// How often a command is decided anew after somebody else was faster; each time somebody made progress.
const CONFLICT_RETRIES: usize = 20;

impl<P: InlineProjection> TimelineStore<P> {
    /// The store over a pool; `projection` is kept in each append's transaction.
    pub const fn new(pool: PgPool, projection: P) -> Self {
        Self { pool, projection }
    }

    /// A project's history, oldest first; empty if the log does not know the project.
    pub async fn history(&self, project: ProjectId) -> Result<Vec<RecordedTimeline>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        history(&mut connection, project, None).await
    }

    /// Decides a command against the timeline as it stands and appends what follows, together with the projection.
    /// If somebody else changed the timeline meanwhile, it is decided anew.
    pub async fn execute(
        &self,
        project: ProjectId,
        command: &TimelineCommand,
        metadata: Metadata,
    ) -> Result<Committed, ExecuteError> {
        let mut attempt = 0;
        loop {
            let history = self.history(project).await?;
            let mut timeline = Timeline::fold(history.iter().map(|recorded| &recorded.event));
            let events = decide(&timeline, command)?;
            let last = history.last().map(|last| (last.recorded.version, last.recorded.position));
            let (version, position) = last.unwrap_or_default();
            if events.is_empty() {
                return Ok(Committed { events, version, position, timeline });
            }
            match self.append(project, version, &history, &events, metadata.clone()).await {
                Ok(appended) => {
                    for event in &events {
                        timeline.evolve(event);
                    }
                    let (version, position) = (appended.version, appended.position);
                    return Ok(Committed { events, version, position, timeline });
                }
                Err(StoreError::Conflict { .. }) if attempt < CONFLICT_RETRIES => attempt += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn append(
        &self,
        project: ProjectId,
        expected: i64,
        history: &[RecordedTimeline],
        events: &[TimelineEvent],
        metadata: Metadata,
    ) -> Result<append::Appended, StoreError> {
        let batch = [Append {
            stream: stream_of(project),
            expected,
            events: events.iter().map(NewEvent::timeline).collect::<Result<_, _>>()?,
            metadata,
            changes: Some(self.projection.changes(history, events)?),
        }];
        let mut connection = self.pool.acquire().await?;
        let verdicts = append::append(&mut connection, &batch).await?;
        verdicts.into_iter().next().unwrap_or(Err(StoreError::CountMismatch { offered: 1, inserted: 0 }))
    }
}

/// A project's history up to a position, on a connection of the caller's.
pub async fn history(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
) -> Result<Vec<RecordedTimeline>, StoreError> {
    read::stream(connection, stream_of(project), up_to)
        .await?
        .into_iter()
        .map(|recorded| {
            let event =
                TimelineEvent::from_stored(&recorded.event_type, recorded.schema_version, &recorded.payload)
                    .map_err(|source| StoreError::Unreadable { position: recorded.position, source })?;
            Ok(RecordedTimeline { recorded, event })
        })
        .collect()
}

/// A loaded timeline, as `cqrs-es` carries it from load to commit.
#[derive(Debug)]
pub struct TimelineContext {
    project: ProjectId,
    timeline: Timeline,
    history: Vec<RecordedTimeline>,
}

impl AggregateContext<Timeline> for TimelineContext {
    fn aggregate(&mut self) -> &mut Timeline {
        &mut self.timeline
    }
}

fn to_cqrs(error: StoreError) -> AggregateError<Refusal> {
    match error {
        StoreError::Conflict { .. } => AggregateError::AggregateConflict,
        StoreError::Unwritable(error) => AggregateError::DeserializationError(Box::new(error)),
        StoreError::Database(error) => AggregateError::DatabaseConnectionError(Box::new(error)),
        other => AggregateError::UnexpectedError(Box::new(other)),
    }
}

fn project_of(aggregate_id: &str) -> Result<ProjectId, AggregateError<Refusal>> {
    aggregate_id.parse().map_err(|error| AggregateError::UnexpectedError(Box::new(error)))
}

fn envelope(
    project: ProjectId,
    version: i64,
    event: TimelineEvent,
    metadata: Metadata,
) -> EventEnvelope<Timeline> {
    EventEnvelope {
        aggregate_id: project.to_string(),
        sequence: usize::try_from(version).unwrap_or_default(),
        payload: event,
        metadata: metadata.into_map(),
    }
}

impl<P: InlineProjection> cqrs_es::EventStore<Timeline> for TimelineStore<P> {
    type AC = TimelineContext;

    async fn load_events(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<EventEnvelope<Timeline>>, AggregateError<Refusal>> {
        let project = project_of(aggregate_id)?;
        let history = self.history(project).await.map_err(to_cqrs)?;
        Ok(history
            .into_iter()
            .map(|event| envelope(project, event.recorded.version, event.event, event.recorded.metadata))
            .collect())
    }

    async fn load_aggregate(&self, aggregate_id: &str) -> Result<TimelineContext, AggregateError<Refusal>> {
        let project = project_of(aggregate_id)?;
        let history = self.history(project).await.map_err(to_cqrs)?;
        let timeline = Timeline::fold(history.iter().map(|recorded| &recorded.event));
        Ok(TimelineContext { project, timeline, history })
    }

    async fn commit(
        &self,
        events: Vec<TimelineEvent>,
        context: TimelineContext,
        metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Timeline>>, AggregateError<Refusal>> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let metadata = Metadata::from_map(metadata);
        let expected = context.history.last().map_or(0, |last| last.recorded.version);
        self.append(context.project, expected, &context.history, &events, metadata.clone())
            .await
            .map_err(to_cqrs)?;
        Ok(events
            .into_iter()
            .zip(expected + 1..)
            .map(|(event, version)| envelope(context.project, version, event, metadata.clone()))
            .collect())
    }
}
