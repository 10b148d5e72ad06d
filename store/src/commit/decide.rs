//! Decides one command, and builds its append.

use super::LoadedTimeline;
use super::{Job, NoEffect};
use crate::append::{Append, FollowingEvents};
use crate::cache::TimelineCache;
use crate::request::Request;
use crate::stream::stream_of;
use crate::{FoldedTimeline, NewEvent, StoreError};
use phaseline_domain::{
    DateRange, Following, Refusal, Timeline, TimelineCommand, TimelineEvent, decide, decide_following,
};
use std::sync::Arc;

/// From how many phases on a command is decided on a thread for blocking work: the worker thread would serve no other request during a
/// long decision.
const MANY: usize = 256;

/// Whether a decision takes too long for a worker thread.
pub(crate) fn is_large(timeline: &FoldedTimeline, command: &TimelineCommand) -> bool {
    let named = match command {
        TimelineCommand::ReplaceAll { phases } => phases.len(),
        TimelineCommand::Reorder { phases } => phases.len(),
        TimelineCommand::Restore { phases, .. } => phases.len(),
        _ => 0,
    };
    timeline.timeline.phases().len().max(named) >= MANY
}

/// The decision on a command.
pub(super) enum Decision {
    NoEffect(NoEffect, LoadedTimeline),
    Append(Box<Decided>),
}

/// The events that a command writes, and their effect.
pub(super) struct Decided {
    pub(super) append: Append,
    pub(super) adoption: Vec<TimelineEvent>,
    pub(super) events: Vec<TimelineEvent>,
    pub(super) predicted: FoldedTimeline,
}

/// Decides commands of a batch.
pub(super) struct Decider {
    pub(super) cache: Arc<TimelineCache>,
    /// Whether rows are found by their locations.
    pub(super) needs_row_locations: bool,
}

impl Decider {
    /// Decides one command; `ahead` is the timeline after the earlier commands of the batch. None if that panicked: then the caller gets
    /// an error, since its reply channel is dropped.
    pub(super) async fn decide(
        self,
        job: Job,
        ahead: Option<&FoldedTimeline>,
    ) -> Option<(Job, Result<Decision, StoreError>)> {
        let on = ahead.unwrap_or(&job.start.folded);
        if !is_large(on, &job.request.command) {
            let decision = self.prepare(&job, ahead);
            return Some((job, decision));
        }
        let ahead = ahead.cloned();
        let deciding = tokio::task::spawn_blocking(move || {
            let decision = self.prepare(&job, ahead.as_ref());
            (job, decision)
        });
        deciding.await.ok()
    }

    /// Decides one command on the latest known timeline: of the batch, else of the cache, else the one that the job loaded.
    fn prepare(&self, job: &Job, ahead: Option<&FoldedTimeline>) -> Result<Decision, StoreError> {
        let project = job.request.project;
        let known;
        let (mut adoption, mut follow) = (None, None);
        let state = match ahead {
            Some(state) => state,
            None => {
                known = self.cache.timeline(project).filter(|known| known.version > job.start.folded.version);
                adoption = job.start.adoption.as_ref().filter(|_| known.is_none());
                follow = job.start.dates_to_follow().filter(|_| known.is_none());
                known.as_deref().unwrap_or(&job.start.folded)
            }
        };
        let on = |folded: &FoldedTimeline| LoadedTimeline {
            folded: Arc::new(folded.clone()),
            adoption: adoption.cloned(),
            project_dates: follow,
        };
        if let Some(expected) = job.request.expected
            && expected != state.version
        {
            return Ok(Decision::NoEffect(NoEffect::Stale { expected }, on(state)));
        }
        let outcome = decided(&state.timeline, follow, job.request.opening.as_ref(), &job.request.command);
        let Following { dates, events: own } = match outcome {
            Err(refusal) => return Ok(Decision::NoEffect(NoEffect::Refused(refusal), on(state))),
            // Without events in the log the result could not be read again for a repeated request: no key is stored.
            Ok(decided) if decided.is_empty() && (job.request.key.is_none() || state.version == 0) => {
                return Ok(Decision::NoEffect(NoEffect::Unchanged, on(state)));
            }
            // A command that changes nothing records no adoption.
            Ok(decided) if adoption.is_some() && decided.events.is_empty() => {
                return Ok(Decision::NoEffect(NoEffect::Unchanged, on(state)));
            }
            Ok(decided) => decided,
        };
        let adopted = adoption.map(|adoption| adoption.events.clone()).unwrap_or_default();
        let mut predicted = state.clone();
        dates.iter().chain(&own).for_each(|event| predicted.apply_unrecorded(event));
        let decided: Vec<TimelineEvent> = dates.iter().chain(&own).cloned().collect();
        // Rows are adopted before they follow, by the same command; else the events that follow have a source of their own.
        let (following, own) = match adoption {
            Some(_) => (Vec::new(), [adopted.as_slice(), &decided].concat()),
            None => (dates, own),
        };
        predicted.version = state.version + i64::try_from(following.len() + own.len()).unwrap_or_default();
        let location =
            |event: &TimelineEvent| event.phase_id().and_then(|phase| self.cache.row_location(phase));
        let row_locations = self.needs_row_locations.then(|| own.iter().map(location).collect());
        let following = match new_events(&following)? {
            events if events.is_empty() => None,
            events => Some(FollowingEvents { events, metadata: job.request.metadata.of_planner() }),
        };
        let append = Append {
            stream: stream_of(project),
            expected: state.version,
            events: new_events(&own)?,
            metadata: job.request.metadata.clone(),
            witness: adoption.map(|adoption| adoption.witness.clone()),
            row_locations,
            key: job.request.key.clone(),
            project_dates: follow
                .or_else(|| state.timeline.range())
                .or_else(|| opened_over(&job.request, &job.start)),
            following,
        };
        Ok(Decision::Append(Box::new(Decided { append, adoption: adopted, events: decided, predicted })))
    }
}

fn new_events(events: &[TimelineEvent]) -> Result<Vec<NewEvent>, serde_json::Error> {
    events.iter().map(NewEvent::timeline).collect()
}

/// The project's dates on which a command that opens the timeline was decided: for a list those of its opening; any other opening gives
/// the project new dates, so its dates when it was loaded.
fn opened_over(request: &Request, start: &LoadedTimeline) -> Option<DateRange> {
    match (&request.opening, &request.command) {
        (Some(TimelineCommand::Open { range, .. }), TimelineCommand::ReplaceAll { .. }) => Some(*range),
        _ => start.project_dates,
    }
}

/// Decides a command: on the timeline that follows the project's dates `follow`, if the log has others; if there is no timeline yet,
/// on the one that `opening` opens, whose events come first.
pub(crate) fn decided(
    timeline: &Timeline,
    follow: Option<DateRange>,
    opening: Option<&TimelineCommand>,
    command: &TimelineCommand,
) -> Result<Following, Refusal> {
    if let Some(dates) = follow {
        return decide_following(timeline, dates, command);
    }
    let Some(opening) = opening.filter(|_| timeline.project().is_none()) else {
        return Ok(Following { dates: Vec::new(), events: decide(timeline, command)? });
    };
    let mut events = decide(timeline, opening)?;
    let mut opened = timeline.clone();
    events.iter().for_each(|event| opened.evolve(event));
    events.extend(decide(&opened, command)?);
    Ok(Following { dates: Vec::new(), events })
}
