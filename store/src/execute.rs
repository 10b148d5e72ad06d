//! Executes commands.
//!
//! All commands go through [`TimelineStore::submit`]. It loads the timeline and sends the command to the one task that commits
//! (`commit.rs`). A result without events is returned only if its timeline was current after the command was submitted.

use crate::commit::{Job, LoadedTimeline, NoEffect, Outcome, decided, is_large};
use crate::request::{Committed, CurrentTimeline, ExecuteError, Preview, Request};
use crate::stream::{history, skipped_of, stream_of};
use crate::unreadable::StreamReader;
use crate::{
    Content, EarlierResult, FoldedTimeline, IdempotencyKey, InlineProjection, Metadata, RecordedTimeline,
    SqlState, StoreError, TimelineStore, read,
};
use phaseline_domain::{Following, ProjectId, TimelineCommand, follow_dates};
use sqlx::PgConnection;
use std::collections::HashSet;
use std::sync::Arc;

/// How often a command is decided again after another writer was faster; each time a writer made progress.
const CONFLICT_RETRIES: usize = 20;

impl<P: InlineProjection> TimelineStore<P> {
    /// Executes a command at any version, as [`TimelineStore::submit`].
    pub async fn execute(
        &self,
        project: ProjectId,
        command: &TimelineCommand,
        metadata: Metadata,
    ) -> Result<Committed, ExecuteError> {
        self.submit(Request::new(project, command.clone(), metadata)).await
    }

    /// Decides a command on the current timeline and appends its events, together with the projection and the key. If another
    /// writer changed the timeline meanwhile, the command is decided again, or refused if it requires a version. Commands that
    /// come at the same time share a transaction, each with its own verdict.
    ///
    /// A project without a timeline, but with rows of other programs, is adopted by its first command: the adoption's events
    /// come first, in the same append. A command that changes nothing adopts nothing.
    ///
    /// Once the committing task has a command, it executes it, even if the caller stops waiting.
    /// If the project was deleted, its timeline is closed, and the result is [`StoreError::UnknownProject`].
    pub async fn submit(&self, request: Request) -> Result<Committed, ExecuteError> {
        let project = request.project;
        let outcome = self.submit_to_existing(request).await;
        if !may_be_deleted(&outcome) {
            return outcome;
        }
        match self.close_deleted(project).await {
            Ok(true) => Err(StoreError::UnknownProject(project).into()),
            Ok(false) => outcome,
            Err(error) => {
                tracing::warn!(%error, %project, "it is unknown whether the project was deleted");
                outcome
            }
        }
    }

    async fn submit_to_existing(&self, request: Request) -> Result<Committed, ExecuteError> {
        if let Some(earlier) = self.earlier(&request).await? {
            return Ok(earlier);
        }
        let project = request.project;
        // The version that the timeline has reached since the command was submitted; unknown until the cache was compared with the
        // log.
        let mut reached = None;
        let mut start = match self.cache().timeline(project) {
            Some(known) => LoadedTimeline::cached(known),
            None => {
                let start = self.load(project).await?;
                reached = Some(start.folded.version);
                start
            }
        };
        let request = Arc::new(request);
        let mut last_error = None;
        for _ in 0..=CONFLICT_RETRIES {
            if would_overwrite_dates(&request, &start) {
                self.take_dates_in(&request, &start).await?;
                start = self.reload(project).await?;
                reached = Some(start.folded.version);
            }
            match self.commit(Job::new(Arc::clone(&request), start)).await? {
                Outcome::Committed(committed) => return Ok(committed),
                Outcome::Repeated(earlier) => return Ok(self.repeat(project, earlier).await?),
                Outcome::Lost(error) => last_error = Some(error),
                Outcome::NoEffect { why, on } => {
                    if reached.is_some_and(|reached| on.folded.version >= reached) {
                        return self.conclude(&request, why, on).await;
                    }
                    let current = self.reload(project).await?;
                    if current.folded.version == on.folded.version && current.dates_to_follow().is_none() {
                        return self.conclude(&request, why, on).await;
                    }
                    reached = Some(current.folded.version);
                    start = current;
                    continue;
                }
            }
            start = self.reload(project).await?;
            reached = Some(start.folded.version);
        }
        Err(last_error.unwrap_or(StoreError::Conflict {
            stream: stream_of(project),
            expected: reached.unwrap_or_default(),
            actual: reached.unwrap_or_default(),
        }))?
    }

    /// Takes in the dates that another program gave the project, for a request that requires a version and would overwrite them: then the
    /// timeline is at another version. Dates that the phases cannot follow stay as they are.
    async fn take_dates_in(&self, request: &Request, start: &LoadedTimeline) -> Result<(), StoreError> {
        let Some(dates) = start.dates_to_follow() else { return Ok(()) };
        let follow = TimelineCommand::Reschedule { start_date: dates.start(), end_date: dates.end() };
        let own = Request::new(request.project, follow, request.metadata.of_planner());
        let request = Request { deadline: request.deadline, ..own };
        match self.commit(Job::new(Arc::new(request), start.clone())).await? {
            Outcome::Lost(error) => tracing::debug!(%error, "the project's dates changed again"),
            Outcome::Committed(_) | Outcome::Repeated(_) | Outcome::NoEffect { .. } => {}
        }
        Ok(())
    }

