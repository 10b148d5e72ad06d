//! The result of a translation: events and links per project, and the findings.

use crate::anomaly::Findings;
use crate::legacy::tables::LegacyTables;
use crate::report::{Boundaries, BudgetSums, ByDate, Source};
use crate::spill::{SpillError, SpilledList};
use phaseline_domain::{AssignmentId, DateRange, PhaseId, ProjectId, TimelineEvent};
use std::ops::Range;

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
    /// Where they are among [`Translation::linked`].
    pub range: Range<usize>,
}

/// The whole translation. It is complete only if no finding is refused.
#[derive(Debug, Default)]
pub(crate) struct Translation {
    pub findings: Findings,
    pub projects: Vec<ProjectEvents>,
    pub links: Vec<ProjectLinks>,
    /// The places of the assignments whose links are recorded, by project; within each in the order of the rows.
    pub linked: SpilledList<u32>,
    pub by_date: ByDate,
    pub boundaries: Boundaries,
    pub before: BudgetSums,
    pub after: BudgetSums,
}

impl Translation {
    /// A project's links, in the order of the rows.
    ///
    /// # Errors
    /// [`SpillError`] if the assignments cannot be read.
    pub(crate) fn links_of(
        &self,
        project: &ProjectLinks,
        tables: &LegacyTables,
    ) -> Result<Vec<(PhaseId, AssignmentId)>, SpillError> {
        let mut reader = tables.assignments.reader();
        let mut places = self.linked.reader();
        let mut links = Vec::with_capacity(project.range.len());
        for index in project.range.clone() {
            let Some(place) = places.get(index)? else { continue };
            if let Some(row) = reader.get(place)?
                && let (assignment, Some(phase)) = tables.link(row)
            {
                links.push((phase, assignment));
            }
        }
        Ok(links)
    }
}
