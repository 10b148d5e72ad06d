//! The interface for executing commands: requests, results and errors.

use crate::{FoldedTimeline, IdempotencyKey, Metadata, StoreError};
use phaseline_domain::{ProjectId, Refusal, Timeline, TimelineCommand, TimelineEvent};
use std::sync::Arc;
use std::time::Instant;

/// A command to one timeline.
#[derive(Clone, Debug)]
pub struct Request {
    /// The project.
    pub project: ProjectId,
    /// The command.
    pub command: TimelineCommand,
    /// Actor, reason and source.
    pub metadata: Metadata,
    /// The command that opens the timeline if there is none, in the same append.
    pub opening: Option<TimelineCommand>,
    /// The required version, if any: at another one the command is not executed.
    pub expected: Option<i64>,
    /// The key under which a repeated request is not executed again.
    pub key: Option<IdempotencyKey>,
    /// When the caller stops waiting. A command that is not written by then is cancelled, if possible.
    pub deadline: Option<Instant>,
}

impl Request {
    /// A command at any version, without a key.
    pub const fn new(project: ProjectId, command: TimelineCommand, metadata: Metadata) -> Self {
        Self { project, command, metadata, opening: None, expected: None, key: None, deadline: None }
    }
}

/// The result of a command.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The events; empty if the command changed nothing. Those of a project's first command begin with its adoption.
    pub events: Vec<TimelineEvent>,
    /// The adoption: the first of `events`, or, if those are empty, an adoption that was not recorded.
    pub adoption: Vec<TimelineEvent>,
    /// The stream's version after it.
    pub version: i64,
    /// The position of the stream's last event then.
    pub position: i64,
    /// The timeline after it.
    pub after: Arc<FoldedTimeline>,
    /// Whether this is the result of an earlier request with the same key; this one wrote nothing.
    pub repeated: bool,
}

/// Why a command failed. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// A rule refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The timeline is not at the required version.
    #[error("the timeline is at version {}, not at {expected}: another writer changed it meanwhile", current.version)]
    Stale {
        /// The required version.
        expected: i64,
        /// The current timeline.
        current: Arc<FoldedTimeline>,
    },
    /// Reading or writing the log failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The effects of a command; nothing was written.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The current timeline. If it can follow new dates of its project, it has them already.
    pub before: Arc<FoldedTimeline>,
    /// The events, or every broken rule.
    pub events: Result<Vec<TimelineEvent>, Refusal>,
    /// The timeline after the command; the current one if it would be refused.
    pub after: Timeline,
}

/// The timeline on which the next command is decided.
#[derive(Clone, Debug)]
pub struct CurrentTimeline {
    /// As the log has it, or as it would be adopted. Without a project if there is none.
    pub recorded: Arc<FoldedTimeline>,
    /// The same with the dates that its project has in the planner's table, and the phases that follow them if they can.
    pub followed: Timeline,
}
