//! The store of timelines: what it remembers, how it loads a timeline, and what the log says of one.

use crate::cache::{self, Memory};
use crate::commit::{Committer, Job, Outcome, Queue};
use crate::unreadable::StreamReader;
use crate::{
    Content, FoldedTimeline, Quarantine, RecordedEvent, StoreError, StreamId, UnreadableEvent, read, schema,
    skip,
};
use chrono::NaiveDateTime;
use phaseline_domain::{PhaseId, ProjectId, Timeline, TimelineEvent};
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// The stream type of timelines.
pub const TIMELINE: &str = "Timeline";

/// How long connections wait for a lock unless [`TimelineStore::waiting`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// The stream of a project's timeline.
pub fn stream_of(project: ProjectId) -> StreamId {
    StreamId { stream_type: TIMELINE, id: project.uuid() }
}

/// What stands at one version of a timeline's stream.
#[derive(Clone, Debug)]
pub struct RecordedTimeline {
    /// The event as recorded.
    pub recorded: RecordedEvent,
    /// What it says.
    pub content: Content,
}

impl RecordedTimeline {
    /// What happened; nothing if the event cannot be read, or is left out.
    pub const fn event(&self) -> Option<&TimelineEvent> {
        match &self.content {
            Content::Event(event) => Some(event),
            Content::Skipped | Content::Unreadable(_) => None,
        }
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
    pub(crate) projection: P,
    /// Whether the schema was seen to be one that this program knows.
    known: Arc<AtomicBool>,
    memory: Arc<Memory>,
    queue: Arc<Queue>,
    patience: Duration,
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
            patience: PATIENCE,
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

    /// A project's history, oldest first, with what of it cannot be read; empty if the log does not know the project.
    pub async fn history(&self, project: ProjectId) -> Result<Vec<RecordedTimeline>, StoreError> {
        let mut history = Vec::new();
        self.history_each(project, |recorded| history.push(recorded)).await?;
        Ok(history)
    }

    /// Calls `each` with a project's history, oldest first, as it arrives: memory does not grow with it.
    pub async fn history_each(
        &self,
        project: ProjectId,
        mut each: impl FnMut(RecordedTimeline),
    ) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let mut unreadable = false;
        let read = history_each(&mut connection, project, None, |recorded| {
            unreadable |= matches!(recorded.content, Content::Unreadable(_));
            each(recorded);
        });
        read.await?;
        if unreadable {
            self.memory.quarantine(project);
        }
        Ok(())
    }

    /// The same, remembering so many timelines between commands instead of [`cache::TIMELINES`].
    #[must_use]
    pub fn remembering(self, timelines: usize) -> Self {
        Self { memory: Arc::new(Memory::of(timelines)), ..self }
    }

    /// The same over a pool whose connections wait for a lock for so long, instead of 5 s.
    #[must_use]
    pub fn waiting(self, lock_timeout: Duration) -> Self {
        Self { patience: lock_timeout, ..self }
    }

    /// How many timelines are remembered.
    pub fn remembered(&self) -> usize {
        self.memory.len()
    }

    /// The project in whose timeline a phase was seen, if it is remembered. Phases never change their project.
    pub fn remembered_project_of(&self, phase: PhaseId) -> Option<ProjectId> {
        self.memory.project_of(phase)
    }

