//! Group commit: one task takes the commands that wait, decides them in their order, and appends them in one transaction.
//!
//! Numbers behind the design, of a prototype without projection, 64 clients on two cores: a transaction for each command
//! 16 400 events/s, one task that batches 44 000; two tasks that batch were slower than one. A command that comes alone is
//! committed at once.

mod classify;
mod decide;
mod job;
mod queue;
mod snapshots;
mod timed;

pub(crate) use decide::{decided, is_large};
pub(crate) use job::{Decision, Job, LoadedTimeline, Outcome};
pub(crate) use queue::Queue;
pub(crate) use snapshots::OldSnapshotMonitor;

use crate::append::{Append, Appended, BatchResult, Verdict};
use crate::cache::TimelineCache;
use crate::sqlstate::{is_held_up, is_lost_connection, is_one_commands_fault};
use crate::stream::stream_of;
use crate::{Committed, FoldedTimeline, Pace, StoreError};
use chrono::{DateTime, Utc};
use classify::{busy, failed};
use decide::{Decided, Decider, Step};
use job::too_late;
use phaseline_domain::{ProjectId, TimelineEvent};
use sqlx::PgPool;
use sqlx::pool::PoolConnection;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use timed::Deadline;
use tokio::sync::mpsc;

/// How many commands share a transaction at most. With 64 clients more never come together; with more the hold on the head
/// stays short.
const BATCH: usize = 256;

/// How often the task lets others run before it looks whether more commands came. Without it half-full batches alternate:
/// with 16 clients three times gave a prototype 15 100 commands/s instead of 11 100.
const BATCH_YIELDS: usize = 3;

/// How long a connection is kept while no command comes.
const IDLE_CONNECTION_TTL: Duration = Duration::from_secs(1);

/// Of how many connections at most none is kept.
const SMALL_POOL: u32 = 2;

/// The committing task.
#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) pool: PgPool,
    pub(crate) memory: Arc<TimelineCache>,
    /// How long a statement of this pool's connections waits for a lock.
    pub(crate) patience: Duration,
    /// The connection of the last batch: the server's process behind it has all plans and pages at hand, which the next one
    /// from the pool has not.
    pub(crate) kept: Option<PoolConnection<sqlx::Postgres>>,
    /// Whether somebody holds an old snapshot, so that dead rows cannot be cleared.
    pub(crate) snapshots: OldSnapshotMonitor,
}

/// A command that was decided and is to be appended.
struct Prepared {
    job: Job,
    /// The version that it was decided on.
    expected: i64,
    adoption: Vec<TimelineEvent>,
    decided: Vec<TimelineEvent>,
    /// What it leads to, as predicted.
    predicted: FoldedTimeline,
}

