//! The store of timelines: load, execute, and the face that `cqrs-es` knows.

use crate::cache::{self, Memory};
use crate::commit::{Committer, Job, Outcome, Queue};
use crate::{
    Append, FoldedTimeline, Metadata, NewEvent, RecordedEvent, StoreError, StreamId, append, read, schema,
};
use chrono::NaiveDateTime;
use cqrs_es::{AggregateContext, AggregateError, EventEnvelope};
use phaseline_domain::{PhaseId, ProjectId, Refusal, Timeline, TimelineEvent};
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

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

impl RecordedTimeline {
    /// An event of a timeline's stream, decoded.
    pub fn of(recorded: RecordedEvent) -> Result<Self, StoreError> {
        let event =
            TimelineEvent::from_stored(&recorded.event_type, recorded.schema_version, &recorded.payload)
                .map_err(|source| StoreError::Unreadable { position: recorded.position, source })?;
        Ok(Self { recorded, event })
    }
}

/// What the read models hold of a project that has no timeline in the log.
#[derive(Clone, Debug)]
pub struct Found {
    /// Whether there is such a project at all.
    pub is_in_projects: bool,
    /// The events that take it into the log as it stands, none if there is nothing; or why that cannot be, in words.
    pub events: Result<Vec<TimelineEvent>, Vec<String>>,
    /// All that was read. The append compares it with what stands there under the lock.
    pub witness: String,
}

/// What goes before a command's events, if the project had no timeline: it is taken in as it stands.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The events that take it in; none if there is nothing to take in.
    pub events: Vec<TimelineEvent>,
    /// All that was read.
    pub witness: String,
}

/// The read models that are kept in the append's own transaction. The database function `phaseline.project_inline` derives their
/// rows from the events; it ends with SQLSTATE 40001 if an adoption is not what is there any more.
pub trait InlineProjection: Clone + Send + Sync + 'static {
    /// What the read models hold of a project that has no timeline in the log; none if they are not in use.
    fn unadopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> impl Future<Output = Result<Option<Found>, StoreError>> + Send;
}

/// The timelines in the log of one database. Clones share what they remember, and the task that commits.
#[derive(Clone, Debug)]
pub struct TimelineStore<P> {
    pool: PgPool,
    projection: P,
    /// Whether the schema was seen to be one that this program knows.
    known: Arc<AtomicBool>,
    memory: Arc<Memory>,
    queue: Arc<Queue>,
}

impl<P: InlineProjection> TimelineStore<P> {
    /// The store over a pool; `projection` finds what is to be adopted.
    pub fn new(pool: PgPool, projection: P) -> Self {
        Self {
            pool,
            projection,
            known: Arc::default(),
            memory: Arc::new(Memory::of(cache::TIMELINES)),
            queue: Arc::default(),
        }
    }

