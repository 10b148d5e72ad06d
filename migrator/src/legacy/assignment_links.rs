//! The links of assignments: whether the phase is one of their own project, and the dates of each phase's assignments.

use crate::fast_hash::FastHash;
use crate::legacy::tables::{LegacyTables, RawAssignment};
use chrono::NaiveDate;
use phaseline_domain::{PhaseId, ProjectId};
use std::collections::HashMap;

/// The link of one assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkTarget {
    /// The phase does not exist.
    Missing,
    /// A phase of another project.
    Foreign,
    /// A phase of its own project.
    Own,
}

/// The links of all assignments, in the order of the rows.
#[derive(Debug)]
pub(crate) struct LinkTargets {
    link_targets: Vec<LinkTarget>,
    rows: HashMap<PhaseId, (u32, Option<ProjectId>), FastHash>,
    /// The dates of the first phase's own assignments, then of the second's, ...
    days: Vec<NaiveDate>,
    /// The index of each phase's first date, and the end of the last phase's.
    begin: Vec<u32>,
}

impl LinkTargets {
    /// Resolves every link once. Memory grows with the assignments.
    pub(crate) fn follow(tables: &LegacyTables) -> Self {
        let rows: HashMap<PhaseId, (u32, Option<ProjectId>), FastHash> =
            tables.phases.iter().zip(0..).map(|(phase, row)| (phase.id, (row, phase.project))).collect();
        let mut begin = vec![0; tables.phases.len() + 1];
        let mut own: Vec<(u32, NaiveDate)> = Vec::with_capacity(tables.assignments.len());
        let mut follow = |raw: &RawAssignment| {
            let Some((row, project)) = raw.phase.and_then(|phase| rows.get(&phase)) else {
                return LinkTarget::Missing;
            };
            if raw.project.is_none() || raw.project != *project {
                return LinkTarget::Foreign;
            }
            if let Ok(day) = raw.date.get() {
                begin[*row as usize + 1] += 1;
                own.push((*row, day));
            }
            LinkTarget::Own
        };
        let link_targets = tables.assignments.iter().map(&mut follow).collect();
        for row in 0..tables.phases.len() {
            begin[row + 1] += begin[row];
        }
        let mut next = begin.clone();
        let mut days = vec![NaiveDate::MIN; own.len()];
        for (row, day) in own {
            let place = &mut next[row as usize];
            days[*place as usize] = day;
            *place += 1;
        }
        Self { link_targets, rows, days, begin }
    }

    /// The link of this row's assignment.
    pub(crate) fn of(&self, assignment: usize) -> LinkTarget {
        self.link_targets.get(assignment).copied().unwrap_or(LinkTarget::Missing)
    }

    /// The dates of the assignments that refer to this phase of their own project. Assignments of other projects are outside of every
    /// split.
    pub(crate) fn days(&self, phase: PhaseId) -> &[NaiveDate] {
        let Some(row) = self.rows.get(&phase).map(|(row, _)| *row as usize) else { return &[] };
        self.days.get(self.begin[row] as usize..self.begin[row + 1] as usize).unwrap_or_default()
    }
}