impl Committer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let first = if self.kept.is_some() {
                match tokio::time::timeout(IDLE_CONNECTION_TTL, jobs.recv()).await {
                    Ok(first) => first,
                    Err(_) => {
                        self.kept = None;
                        continue;
                    }
                }
            } else {
                jobs.recv().await
            };
            let Some(first) = first else { return };
            batch.push(first);
            for _ in 0..BATCH_YIELDS {
                tokio::task::yield_now().await;
                while batch.len() < BATCH
                    && let Ok(next) = jobs.try_recv()
                {
                    batch.push(next);
                }
            }
            self.settle(std::mem::take(&mut batch)).await;
            if let Some(connection) = &mut self.kept
                && !self.snapshots.look(connection, &self.memory).await
            {
                self.kept = None;
                self.memory.forget_everything();
            }
        }
    }

    /// Decides, appends and answers a batch.
    async fn settle(&mut self, mut batch: Vec<Job>) {
        // Those for one timeline stand together, each after those that came before it.
        batch.sort_by_key(|job| job.request.project);
        let (mut prepared, mut appends, mut nothing) = (Vec::<Prepared>::new(), Vec::new(), Vec::new());
        for mut job in batch {
            let project = job.request.project;
            if job.is_too_late() {
                job.answer(Err(too_late()));
                continue;
            }
            let before = prepared.last().filter(|before| before.job.request.project == project);
            let follows = before.is_some();
            let decider =
                Decider { memory: Arc::clone(&self.memory), needs_places: self.snapshots.is_held() };
            let Some((mut job, step)) = decider.decide(job, before.map(|before| &before.predicted)).await
            else {
                continue;
            };
            match step {
                Err(error) => job.answer(Err(error)),
                Ok(Step::Nothing(decision, on)) => nothing.push((job, decision, on, follows)),
                Ok(Step::Append(step)) => {
                    let Decided { append, adoption, events: decided, predicted } = *step;
                    prepared.push(Prepared { job, expected: append.expected, adoption, decided, predicted });
                    appends.push(append);
                }
            }
        }
        let committed = self.append(prepared, &appends).await;
        for (mut job, decision, on, predicted) in nothing {
            let project = job.request.project;
            let version = on.folded.version;
            // Decided on what the commands before it in this batch lead to: true if those are in the log.
            let outcome = if !predicted {
                Outcome::Nothing { decision, on }
            } else if committed.get(&project).is_some_and(|reached| *reached >= version) {
                let known = self.memory.timeline(project).filter(|known| known.version == version);
                let on = known.map_or(on, |folded| LoadedTimeline { folded, adoption: None });
                Outcome::Nothing { decision, on }
            } else {
                Outcome::Lost(self.conflict(project, version))
            };
            job.answer(Ok(outcome));
        }
    }

    fn conflict(&self, project: ProjectId, expected: i64) -> StoreError {
        let actual = self.memory.timeline(project).map_or(0, |known| known.version);
        StoreError::Conflict { stream: stream_of(project), expected, actual }
    }

    /// Appends what was prepared, answers each command, and says which version each project has reached.
    async fn append(&mut self, mut prepared: Vec<Prepared>, appends: &[Append]) -> HashMap<ProjectId, i64> {
        let mut reached = HashMap::new();
        if prepared.is_empty() {
            return reached;
        }
        let began = Instant::now();
        let deadline = Deadline::latest(prepared.iter().map(|one| one.job.request.deadline));
        match self.append_batch(appends, deadline).await {
            Ok(appending) => {
                self.answer(&mut prepared, appending, &mut States::new(), &mut reached).await;
            }
            Err(error) if !is_one_commands_fault(&error) => {
                let error = Arc::new(error);
                for one in &mut prepared {
                    one.job.answer(failed(StoreError::Shared(Arc::clone(&error))));
                }
            }
            // A row is waited for half a second at most. So it was the head, without which no command can be carried out: each
            // that was tried alone would wait for it as long again.
            Err(error) if is_held_up(&error) && began.elapsed() >= deadline.patience(self.patience) => {
                for one in &mut prepared {
                    one.job.answer(Err(busy(&error)));
                }
            }
            // Somebody's rows are in the way of one command; the others shall not suffer for it.
            Err(first) => {
                if let [only] = &mut prepared[..] {
                    only.job.answer(failed(first));
                    return reached;
                }
                let (mut states, mut broken) = (States::new(), HashSet::new());
                // Somebody holds a row of these: each further attempt would hold up all others once more.
                let mut held: HashMap<ProjectId, StoreError> = HashMap::new();
                for (mut one, append) in prepared.into_iter().zip(appends) {
                    let project = one.job.request.project;
                    // Decided on what a command before it would have led to, which did not come to be. The version that it
                    // expects may be somebody else's by now.
                    if let Some(error) = held.get(&project) {
                        one.job.answer(Err(busy(error)));
                        continue;
                    }
                    if one.job.is_too_late() {
                        broken.insert(project);
                        one.job.answer(Err(too_late()));
                        continue;
                    }
                    if broken.contains(&project) {
                        one.job.answer(Ok(Outcome::Lost(self.conflict(project, append.expected))));
                        continue;
                    }
                    let deadline = Deadline::latest([one.job.request.deadline]);
                    match self.append_batch(std::slice::from_ref(append), deadline).await {
                        Ok(appending) => {
                            if !matches!(appending.verdicts[..], [Verdict::Appended(_)]) {
                                broken.insert(project);
                            }
                            self.answer(std::slice::from_mut(&mut one), appending, &mut states, &mut reached)
                                .await;
                        }
                        Err(error) => {
                            broken.insert(project);
                            if is_held_up(&error) {
                                held.insert(project, busy(&error));
                            }
                            one.job.answer(failed(error));
                        }
                    }
                }
            }
        }
        reached
    }

    /// One call of the database. If the connection is lost on the way, the same batch is sent once more: what was written
    /// the first time is found by its events' ids, and cannot be written twice.
    async fn append_batch(
        &mut self,
        appends: &[Append],
        deadline: Deadline,
    ) -> Result<BatchResult, StoreError> {
        let mut connection = match self.kept.take() {
            Some(kept) => kept,
            None => match self.pool.acquire().await {
                Ok(connection) => connection,
                Err(error) => {
                    // Whatever comes back may have been restored from a backup.
                    self.memory.forget_everything();
                    return Err(error.into());
                }
            },
        };
        let error = match deadline.verdicts(&mut connection, appends, self.patience).await {
            Err(StoreError::Database(error)) if is_lost_connection(&error) => error,
            other => {
                // A small pool may have no other connection for whoever comes next.
                self.kept =
                    Some(connection).filter(|_| self.pool.options().get_max_connections() > SMALL_POOL);
                return other;
            }
        };
        drop(connection);
        self.memory.forget_everything();
        let unknown = |error: &dyn std::fmt::Display| StoreError::OutcomeUnknown(error.to_string());
        let mut connection = self.pool.acquire().await.map_err(|_| unknown(&error))?;
        let mut appending = deadline
            .verdicts(&mut connection, appends, self.patience)
            .await
            .map_err(|error| unknown(&error))?;
        for (append, verdict) in appends.iter().zip(&mut appending.verdicts) {
            if let Verdict::Conflict { .. } | Verdict::Repeated(_) = verdict
                && let Some(appended) =
                    find_appended(&mut connection, append).await.map_err(|error| unknown(&error))?
            {
                *verdict = Verdict::Appended(appended);
            }
        }
        Ok(appending)
    }

    /// Answers each command by its verdict, and remembers what is in the log now. The answers go out together at the end: each
    /// wakes a task, and whoever runs it shall find all of this done.
    async fn answer(
        &self,
        prepared: &mut [Prepared],
        appending: BatchResult,
        states: &mut States,
        reached: &mut HashMap<ProjectId, i64>,
    ) {
        if let Some(said) = &appending.said {
            self.memory.keep_places(said);
        }
        let mut outcomes = Vec::with_capacity(prepared.len());
        for (one, verdict) in prepared.iter_mut().zip(appending.verdicts) {
            let project = one.job.request.project;
            outcomes.push(match verdict {
                Verdict::NotAccepting => Err(StoreError::NotAccepting),
                Verdict::KeyReused => Err(StoreError::KeyReused),
                Verdict::Repeated(earlier) => Ok(Outcome::Repeated(earlier)),
                Verdict::Conflict { actual } => Ok(Outcome::Lost(StoreError::Conflict {
                    stream: stream_of(project),
                    expected: one.expected,
                    actual,
                })),
                Verdict::Appended(appended) => {
                    reached.insert(project, appended.version);
                    let committed = one.committed(states.get(&project), appended).await;
                    states.insert(project, Arc::clone(&committed.after));
                    Ok(Outcome::Committed(committed))
                }
            });
        }
        for (project, state) in states.iter().filter(|(_, state)| state.version > 0) {
            self.memory.keep(*project, Arc::clone(state));
        }
        for (one, outcome) in prepared.iter_mut().zip(outcomes) {
            one.job.answer(outcome);
        }
    }
}

