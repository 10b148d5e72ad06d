//! A job of the committing task, and its outcome.

use crate::projection::Adoption;
use crate::request::{Committed, Request};
use crate::{EarlierResult, FoldedTimeline, StoreError};
use phaseline_domain::{DateRange, Refusal};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// The timeline on which a command is decided.
#[derive(Clone, Debug)]
pub(crate) struct LoadedTimeline {
    /// The timeline, with the adoption, which the version does not count.
    pub(crate) folded: Arc<FoldedTimeline>,
    /// The adoption, which is not recorded yet.
    pub(crate) adoption: Option<Adoption>,
    /// The dates that the project has in the planner's table, if they were read.
    pub(crate) project_dates: Option<DateRange>,
}

impl LoadedTimeline {
    /// A timeline of the log whose project's dates were not read.
    pub(crate) const fn cached(folded: Arc<FoldedTimeline>) -> Self {
        Self { folded, adoption: None, project_dates: None }
    }

    /// The dates that the timeline has to follow: those of the project, if they were read and the timeline has others.
    pub(crate) fn dates_to_follow(&self) -> Option<DateRange> {
        self.project_dates.filter(|dates| self.folded.timeline.range().is_some_and(|range| range != *dates))
    }
}

/// A command for the committing task.
#[derive(Debug)]
pub(crate) struct Job {
    pub(super) request: Arc<Request>,
    pub(super) start: LoadedTimeline,
    pub(super) reply: Option<oneshot::Sender<Result<Outcome, StoreError>>>,
}

impl Job {
    pub(crate) const fn new(request: Arc<Request>, start: LoadedTimeline) -> Self {
        Self { request, start, reply: None }
    }

    /// Whether the deadline has passed: the caller has stopped waiting.
    pub(super) fn is_too_late(&self) -> bool {
        self.request.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    pub(super) fn reply(&mut self, outcome: Result<Outcome, StoreError>) {
        if let Some(caller) = self.reply.take() {
            // The caller may have stopped waiting.
            let _ = caller.send(outcome);
        }
    }
}

/// The error of a command whose deadline passed in the queue.
pub(super) fn too_late() -> StoreError {
    StoreError::Busy("the deadline of the request passed before it was executed".to_owned())
}

/// The outcome of a job.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its events are in the log.
    Committed(Committed),
    /// The same request was executed before.
    Repeated(EarlierResult),
    /// Another writer was faster; the error has the details.
    Lost(StoreError),
    /// It writes nothing, on a timeline that was current at some time.
    NoEffect {
        /// Why.
        why: NoEffect,
        /// The timeline on which it was decided.
        on: LoadedTimeline,
    },
}

/// Why a command writes nothing.
#[derive(Debug)]
pub(crate) enum NoEffect {
    /// It changes nothing.
    Unchanged,
    /// A rule refuses it.
    Refused(Refusal),
    /// The timeline is not at the required version.
    Stale {
        /// That version.
        expected: i64,
    },
}