    /// The events for which a timeline is in quarantine. Costs nothing but for a timeline that was met in quarantine before:
    /// that one is read again.
    pub async fn quarantine_of(&self, project: ProjectId) -> Result<Option<Quarantine>, StoreError> {
        if !self.memory.is_quarantined(project) {
            return Ok(None);
        }
        match self.load(project).await {
            Err(StoreError::Quarantined { quarantine, .. }) => Ok(Some(quarantine)),
            Err(error @ StoreError::Database(_)) => Err(error),
            _ => {
                self.memory.release(project);
                Ok(None)
            }
        }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Gives a command to the committing task.
    pub(crate) async fn commit(&self, job: Job) -> Result<Outcome, StoreError> {
        let committer = || Committer {
            pool: self.pool.clone(),
            memory: Arc::clone(&self.memory),
            patience: self.patience,
            kept: None,
            snapshots: crate::commit::Snapshots::default(),
        };
        self.queue.submit(committer, job).await
    }

    /// The timeline as the next command finds it: from the log, or adopted if the log has none.
    pub(crate) async fn load(&self, project: ProjectId) -> Result<Start, StoreError> {
        let mut connection = self.connection().await?;
        let (mut folded, mut quarantine) = (FoldedTimeline::default(), Quarantine::default());
        let read = history_each(&mut connection, project, None, |event| {
            folded.record(&event);
            if let Content::Unreadable(event) = event.content {
                quarantine.add(*event);
            }
        });
        match read.await {
            Err(StoreError::Database(error)) if is_missing_table(&error) => {
                return Err(StoreError::NotInstalled);
            }
            read => read?,
        }
        if !quarantine.is_empty() {
            self.memory.quarantine(project);
            return Err(StoreError::Quarantined { project, quarantine });
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
    // Serialization failure, deadlock: the database has undone everything.
    matches!(error.cause(), StoreError::Conflict { .. })
        || matches!(error.sqlstate().as_deref(), Some("40001" | "40P01"))
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
        let history = whole_history(connection, stream, None).await?;
        let timeline = Timeline::fold(history.iter().filter_map(RecordedTimeline::event));
        let of_it = phases.iter().filter(|id| timeline.phase(**id).is_some());
        held.extend(of_it.map(|id| format!("phase {id}: belongs to project {stream} in the log")));
    }
    Ok(held)
}

/// The projects whose timelines have, or had, one of these phases. The index `events_phase_id_idx` has just these conditions.
pub async fn holders(
    connection: &mut PgConnection,
    phases: &[PhaseId],
) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<String> = phases.iter().map(ToString::to_string).collect();
    // The words of `events_phase_id_idx`, or the whole log is read.
    let streams: Vec<Uuid> = sqlx::query_scalar(
        r#"SELECT DISTINCT e.stream_id FROM phaseline.events e
            WHERE e.stream_type = 'Timeline'
              AND e.event_type IN ('PhaseCreated', 'PhaseAdopted', 'LegacyPhaseAdopted', 'DefaultPhaseSupplied')
              AND substring(e.payload::text, '"phase_id" *: *"([^"]*)"') = ANY ($1)"#,
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    Ok(streams.into_iter().map(ProjectId::from).collect())
}

/// A project's history up to a position, on a connection of the caller's, to be folded.
///
/// # Errors
/// [`StoreError::Quarantined`] if an event of it cannot be read.
pub async fn history(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
) -> Result<Vec<RecordedTimeline>, StoreError> {
    let history = whole_history(connection, project, up_to).await?;
    let quarantine = quarantine_of(&history);
    if quarantine.is_empty() { Ok(history) } else { Err(StoreError::Quarantined { project, quarantine }) }
}

/// The same with what cannot be read.
pub async fn whole_history(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
) -> Result<Vec<RecordedTimeline>, StoreError> {
    let mut events = Vec::new();
    history_each(connection, project, up_to, |event| events.push(event)).await?;
    Ok(events)
}

/// The events of a history that cannot be read.
pub fn quarantine_of(history: &[RecordedTimeline]) -> Quarantine {
    let mut quarantine = Quarantine::default();
    for recorded in history {
        if let Content::Unreadable(event) = &recorded.content {
            quarantine.add(UnreadableEvent::clone(event));
        }
    }
    quarantine
}

/// Calls `each` with a project's history up to a position, oldest first, as it arrives, with what of it cannot be read.
pub async fn history_each(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: Option<i64>,
    mut each: impl FnMut(RecordedTimeline),
) -> Result<(), StoreError> {
    let skipped = skipped_of(connection, project).await?;
    let mut reader = StreamReader::new(project, false);
    read::stream_each(connection, stream_of(project), up_to, |recorded| {
        let content = reader.read(&recorded, skipped.contains(&recorded.position));
        each(RecordedTimeline { recorded, content });
        Ok(())
    })
    .await
}

/// The positions of a timeline's events that are left out.
pub(crate) async fn skipped_of(
    connection: &mut PgConnection,
    project: ProjectId,
) -> Result<HashSet<i64>, StoreError> {
    Ok(skip::of_stream(connection, project.uuid()).await?.into_iter().map(|mark| mark.position).collect())
}

/// The projects whose timelines have events behind a position, or events that were left out behind it.
pub async fn changed_since(
    connection: &mut PgConnection,
    position: i64,
) -> Result<Vec<ProjectId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT stream_id FROM phaseline.events WHERE position > $1 AND stream_type IN ($2, $3)",
    )
    .bind(position)
    .bind(TIMELINE)
    .bind(skip::SKIPPED_EVENTS)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ProjectId::from).collect())
}
