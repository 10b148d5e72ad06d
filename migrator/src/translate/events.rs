//! What a translation consists of: events and links per project, and what was found on the way.

use crate::anomaly::Findings;
use crate::report::{Boundaries, BudgetSums, ByDate, Source};
use phaseline_domain::{AssignmentId, DateRange, PhaseId, ProjectId, TimelineEvent};

/// What one project's history gains.
#[derive(Debug)]
pub(crate) struct ProjectEvents {
    pub project: ProjectId,
    /// The stream's version before.
    pub version: i64,
    pub events: Vec<TimelineEvent>,
    /// A digest over what its timeline will be.
    pub outcome: [u8; 32],
    /// Where its timeline comes from.
    pub source: Source,
    /// What of the log's the tables change, in words.
    pub changes: Vec<String>,
    /// The project's phases after these events, in order of days.
    pub phases: Vec<(PhaseId, DateRange)>,
    /// What they would be by the boundary that was not chosen; empty if the boundary decides nothing here.
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

/// The whole translation. Only complete if nothing found is refused.
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