impl Prepared {
    /// The answer to a command that was appended; `before` is what those before it in the batch led to, if there are any.
    async fn committed(&mut self, before: Option<&Arc<FoldedTimeline>>, appended: Appended) -> Committed {
        let adoption = std::mem::take(&mut self.adoption);
        let decided = std::mem::take(&mut self.decided);
        let at = appended.recorded_at.naive_utc();
        let mut after = std::mem::take(&mut self.predicted);
        if let Some(before) = before {
            // They have their times now, which could not be predicted.
            after.stamps.clone_from(&before.stamps);
            after.position = before.position;
        }
        let mut pace = Pace::begin();
        for event in &decided {
            after.stamp(event, at);
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

/// What the commands of a batch that were appended so far led to.
type States = HashMap<ProjectId, Arc<FoldedTimeline>>;

/// What was written of a command, if its events are in the log under their own ids.
async fn find_appended(
    connection: &mut PoolConnection<sqlx::Postgres>,
    append: &Append,
) -> Result<Option<Appended>, StoreError> {
    let Some(last) = append.events.last() else { return Ok(None) };
    let version = append.expected + i64::try_from(append.events.len()).unwrap_or_default();
    let found: Option<(i64, DateTime<Utc>)> = sqlx::query_as(
        "SELECT position, recorded_at FROM phaseline.events
          WHERE stream_type = $1 AND stream_id = $2 AND version = $3 AND event_id = $4",
    )
    .bind(append.stream.stream_type)
    .bind(append.stream.id)
    .bind(version)
    .bind(last.event_id)
    .fetch_optional(&mut **connection)
    .await?;
    Ok(found.map(|(position, recorded_at)| Appended { version, position, recorded_at }))
}
