//! A command and its results: what a caller hands to the store, and what it gets back.

use crate::{FoldedTimeline, IdempotencyKey, Metadata, StoreError};
use phaseline_domain::{ProjectId, Refusal, Timeline, TimelineCommand, TimelineEvent};
use std::sync::Arc;
use std::time::Instant;

/// A command to one timeline.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose timeline.
    pub project: ProjectId,
    /// What is to be done.
    pub command: TimelineCommand,
    /// Who, why, by what way.
    pub metadata: Metadata,
    /// What opens the timeline if there is none yet, in the same append.
    pub opening: Option<TimelineCommand>,
    /// The version that the caller has seen, if it matters: at any other the command is not carried out.
    pub expected: Option<i64>,
    /// The key under which this request, sent again, is not carried out again.
    pub key: Option<IdempotencyKey>,
    /// Until when somebody waits for the answer. What has not been written by then is not, as long as that can be helped.
    pub deadline: Option<Instant>,
}

impl Request {
    /// A command at whatever version, without a key.
    pub const fn new(project: ProjectId, command: TimelineCommand, metadata: Metadata) -> Self {
        Self { project, command, metadata, opening: None, expected: None, key: None, deadline: None }
    }
}

/// What a command led to.
#[derive(Clone, Debug)]
pub struct Committed {
    /// What happened; empty if the command changed nothing. A project's first command begins with its adoption.
    pub events: Vec<TimelineEvent>,
    /// The adoption: the first of `events`, or, if those are empty, what was not recorded either.
    pub adoption: Vec<TimelineEvent>,
    /// The stream's version after it.
    pub version: i64,
    /// The position of the stream's last event then.
    pub position: i64,
    /// The timeline after it.
    pub after: Arc<FoldedTimeline>,
    /// Whether this is the answer to an earlier request with the same key; this one wrote nothing.
    pub repeated: bool,
}

/// Why a command was not carried out. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The timeline is not at the version that the caller has seen.
    #[error("the timeline is at version {}, not at {expected}: somebody else changed it meanwhile", current.version)]
    Stale {
        /// The version that the caller has seen.
        expected: i64,
        /// The timeline as it is.
        current: Arc<FoldedTimeline>,
    },
    /// The log could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a command would do; nothing was written.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The timeline as it is.
    pub before: Arc<FoldedTimeline>,
    /// What would happen, or every rule that would be broken.
    pub events: Result<Vec<TimelineEvent>, Refusal>,
    /// The timeline as it would be; the one that it is if the command would be refused.
    pub after: Timeline,
}
