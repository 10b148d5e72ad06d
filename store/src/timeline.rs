//! The store of timelines: its cache, and how it loads a timeline from the log.

use crate::batcher::Batcher;
use crate::cache::{self, TimelineCache};
use crate::commit::{self, Committer, Job, LoadedTimeline, Outcome};
use crate::projection::{Adoption, InlineProjection};
use crate::stream::{RecordedTimeline, held_elsewhere, history_each};
use crate::{
    AlteredEvents, Content, FoldedTimeline, Quarantine, Session, Sessions, SqlState, StoreError, schema,
    stream,
};
use chrono::NaiveDateTime;
use phaseline_domain::{DateRange, PhaseId, ProjectId};
use sqlx::PgConnection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The default lock timeout; see [`TimelineStore::waiting`].
const PATIENCE: Duration = Duration::from_secs(5);

/// The timelines in the log of one database. Clones share the cache and the committing task.
#[derive(Clone, Debug)]
pub struct TimelineStore<P> {
    sessions: Sessions,
    pub(crate) projection: P,
    /// Whether the schema version was checked.
    known: Arc<AtomicBool>,
    cache: Arc<TimelineCache>,
    queue: Arc<Batcher<Job>>,
    patience: Duration,
}

impl<P: InlineProjection> TimelineStore<P> {
    /// The store over sessions, or over a pool of the caller's; `projection` finds the rows to adopt.
    pub fn new(sessions: impl Into<Sessions>, projection: P) -> Self {
        Self {
            sessions: sessions.into(),
            projection,
            known: Arc::default(),
            cache: Arc::new(TimelineCache::of(cache::TIMELINES)),
            queue: Arc::default(),
            patience: PATIENCE,
        }
    }

    /// The next session; the first one checks the schema's version.
    pub(crate) async fn session(&self) -> Result<Session, StoreError> {
        let mut session = self.sessions.begin().await?;
        if !self.known.load(Ordering::Relaxed) {
            schema::version::refuse_newer(&mut session).await?;
            self.known.store(true, Ordering::Relaxed);
        }
        Ok(session)
    }

    /// A project's history, oldest first, unreadable events included; empty if the log does not have the project.
    pub async fn history(&self, project: ProjectId) -> Result<Vec<RecordedTimeline>, StoreError> {
        let mut history = Vec::new();
        self.history_each(project, |recorded| history.push(recorded)).await?;
        Ok(history)
    }

    /// Calls `each` with a project's history, oldest first, as it arrives: memory does not grow with its length.
    pub async fn history_each(
        &self,
        project: ProjectId,
        mut each: impl FnMut(RecordedTimeline),
    ) -> Result<(), StoreError> {
        let mut session = self.session().await?;
        let mut unreadable = false;
        let read = history_each(&mut session, project, None, |recorded| {
            unreadable |= matches!(recorded.content, Content::Unreadable(_));
            each(recorded);
        });
        let read = read.await;
        session.end(read)?;
        if unreadable {
            self.cache.quarantine(project);
        }
        Ok(())
    }

    /// The same with a cache of this many timelines instead of [`cache::TIMELINES`].
    #[must_use]
    pub fn remembering(self, timelines: usize) -> Self {
        Self { cache: Arc::new(TimelineCache::of(timelines)), ..self }
    }

    /// The same over a pool whose connections have this lock timeout instead of 5 s.
    #[must_use]
    pub fn waiting(self, lock_timeout: Duration) -> Self {
        Self { patience: lock_timeout, ..self }
    }

    /// The number of cached timelines.
    pub fn remembered(&self) -> usize {
        self.cache.len()
    }

    /// The project of a phase, if it is in the cache. Phases never change their project.
    pub fn remembered_project_of(&self, phase: PhaseId) -> Option<ProjectId> {
        self.cache.project_of(phase)
    }

    /// The events for which a timeline is in quarantine. Reads the log only for a timeline that was in quarantine before.
    pub async fn quarantine_of(&self, project: ProjectId) -> Result<Option<Quarantine>, StoreError> {
        if !self.cache.is_quarantined(project) {
            return Ok(None);
        }
        match self.load(project).await {
            Err(StoreError::Quarantined { quarantine, .. }) => Ok(Some(quarantine)),
            Err(error @ StoreError::Database(_)) => Err(error),
            _ => {
                self.cache.release(project);
                Ok(None)
            }
        }
    }

