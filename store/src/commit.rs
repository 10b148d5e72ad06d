//! Group commit: one task takes the waiting commands, decides them in order, and appends them in one transaction.
//!
//! A transaction of several commands needs one commit and one round trip; a second task would only compete for the log's head. A
//! command that arrives alone is committed at once.

mod classify;
mod decide;
mod job;
mod prepared;
mod snapshots;
mod timed;

pub(crate) use decide::{decided, is_large};
pub(crate) use job::{Job, LoadedTimeline, NoEffect, Outcome};
pub(crate) use snapshots::OldSnapshotMonitor;

use crate::append::{AppendBatch, BatchResult, SingleEvent, Verdict};
use crate::batcher::{Batcher, Jobs, TaskEnded};
use crate::cache::TimelineCache;
use crate::sessions::Message;
use crate::sqlstate::{is_held_up, is_lost_connection};
use crate::statement::Statement;
use crate::stream::stream_of;
use crate::{FoldedTimeline, Session, Sessions, SqlState, StoreError, schema};
use classify::{BatchError, busy, failed};
use decide::{Decided, Decider, Decision};
use job::too_late;
use phaseline_domain::ProjectId;
use prepared::{PreparedCommand, find_appended};
use sqlx::postgres::PgRow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use timed::Deadline;
use tokio::sync::oneshot;

/// How long a connection is kept while no command comes.
const IDLE_CONNECTION_TTL: Duration = Duration::from_secs(1);

/// Up to this size a pool's connection is not kept.
const SMALL_POOL: u32 = 2;

/// The committing task.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) sessions: Sessions,
    pub(crate) cache: Arc<TimelineCache>,
    /// The lock timeout of this pool's connections.
    pub(crate) patience: Duration,
    /// The session of the last batch: the server process behind it has cached plans and pages. None through a pooler, where it would
    /// keep a transaction open.
    pub(crate) kept: Option<Session>,
    /// Watches for old snapshots, which keep dead row versions.
    pub(crate) snapshots: OldSnapshotMonitor,
}

/// What a batch is sent by.
enum AppendRoute {
    Session(Session),
    Message(Message),
}

/// Sends a command to the committing task, which is started if none runs, and waits for its outcome.
pub(crate) async fn submit(
    queue: &Batcher<Job>,
    committer: impl FnOnce() -> Committer,
    mut job: Job,
) -> Result<Outcome, StoreError> {
    let (reply, outcome) = oneshot::channel();
    job.reply = Some(reply);
    let gone = |_| StoreError::OutcomeUnknown("the committing task ended".to_owned());
    queue.send(job, |jobs| committer().run(jobs)).await.map_err(gone)?;
    outcome.await.map_err(|_| gone(TaskEnded))?
}

impl Committer {
    async fn run(mut self, mut jobs: Jobs<Job>) {
        loop {
            let first = if self.kept.is_some() {
                match tokio::time::timeout(IDLE_CONNECTION_TTL, jobs.next()).await {
                    Ok(first) => first,
                    Err(_) => {
                        self.kept = None;
                        continue;
                    }
                }
            } else {
                jobs.next().await
            };
            let Some(first) = first else { return };
            let batch = jobs.batch(first).await;
            self.settle(batch).await;
            self.watch_snapshots().await;
        }
    }

    /// Watches for old snapshots, except over a small pool, which may have no other connection for the next request.
    async fn watch_snapshots(&mut self) {
        if !self.snapshots.is_due() || self.sessions.most() <= SMALL_POOL {
            return;
        }
        let Some(mut session) = self.session().await.ok() else { return };
        let alive = self.snapshots.check(&mut session, &self.cache).await;
        if alive {
            self.keep(session);
        } else {
            self.cache.forget_everything();
        }
    }

    /// The kept session, or the next one.
    async fn session(&mut self) -> Result<Session, StoreError> {
        match self.kept.take() {
            Some(kept) if self.sessions.is_on_current_server(&kept) => Ok(kept),
            _ => Ok(self.sessions.begin().await?),
        }
    }

    /// Keeps a session for the next batch, if it is not a transaction, and others are left for requests.
    fn keep(&mut self, session: Session) {
        if session.keeps_statements() && self.sessions.most() > SMALL_POOL {
            self.kept = Some(session);
        } else {
            session.end(());
        }
    }