    /// A connection to a schema that this program knows. The version is asked for once, with the first connection.
    pub(crate) async fn connection(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        if !self.known.load(Ordering::Relaxed) {
            schema::version::refuse_newer(&mut connection).await?;
            self.known.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// A project's history, oldest first; empty if the log does not know the project.
    pub async fn history(&self, project: ProjectId) -> Result<Vec<RecordedTimeline>, StoreError> {
        let mut connection = self.connection().await?;
        history(&mut connection, project, None).await
    }

    /// The same, remembering so many timelines between commands instead of [`cache::TIMELINES`].
    #[must_use]
    pub fn remembering(self, timelines: usize) -> Self {
        Self { memory: Arc::new(Memory::of(timelines)), ..self }
    }

    /// How many timelines are remembered.
    pub fn remembered(&self) -> usize {
        self.memory.len()
    }

    /// The project in whose timeline a phase was seen, if it is remembered. Phases never change their project.
    pub fn remembered_project_of(&self, phase: PhaseId) -> Option<ProjectId> {
        self.memory.project_of(phase)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Gives a command to the committing task.
    pub(crate) async fn commit(&self, job: Job) -> Result<Outcome, StoreError> {
        let committer = || Committer {
            pool: self.pool.clone(),
            memory: Arc::clone(&self.memory),
            kept: None,
            snapshots: crate::commit::Snapshots::default(),
        };
        self.queue.submit(committer, job).await
    }

    /// The timeline as the next command finds it: from the log, or adopted if the log has none.
    pub(crate) async fn load(&self, project: ProjectId) -> Result<Start, StoreError> {
        let mut connection = self.connection().await?;
        let mut folded = FoldedTimeline::default();
        let read = history_each(&mut connection, project, None, |event| folded.record(&event)).await;
        match read {
            Err(StoreError::Database(error)) if is_missing_table(&error) => {
                return Err(StoreError::NotInstalled);
            }
            read => read?,
        }
        if folded.timeline.project().is_some() {
            let folded = Arc::new(folded);
            self.memory.keep(project, Arc::clone(&folded));
            return Ok(Start { folded, adoption: None });
        }
        // A project that the log does not know is no reason to say so while it takes no commands at all.
        if !schema::accepts_commands(&mut connection).await? {
            return Err(StoreError::NotAccepting);
        }
        let Some(found) = self.projection.unadopted(&mut connection, project).await? else {
            return Ok(Start { folded: Arc::new(folded), adoption: None });
        };
        let refused = |reasons| StoreError::Unadoptable { project, reasons };
        let events = found.events.map_err(refused)?;
        if !found.is_in_projects {
            return Err(StoreError::UnknownProject(project));
        }
        let elsewhere = held_elsewhere(&mut connection, project, &events).await?;
        if !elsewhere.is_empty() {
            return Err(refused(elsewhere));
        }
        for event in &events {
            // Adopted rows bring their own times.
            folded.apply(event, NaiveDateTime::default());
        }
        Ok(Start { folded: Arc::new(folded), adoption: Some(Adoption { events, witness: found.witness }) })
    }

    /// Appends the adoption, if there is one, and what was decided.
    async fn append(
        &self,
        context: &TimelineContext,
        decided: &[TimelineEvent],
        metadata: Metadata,
    ) -> Result<append::Appended, StoreError> {
        let Start { folded, adoption } = &context.start;
        let adopted = adoption.iter().flat_map(|adoption| &adoption.events);
        let batch = [Append {
            stream: stream_of(context.project),
            expected: folded.version,
            events: adopted.chain(decided).map(NewEvent::timeline).collect::<Result<_, _>>()?,
            metadata,
            witness: adoption.as_ref().map(|adoption| adoption.witness.clone()),
            places: None,
            key: None,
        }];
        let mut connection = self.connection().await?;
        let verdicts = append::append(&mut connection, &batch).await?;
        verdicts.into_iter().next().unwrap_or(Err(StoreError::CountMismatch { offered: 1, inserted: 0 }))
    }
}

/// What a command is decided on.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The timeline; with the adoption, if there is one, which the version does not count.
    pub(crate) folded: Arc<FoldedTimeline>,
    /// What the timeline was adopted with; not recorded yet.
    pub(crate) adoption: Option<Adoption>,
}

/// Whether there is no log at all.
fn is_missing_table(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "42P01" | "3F000"))
}

/// Whether somebody else was faster, so that deciding anew may help: another command, or whoever writes the rows that
/// are being adopted.
pub(crate) fn lost_a_race(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict { .. } => true,
        // Serialization failure, deadlock: the database has undone everything.
        StoreError::Database(error) => error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| matches!(&*code, "40001" | "40P01")),
        _ => false,
    }
}

