//! Where assignments point: whether at a phase of their own project, and on which days the ones of each phase are.

use crate::fast_hash::FastHash;
use crate::legacy::tables::{LegacyTables, RawAssignment};
use chrono::NaiveDate;
use phaseline_domain::{PhaseId, ProjectId};
use std::collections::HashMap;

/// Where one assignment points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// At no phase that is there.
    Nowhere,
    /// At a phase of another project.
    Foreign,
    /// At a phase of its own project.
    Own,
}

/// The links of all assignments, in the order of the rows.
#[derive(Debug)]
pub(crate) struct Pointers {
    pointers: Vec<Pointer>,
    rows: HashMap<PhaseId, (u32, Option<ProjectId>), FastHash>,
    /// The days of the own assignments of the first phase, then of the second, ...
    days: Vec<NaiveDate>,
    /// Where each phase's days begin, and the end of the last one's.
    begin: Vec<u32>,
}

impl Pointers {
    /// Follows every link once. Memory: five bytes an assignment, and eight more meanwhile.
    pub(crate) fn follow(tables: &LegacyTables) -> Self {
        let rows: HashMap<PhaseId, (u32, Option<ProjectId>), FastHash> =
            tables.phases.iter().zip(0..).map(|(phase, row)| (phase.id, (row, phase.project))).collect();
        let mut begin = vec![0; tables.phases.len() + 1];
        let mut own: Vec<(u32, NaiveDate)> = Vec::with_capacity(tables.assignments.len());
        let mut follow = |raw: &RawAssignment| {
            let Some((row, project)) = raw.phase.and_then(|phase| rows.get(&phase)) else {
                return Pointer::Nowhere;
            };
            if raw.project.is_none() || raw.project != *project {
                return Pointer::Foreign;
            }
            if let Ok(day) = raw.date.get() {
                begin[*row as usize + 1] += 1;
                own.push((*row, day));
            }
            Pointer::Own
        };
        let pointers = tables.assignments.iter().map(&mut follow).collect();
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
        Self { pointers, rows, days, begin }
    }

    /// Where the assignment of this row points.
    pub(crate) fn of(&self, assignment: usize) -> Pointer {
        self.pointers.get(assignment).copied().unwrap_or(Pointer::Nowhere)
    }

    /// The days of the assignments that point at this phase of their own project. No split of days can do anything for
    /// those of another.
    pub(crate) fn days(&self, phase: PhaseId) -> &[NaiveDate] {
        let Some(row) = self.rows.get(&phase).map(|(row, _)| *row as usize) else { return &[] };
        self.days.get(self.begin[row] as usize..self.begin[row + 1] as usize).unwrap_or_default()
    }
}