    /// Decides and appends a batch, and reports the outcomes.
    async fn settle(&mut self, mut batch: Vec<Job>) {
        // Groups the commands by timeline; the sort is stable, so they keep their order.
        batch.sort_by_key(|job| job.request.project);
        let (mut prepared, mut without_effect) = (Vec::<PreparedCommand>::new(), Vec::new());
        for mut job in batch {
            let project = job.request.project;
            if job.is_too_late() {
                job.reply(Err(too_late()));
                continue;
            }
            let before = prepared.last().filter(|before| before.job.request.project == project);
            let follows = before.is_some();
            let decider =
                Decider { cache: Arc::clone(&self.cache), needs_row_locations: self.snapshots.is_held() };
            let Some((mut job, decision)) = decider.decide(job, before.map(|before| &before.predicted)).await
            else {
                continue;
            };
            match decision {
                Err(error) => job.reply(Err(error)),
                Ok(Decision::NoEffect(why, on)) => without_effect.push((job, why, on, follows)),
                Ok(Decision::Append(decided)) => {
                    let Decided { append, adoption, events: decided, predicted } = *decided;
                    prepared.push(PreparedCommand { job, append, adoption, decided, predicted });
                }
            }
        }
        let committed = self.append(prepared).await;
        for (mut job, why, on, predicted) in without_effect {
            let project = job.request.project;
            let version = on.folded.version;
            // The decision holds only if the commands before it in this batch are in the log.
            let outcome = if !predicted {
                Outcome::NoEffect { why, on }
            } else if committed.get(&project).is_some_and(|reached| *reached >= version) {
                let known = self.cache.timeline(project).filter(|known| known.version == version);
                let on = known.map_or(on, LoadedTimeline::cached);
                Outcome::NoEffect { why, on }
            } else {
                Outcome::Lost(self.conflict(project, version))
            };
            job.reply(Ok(outcome));
        }
    }

    fn conflict(&self, project: ProjectId, expected: i64) -> StoreError {
        let actual = self.cache.timeline(project).map_or(0, |known| known.version);
        StoreError::Conflict { stream: stream_of(project), expected, actual }
    }

    /// Appends the prepared commands, reports their outcomes, and returns the version that each project has reached.
    async fn append(&mut self, mut prepared: Vec<PreparedCommand>) -> HashMap<ProjectId, i64> {
        let mut results = Results::default();
        if prepared.is_empty() {
            return results.reached;
        }
        let began = Instant::now();
        let deadline = Deadline::latest(prepared.iter().map(|one| one.job.request.deadline));
        let error = match self.append_batch(&prepared, deadline).await {
            Ok(result) => {
                self.report(&mut prepared, result, &mut results).await;
                return results.reached;
            }
            Err(error) => error,
        };
        // The wait for a row has a shorter limit, so a longer wait was for the head.
        let waited_for_head = began.elapsed() >= deadline.patience(self.patience);
        match BatchError::of(error, waited_for_head) {
            BatchError::EveryCommand(error) => {
                let error = Arc::new(error);
                for one in &mut prepared {
                    one.job.reply(failed(StoreError::Shared(Arc::clone(&error))));
                }
            }
            BatchError::HeadLocked(error) => {
                for one in &mut prepared {
                    one.job.reply(Err(busy(&error)));
                }
            }
            BatchError::OneCommand(error) => match &mut prepared[..] {
                [only] => only.job.reply(failed(error)),
                _ => self.append_one_by_one(prepared, &mut results).await,
            },
        }
        results.reached
    }

    /// Appends each command in its own transaction, so that a command that fails does not affect the others.
    async fn append_one_by_one(&mut self, prepared: Vec<PreparedCommand>, results: &mut Results) {
        // Projects of which a command failed: the later ones were decided on its result, and another writer may have reached the
        // version that they expect.
        let mut failed_projects = HashSet::new();
        // Projects of which another session holds a row: each further attempt would block all other writers once more.
        let mut locked_projects: HashMap<ProjectId, StoreError> = HashMap::new();
        for mut one in prepared {
            let project = one.job.request.project;
            if let Some(error) = locked_projects.get(&project) {
                one.job.reply(Err(busy(error)));
                continue;
            }
            if one.job.is_too_late() {
                failed_projects.insert(project);
                one.job.reply(Err(too_late()));
                continue;
            }
            if failed_projects.contains(&project) {
                let conflict = self.conflict(project, one.append.expected);
                one.job.reply(Ok(Outcome::Lost(conflict)));
                continue;
            }
            let deadline = Deadline::latest([one.job.request.deadline]);
            match self.append_batch(std::slice::from_ref(&one), deadline).await {
                Ok(result) => {
                    if !matches!(result.verdicts[..], [Verdict::Appended(_)]) {
                        failed_projects.insert(project);
                    }
                    self.report(std::slice::from_mut(&mut one), result, results).await;
                }
                Err(error) => {
                    failed_projects.insert(project);
                    if is_held_up(&error) {
                        locked_projects.insert(project, busy(&error));
                    }
                    one.job.reply(failed(error));
                }
            }
        }
    }

    /// One call of the database. If the connection is lost, the same batch is sent once more: events of the first call are found by
    /// their ids, and cannot be written twice.
    async fn append_batch(
        &mut self,
        prepared: &[PreparedCommand],
        deadline: Deadline,
    ) -> Result<BatchResult, StoreError> {
        let route = match self.route().await {
            Ok(route) => route,
            Err(error) => {
                // The database may come back restored from a backup.
                self.cache.forget_everything();
                return Err(error);
            }
        };
        let error = match self.appended(route, prepared, deadline).await {
            Err(StoreError::Database(error)) if is_lost_connection(&error) => error,
            // A missing function may mean an older schema.
            Err(error) if error.sqlstate() == Some(SqlState::UndefinedFunction) => {
                return Err(schema::version::explained(&self.sessions, error).await);
            }
            other => return other,
        };
        self.cache.forget_everything();
        let unknown = |error: &dyn std::fmt::Display| StoreError::OutcomeUnknown(error.to_string());
        let route = self.route().await.map_err(|_| unknown(&error))?;
        let mut appending =
            self.appended(route, prepared, deadline).await.map_err(|error| unknown(&error))?;
        let mut session = self.session().await.map_err(|_| unknown(&error))?;
        for (one, verdict) in prepared.iter().zip(&mut appending.verdicts) {
            if let Verdict::Conflict { .. } | Verdict::Repeated(_) = verdict
                && let Some(appended) =
                    find_appended(&mut session, &one.append).await.map_err(|error| unknown(&error))?
            {
                *verdict = Verdict::Appended(appended);
            }
        }
        self.keep(session);
        Ok(appending)
    }