/// Which of the phases that the events adopt belong to another project's timeline, in words. A row that was moved to
/// another project by hand would be in two timelines.
async fn held_elsewhere(
    connection: &mut PgConnection,
    project: ProjectId,
    events: &[TimelineEvent],
) -> Result<Vec<String>, StoreError> {
    let phases: Vec<PhaseId> = events.iter().filter_map(TimelineEvent::phase_id).collect();
    if phases.is_empty() {
        return Ok(Vec::new());
    }
    let mut held = Vec::new();
    for stream in holders(connection, &phases).await?.into_iter().filter(|holder| *holder != project) {
        let history = history(connection, stream, None).await?;
        let timeline = Timeline::fold(history.iter().map(|recorded| &recorded.event));
        let of_it = phases.iter().filter(|id| timeline.phase(**id).is_some());
        held.extend(of_it.map(|id| format!("phase {id}: belongs to project {stream} in the log")));
    }
    Ok(held)
}

/// The projects whose timelines have, or had, one of these phases. Reads the whole log: there is no index.
pub async fn holders(
    connection: &mut PgConnection,
    phases: &[PhaseId],
) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<String> = phases.iter().map(ToString::to_string).collect();
    let streams: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT e.stream_id FROM phaseline.events e
          WHERE e.stream_type = $1
            AND e.event_type IN ('PhaseCreated', 'PhaseAdopted', 'LegacyPhaseAdopted', 'DefaultPhaseSupplied')
            AND e.payload ->> 'phase_id' = ANY ($2)",
    )
    .bind(TIMELINE)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    Ok(streams.into_iter().map(ProjectId::from).collect())
}

/// A project's history up to a position, on a connection of the caller's.
pub async fn history(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
) -> Result<Vec<RecordedTimeline>, StoreError> {
    let mut events = Vec::new();
    history_each(connection, project, up_to, |event| events.push(event)).await?;
    Ok(events)
}

/// Calls `each` with a project's history up to a position, oldest first, as it arrives.
pub async fn history_each(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
    mut each: impl FnMut(RecordedTimeline),
) -> Result<(), StoreError> {
    read::stream_each(connection, stream_of(project), up_to, |recorded| {
        each(RecordedTimeline::of(recorded)?);
        Ok(())
    })
    .await
}

/// The projects whose timelines have events behind a position.
pub async fn changed_since(
    connection: &mut PgConnection,
    position: i64,
) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT stream_id FROM phaseline.events WHERE position > $1 AND stream_type = $2",
    )
    .bind(position)
    .bind(TIMELINE)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ProjectId::from).collect())
}

/// A loaded timeline, as `cqrs-es` carries it from load to commit.
#[derive(Debug)]
pub struct TimelineContext {
    project: ProjectId,
    /// What `cqrs-es` decides on, and lets the events of its command happen to.
    timeline: Timeline,
    start: Start,
}

impl AggregateContext<Timeline> for TimelineContext {
    fn aggregate(&mut self) -> &mut Timeline {
        &mut self.timeline
    }
}

fn to_cqrs(error: StoreError) -> AggregateError<Refusal> {
    match error {
        lost if lost_a_race(&lost) => AggregateError::AggregateConflict,
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

    /// The timeline as the next command finds it; one that the log does not know is adopted, which the commit records.
    async fn load_aggregate(&self, aggregate_id: &str) -> Result<TimelineContext, AggregateError<Refusal>> {
        let project = project_of(aggregate_id)?;
        let start = self.load(project).await.map_err(to_cqrs)?;
        Ok(TimelineContext { project, timeline: start.folded.timeline.clone(), start })
    }

    /// What comes back begins with the adoption, if this was the project's first command.
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
        self.append(&context, &events, metadata.clone()).await.map_err(to_cqrs)?;
        let first = context.start.folded.version + 1;
        let adopted = context.start.adoption.map(|adoption| adoption.events).unwrap_or_default();
        Ok(adopted
            .into_iter()
            .chain(events)
            .zip(first..)
            .map(|(event, version)| envelope(context.project, version, event, metadata.clone()))
            .collect())
    }
}