    /// Deletes expired idempotency keys, and returns their number.
    pub async fn forget_idempotency_keys(&self) -> Result<i64, StoreError> {
        let mut session = self.session().await?;
        let forgotten = sqlx::query_scalar("SELECT phaseline.forget_idempotency_keys()")
            .fetch_one(&mut *session)
            .await
            .map_err(StoreError::from);
        session.settle(forgotten).await
    }

    /// The timeline on which the next command is decided.
    ///
    /// # Errors
    /// The project does not exist, its timeline cannot be read, or its rows cannot be adopted; the database's own.
    pub async fn current(&self, project: ProjectId) -> Result<CurrentTimeline, StoreError> {
        let start = self.reload(project).await?;
        let mut followed = start.folded.timeline.clone();
        if let Some(range) = start.dates_to_follow() {
            let (dates, _) = follow_dates(&followed, range);
            dates.iter().for_each(|event| followed.evolve(event));
        }
        Ok(CurrentTimeline { recorded: start.folded, followed })
    }

    /// The effects of a command on the current timeline; `opening` opens it first if there is none.
    pub async fn preview(
        &self,
        project: ProjectId,
        opening: Option<&TimelineCommand>,
        command: &TimelineCommand,
    ) -> Result<Preview, StoreError> {
        let start = self.reload(project).await?;
        if !is_large(&start.folded, command) {
            return Ok(predict(start, opening, command));
        }
        let (opening, command) = (opening.cloned(), command.clone());
        let deciding = tokio::task::spawn_blocking(move || predict(start, opening.as_ref(), &command));
        deciding.await.map_err(|error| StoreError::SelfCheck(format!("a preview failed: {error}")))
    }

    /// The result of a command that wrote nothing.
    async fn conclude(
        &self,
        request: &Request,
        why: NoEffect,
        on: LoadedTimeline,
    ) -> Result<Committed, ExecuteError> {
        let folded = on.folded;
        match why {
            NoEffect::Unchanged => {
                if on.adoption.is_none() && sets_dates(&request.command) {
                    let mut session = self.session().await?;
                    let has_dates = self.projection.has_dates_of(&mut session, &folded.timeline).await;
                    if !session.end(has_dates)? {
                        return Err(StoreError::RowsDiffer(request.project).into());
                    }
                }
                let adoption = on.adoption.map(|adoption| adoption.events).unwrap_or_default();
                let (version, position) = (folded.version, folded.position);
                Ok(Committed {
                    events: Vec::new(),
                    adoption,
                    version,
                    position,
                    after: folded,
                    repeated: false,
                })
            }
            // The refusal may follow from the same request, executed while this one waited.
            NoEffect::Refused(refusal) => match self.earlier(request).await? {
                Some(earlier) => Ok(earlier),
                None => Err(refusal.into()),
            },
            NoEffect::Stale { expected } => match self.earlier(request).await? {
                Some(earlier) => Ok(earlier),
                None => Err(ExecuteError::Stale { expected, current: folded }),
            },
        }
    }