    pub(crate) fn cache(&self) -> &TimelineCache {
        &self.cache
    }

    /// Sends a command to the committing task.
    pub(crate) async fn commit(&self, job: Job) -> Result<Outcome, StoreError> {
        let committer = || Committer {
            sessions: self.sessions.clone(),
            cache: Arc::clone(&self.cache),
            patience: self.patience,
            kept: None,
            snapshots: crate::commit::OldSnapshotMonitor::default(),
        };
        commit::submit(&self.queue, committer, job).await
    }

    /// The dates of a project in the planner's table, which ends the session.
    pub(crate) async fn project_dates(
        &self,
        mut session: Session,
        project: ProjectId,
    ) -> Result<Option<DateRange>, StoreError> {
        let found = self.projection.project_dates(&mut session, project).await;
        let of_older_schema = [SqlState::UndefinedFunction, SqlState::InsufficientPrivilege];
        match session.end(found) {
            Err(error) if error.sqlstate().is_some_and(|state| of_older_schema.contains(&state)) => {
                Err(schema::version::explained(&self.sessions, error).await)
            }
            found => found,
        }
    }

    /// The timeline for the next command: from the log, or adopted if the log has none.
    pub(crate) async fn load(&self, project: ProjectId) -> Result<LoadedTimeline, StoreError> {
        let mut session = self.session().await?;
        let recorded = self.recorded(&mut session, project).await;
        match recorded {
            Ok(folded) if folded.timeline.project().is_some() => {
                let folded = Arc::new(folded);
                self.cache.keep(project, Arc::clone(&folded));
                let project_dates = self.project_dates(session, project).await?;
                Ok(LoadedTimeline { folded, adoption: None, project_dates })
            }
            Ok(folded) => {
                let adopted = self.adopted(&mut session, project, folded).await;
                session.end(adopted)
            }
            Err(error) => session.end(Err(error)),
        }
    }

    /// The fold of the log's events.
    async fn recorded(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> Result<FoldedTimeline, StoreError> {
        let (mut folded, mut quarantine) = (FoldedTimeline::default(), Quarantine::default());
        let mut altered = AlteredEvents::none_of(project);
        let read = history_each(connection, project, None, |event| {
            folded.record(&event);
            if !event.is_skipped() {
                altered.see(&event.recorded);
            }
            if let Content::Unreadable(event) = event.content {
                quarantine.add(*event);
            }
        });
        match read.await {
            Err(StoreError::Database(error))
                if SqlState::of(&error).is_some_and(SqlState::is_missing_log) =>
            {
                return Err(StoreError::NotInstalled);
            }
            read => read?,
        }
        stream::refuse(altered)?;
        if !quarantine.is_empty() {
            self.cache.quarantine(project);
            return Err(StoreError::Quarantined { project, quarantine });
        }
        Ok(folded)
    }

    /// The timeline as its adoption would begin it; the given one if there are no rows to adopt.
    async fn adopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        mut folded: FoldedTimeline,
    ) -> Result<LoadedTimeline, StoreError> {
        // While the log accepts no commands, that error comes before one about an unknown project.
        if !schema::accepts_commands(&mut *connection).await? {
            return Err(StoreError::NotAccepting);
        }
        let Some(found) = self.projection.find_unadopted(&mut *connection, project).await? else {
            return Ok(LoadedTimeline::cached(Arc::new(folded)));
        };
        let refused = |reasons| StoreError::Unadoptable { project, reasons };
        let events = found.events.map_err(refused)?;
        if !found.is_in_projects {
            return Err(StoreError::UnknownProject(project));
        }
        let elsewhere = held_elsewhere(&mut *connection, project, &events).await?;
        if !elsewhere.is_empty() {
            return Err(refused(elsewhere));
        }
        for event in &events {
            // Adopted rows have their own timestamps.
            folded.apply(event, NaiveDateTime::default());
        }
        Ok(LoadedTimeline {
            folded: Arc::new(folded),
            adoption: Some(Adoption { events, witness: found.witness }),
            project_dates: found.dates,
        })
    }
}
