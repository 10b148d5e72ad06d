//! The result of a translation: events and links per project, and the findings.

use crate::anomaly::Findings;
use crate::report::{Boundaries, BudgetSums, ByDate, Source};
use phaseline_domain::{AssignmentId, DateRange, PhaseId, ProjectId, TimelineEvent};

/// The events that one project's history gains.
#[derive(Debug)]
pub(crate) struct ProjectEvents {
    pub project: ProjectId,
    /// The stream's version before.
    pub version: i64,
    pub events: Vec<TimelineEvent>,
    /// A digest over its future timeline.
    pub outcome: [u8; 32],
    /// The source of its timeline.
    pub source: Source,
    /// The changes of the log's timeline by the tables, in words.
    pub changes: Vec<String>,
    /// The project's phases after these events, in order of dates.
    pub phases: Vec<(PhaseId, DateRange)>,
    /// The phases by the boundary that was not chosen; empty if the boundary has no effect here.
    pub otherwise: Vec<(PhaseId, DateRange)>,
    /// Their budgets.
    pub budgets: BudgetSums,
}

/// Links to record for the assignments of one project.
#[derive(Debug)]
pub(crate) struct ProjectLinks {
    pub project: ProjectId,
    /// The stream's version before.
    pub version: i64,
    pub links: Vec<(PhaseId, AssignmentId)>,
}

/// The whole translation. It is complete only if no finding is refused.
#[derive(Debug, Default)]
pub(crate) struct Translation {
    pub findings: Findings,
    pub projects: Vec<ProjectEvents>,
    pub links: Vec<ProjectLinks>,
    pub by_date: ByDate,
    pub boundaries: Boundaries,
    pub before: BudgetSums,
    pub after: BudgetSums,
}