    /// A message behind a pooler, else the kept session or the next one.
    async fn route(&mut self) -> Result<AppendRoute, StoreError> {
        if self.kept.is_none()
            && let Some(message) = self.sessions.message().await?
        {
            return Ok(AppendRoute::Message(message));
        }
        self.session().await.map(AppendRoute::Session)
    }

    /// Appends a batch, and keeps the session if it is not lost.
    async fn appended(
        &mut self,
        mut route: AppendRoute,
        prepared: &[PreparedCommand],
        deadline: Deadline,
    ) -> Result<BatchResult, StoreError> {
        let patience = self.patience;
        let left = || deadline.limit(patience);
        if let Some(single) = SingleEvent::of(prepared)? {
            let (session, rows) = self.executed(route, &single.statement().within(left())).await;
            let verdict = rows.and_then(|rows| single.result(&rows));
            self.keep_unless_lost(session, verdict.as_ref().err());
            if let Some(verdict) = verdict? {
                return Ok(BatchResult { verdicts: vec![verdict], row_locations: None });
            }
            // `phaseline.append` decides.
            route = self.route().await?;
        }
        let batch = AppendBatch::new(prepared)?;
        let (session, rows) = self.executed(route, &batch.statement().within(left())).await;
        let appending = rows.and_then(|rows| batch.result(&rows));
        self.keep_unless_lost(session, appending.as_ref().err());
        appending
    }

    /// Executes a statement; the session is none if it is closed, or was of one message only.
    async fn executed(
        &self,
        route: AppendRoute,
        statement: &Statement<'_>,
    ) -> (Option<Session>, Result<Vec<PgRow>, StoreError>) {
        let (session, rows) = match route {
            AppendRoute::Message(message) => (None, message.send(statement).await),
            AppendRoute::Session(session) => self.sessions.execute_on(session, statement).await,
        };
        (session, rows.map_err(StoreError::from))
    }

    /// Keeps a session for the next batch, unless the error of its statement says that its connection is of no further use.
    fn keep_unless_lost(&mut self, session: Option<Session>, error: Option<&StoreError>) {
        let Some(session) = session else { return };
        match error {
            Some(StoreError::Database(error)) if is_lost_connection(error) => {}
            // The server has become a standby.
            Some(error) if error.sqlstate() == Some(SqlState::ReadOnly) => session.discard(),
            _ => self.keep(session),
        }
    }

    /// Reports each command's outcome, and updates the cache. The outcomes are sent last: each wakes a task, which must find
    /// the cache up to date.
    async fn report(&self, prepared: &mut [PreparedCommand], appending: BatchResult, results: &mut Results) {
        if let Some(json) = &appending.row_locations {
            self.cache.keep_row_locations(json);
        }
        let mut outcomes = Vec::with_capacity(prepared.len());
        for (one, verdict) in prepared.iter_mut().zip(appending.verdicts) {
            let project = one.job.request.project;
            outcomes.push(match verdict {
                Verdict::NotAccepting => Err(StoreError::NotAccepting),
                Verdict::KeyReused => Err(StoreError::KeyReused),
                Verdict::DatesChanged => Ok(Outcome::Lost(StoreError::ProjectDatesChanged(project))),
                Verdict::Repeated(earlier) => Ok(Outcome::Repeated(earlier)),
                Verdict::Conflict { actual } => Ok(Outcome::Lost(StoreError::Conflict {
                    stream: stream_of(project),
                    expected: one.append.expected,
                    actual,
                })),
                Verdict::Appended(appended) => {
                    results.reached.insert(project, appended.version);
                    let committed = one.committed(results.timelines.get(&project), appended).await;
                    results.timelines.insert(project, Arc::clone(&committed.after));
                    Ok(Outcome::Committed(committed))
                }
            });
        }
        for (project, state) in results.timelines.iter().filter(|(_, state)| state.version > 0) {
            self.cache.keep(*project, Arc::clone(state));
        }
        for (one, outcome) in prepared.iter_mut().zip(outcomes) {
            one.job.reply(outcome);
        }
    }
}

/// The results of the appended commands of a batch.
#[derive(Default)]
struct Results {
    /// The last timeline of each project.
    timelines: HashMap<ProjectId, Arc<FoldedTimeline>>,
    /// The version that each project has reached.
    reached: HashMap<ProjectId, i64>,
}