    /// The result of an earlier request with the same key.
    async fn earlier(&self, request: &Request) -> Result<Option<Committed>, StoreError> {
        let Some(key) = &request.key else { return Ok(None) };
        let mut session = self.session().await?;
        let keep = session.keeps_statements();
        let earlier = match used_key(&mut session, key, keep).await {
            Ok(Some(earlier)) => read_earlier(&mut session, request.project, earlier).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        session.end(earlier)
    }

    async fn repeat(&self, project: ProjectId, earlier: EarlierResult) -> Result<Committed, StoreError> {
        let mut session = self.session().await?;
        let earlier = read_earlier(&mut session, project, earlier).await;
        session.end(earlier)
    }

    /// The current timeline of the log: the cached one, brought up to date.
    async fn reload(&self, project: ProjectId) -> Result<LoadedTimeline, StoreError> {
        let Some(known) = self.cache().timeline(project) else { return self.load(project).await };
        let mut session = self.session().await?;
        let newer = newer_events(&mut session, project, &known).await;
        let NewerEvents { events: newer, skipped } = session.end(newer)?;
        // A new mark may leave out an event that the cached timeline contains.
        let left_out = skipped.iter().any(|position| *position <= known.position);
        let unreadable = newer.iter().any(|event| matches!(event.content, Content::Unreadable(_)));
        let altered = newer.iter().any(|event| event.recorded.is_altered);
        let same = newer.first().is_some_and(|event| event.recorded.position == known.position);
        if !same || known.version == 0 || left_out || unreadable || altered {
            self.cache().forget(project);
            return self.load(project).await;
        }
        let mut folded = known;
        if newer.len() > 1 {
            let changed = Arc::make_mut(&mut folded);
            newer.iter().skip(1).for_each(|event| changed.record(event));
            self.cache().keep(project, Arc::clone(&folded));
        }
        if folded.timeline.project().is_none() {
            return self.load(project).await;
        }
        let project_dates = self.project_dates(self.session().await?, project).await?;
        Ok(LoadedTimeline { folded, adoption: None, project_dates })
    }
}

/// Whether a command is about the dates of phases.
const fn sets_dates(command: &TimelineCommand) -> bool {
    matches!(
        command,
        TimelineCommand::ReplaceAll { .. }
            | TimelineCommand::Restore { .. }
            | TimelineCommand::Reorder { .. }
            | TimelineCommand::Reschedule { .. }
            | TimelineCommand::ResizePhase { .. }
            | TimelineCommand::ChangePhase { .. }
    )
}

/// Whether a request would overwrite dates of the project that its client, who requires this version, has not seen.
fn would_overwrite_dates(request: &Request, start: &LoadedTimeline) -> bool {
    request.expected == Some(start.folded.version)
        && matches!(
            request.command,
            TimelineCommand::Reschedule { .. } | TimelineCommand::Restore { with_project_days: true, .. }
        )
        && start.dates_to_follow().is_some()
}

/// Whether the project may have been deleted: a command that wrote events has found it.
fn may_be_deleted(outcome: &Result<Committed, ExecuteError>) -> bool {
    match outcome {
        Ok(committed) => committed.events.is_empty() && !committed.repeated,
        // Its row, or the rows of its phases, are missing.
        Err(ExecuteError::Store(error)) => {
            matches!(error.cause(), StoreError::UnknownProject(_))
                || matches!(error.sqlstate(), Some(SqlState::DriftedRows | SqlState::ForeignKeyViolation))
        }
        Err(ExecuteError::Refused(_) | ExecuteError::Stale { .. }) => true,
    }
}

fn predict(start: LoadedTimeline, opening: Option<&TimelineCommand>, command: &TimelineCommand) -> Preview {
    let follow = start.dates_to_follow();
    let mut before = start.folded;
    let decided = decided(&before.timeline, follow, opening, command);
    // The rows are where the planner's own rule has moved them: the effects are those of the command.
    if let Ok(Following { dates, .. }) = &decided
        && !dates.is_empty()
    {
        let followed = Arc::make_mut(&mut before);
        dates.iter().for_each(|event| followed.apply_unrecorded(event));
    }
    let mut after = before.timeline.clone();
    let events = decided.map(|Following { dates, events }| {
        events.iter().for_each(|event| after.evolve(event));
        dates.into_iter().chain(events).collect::<Vec<_>>()
    });
    Preview { before, events, after }
}

/// The result that a key was used for, within a day.
async fn used_key(
    connection: &mut PgConnection,
    key: &IdempotencyKey,
    keep: bool,
) -> Result<Option<EarlierResult>, StoreError> {
    let used: Option<(Vec<u8>, i64, i32)> = sqlx::query_as(
        "SELECT fingerprint, version, events FROM phaseline.idempotency_keys
          WHERE scope = $1 AND key = $2 AND login IN (session_user, '')
            AND recorded_at > clock_timestamp() - interval '24 hours'
          ORDER BY login DESC LIMIT 1",
    )
    .bind(&key.scope)
    .bind(&key.key)
    .persistent(keep)
    .fetch_optional(connection)
    .await?;
    match used {
        None => Ok(None),
        Some((fingerprint, ..)) if fingerprint != key.fingerprint => Err(StoreError::KeyReused),
        Some((_, version, events)) => Ok(Some(EarlierResult { version, events: events.into() })),
    }
}

/// The events of a cached timeline from its last known one on, and the positions of all that are left out.
struct NewerEvents {
    events: Vec<RecordedTimeline>,
    skipped: HashSet<i64>,
}

/// Reads from the last known event on, to check that it is still the same.
async fn newer_events(
    connection: &mut PgConnection,
    project: ProjectId,
    known: &FoldedTimeline,
) -> Result<NewerEvents, StoreError> {
    let skipped = skipped_of(connection, project).await?;
    let mut events = Vec::new();
    let mut reader = StreamReader::new(project, known.timeline.project().is_some());
    read::stream_from(connection, stream_of(project), known.version.max(1), None, |recorded| {
        let content = reader.read(&recorded, skipped.contains(&recorded.position));
        events.push(RecordedTimeline { recorded, content });
        Ok(())
    })
    .await?;
    Ok(NewerEvents { events, skipped })
}

/// The result of an earlier request, from the log.
async fn read_earlier(
    connection: &mut PgConnection,
    project: ProjectId,
    earlier: EarlierResult,
) -> Result<Committed, StoreError> {
    let mut history = history(connection, project, None).await?;
    history.truncate(usize::try_from(earlier.version).unwrap_or_default());
    let after = FoldedTimeline::of(&history);
    let own = history.len().saturating_sub(usize::try_from(earlier.events).unwrap_or_default());
    let own = history.split_off(own);
    let events = own.iter().filter_map(|recorded| recorded.event().cloned()).collect();
    Ok(Committed {
        events,
        adoption: Vec::new(),
        version: after.version,
        position: after.position,
        after: Arc::new(after),
        repeated: true,
    })
}
