//! A command on its way through the committing task, and what came of it.

use crate::projection::Adoption;
use crate::request::{Committed, Request};
use crate::{Earlier, FoldedTimeline, StoreError};
use phaseline_domain::Refusal;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// What a command is decided on.
#[derive(Clone, Debug)]
pub(crate) struct LoadedTimeline {
    /// The timeline; with the adoption, if there is one, which the version does not count.
    pub(crate) folded: Arc<FoldedTimeline>,
    /// What the timeline was adopted with; not recorded yet.
    pub(crate) adoption: Option<Adoption>,
}

/// A command on its way to the committing task.
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

    /// Whether its deadline is over: the caller has got its answer by then.
    pub(super) fn is_too_late(&self) -> bool {
        self.request.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    pub(super) fn answer(&mut self, outcome: Result<Outcome, StoreError>) {
        if let Some(reply) = self.reply.take() {
            // Nobody waits any more: what was done is done.
            let _ = reply.send(outcome);
        }
    }
}

/// A command whose turn came after its time was over.
pub(super) fn too_late() -> StoreError {
    StoreError::Busy("the request's time was over before its turn came".to_owned())
}

/// What the task did with a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Its events are in the log.
    Committed(Committed),
    /// The same request was carried out before.
    Repeated(Earlier),
    /// Somebody else was faster; the error says who or what.
    Lost(StoreError),
    /// It writes nothing, decided on a timeline that was the current one at some time.
    NoEffect {
        /// Why.
        why: NoEffect,
        /// What it was decided on.
        on: LoadedTimeline,
    },
}

/// Why a command writes nothing.
#[derive(Debug)]
pub(crate) enum NoEffect {
    /// It asks for what is so already.
    Unchanged,
    /// A rule refuses it.
    Refused(Refusal),
    /// The timeline is not at the version that the caller has seen.
    Stale {
        /// That version.
        expected: i64,
    },
}
