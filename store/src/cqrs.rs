//! The store as a `cqrs_es::EventStore`.

use crate::commit::LoadedTimeline;
use crate::sqlstate::lost_a_race;
use crate::stream::{history, stream_of};
use crate::{
    Append, Content, FollowingEvents, InlineProjection, Metadata, NewEvent, RecordedTimeline, StoreError,
    TimelineStore, append,
};
use cqrs_es::{AggregateContext, AggregateError, EventEnvelope};
use phaseline_domain::{ProjectId, Refusal, Timeline, TimelineCommand, TimelineEvent, decide};
use std::collections::HashMap;

impl<P: InlineProjection> TimelineStore<P> {
    /// Appends the adoption, if there is one, and the decided events.
    async fn append(
        &self,
        context: &TimelineContext,
        decided: &[TimelineEvent],
        metadata: Metadata,
    ) -> Result<append::Appended, StoreError> {
        let LoadedTimeline { folded, adoption, .. } = &context.start;
        let adopted = adoption.iter().flat_map(|adoption| &adoption.events);
        // Rows are adopted before they follow.
        let (together, apart) = match adoption {
            Some(_) => (context.following.as_slice(), [].as_slice()),
            None => ([].as_slice(), context.following.as_slice()),
        };
        let following = apart.iter().map(NewEvent::timeline).collect::<Result<Vec<_>, _>>()?;
        let following = (!following.is_empty())
            .then(|| FollowingEvents { events: following, metadata: metadata.of_planner() });
        let batch = [Append {
            stream: stream_of(context.project),
            expected: folded.version,
            events: adopted
                .chain(together)
                .chain(decided)
                .map(NewEvent::timeline)
                .collect::<Result<_, _>>()?,
            metadata,
            witness: adoption.as_ref().map(|adoption| adoption.witness.clone()),
            row_locations: None,
            key: None,
            project_dates: context.start.dates_to_follow().or_else(|| folded.timeline.range()),
            following,
        }];
        let mut session = self.session().await?;
        let verdicts = append::append(&mut session, &batch).await;
        let verdicts = session.settle(verdicts).await?;
        verdicts.into_iter().next().unwrap_or(Err(StoreError::CountMismatch { offered: 1, inserted: 0 }))
    }
}

/// A loaded timeline, as `cqrs-es` carries it from load to commit.
#[derive(Debug)]
pub struct TimelineContext {
    project: ProjectId,
    /// The aggregate on which `cqrs-es` decides, and to which it applies the events of its command.
    timeline: Timeline,
    start: LoadedTimeline,
    /// How the timeline follows dates that another program gave the project.
    following: Vec<TimelineEvent>,
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
        let mut session = self.session().await.map_err(to_cqrs)?;
        let history = history(&mut session, project, None).await;
        let history = session.end(history).map_err(to_cqrs)?;
        let readable = |event: RecordedTimeline| match event.content {
            Content::Event(happened) => {
                Some(envelope(project, event.recorded.version, happened, event.recorded.metadata))
            }
            Content::Skipped | Content::Unreadable(_) => None,
        };
        Ok(history.into_iter().filter_map(readable).collect())
    }

    /// The timeline for the next command; one that the log does not have is adopted, which the commit records.
    async fn load_aggregate(&self, aggregate_id: &str) -> Result<TimelineContext, AggregateError<Refusal>> {
        let project = project_of(aggregate_id)?;
        let start = self.load(project).await.map_err(to_cqrs)?;
        let mut timeline = start.folded.timeline.clone();
        let mut following = Vec::new();
        if let Some(dates) = start.dates_to_follow() {
            let follow = TimelineCommand::Reschedule { start_date: dates.start(), end_date: dates.end() };
            following = decide(&timeline, &follow).map_err(AggregateError::UserError)?;
            following.iter().for_each(|event| timeline.evolve(event));
        }
        Ok(TimelineContext { project, timeline, start, following })
    }

    /// The result begins with the adoption, if this was the project's first command, or with the events that follow the project's
    /// dates.
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
        let follower = if adopted.is_empty() { metadata.of_planner() } else { metadata.clone() };
        let following = context.following.into_iter().map(|event| (event, follower.clone()));
        let own = |event| (event, metadata.clone());
        Ok(adopted
            .into_iter()
            .map(own)
            .chain(following)
            .chain(events.into_iter().map(own))
            .zip(first..)
            .map(|((event, metadata), version)| envelope(context.project, version, event, metadata))
            .collect())
    }
}
