//! Where assignments point: at which row of `project_phases` each, and on which days the ones of each row are.

use crate::fast_hash::FastHash;
use crate::legacy::LegacyTables;
use chrono::NaiveDate;
use phaseline_domain::PhaseId;
use std::collections::HashMap;

/// The links of all assignments, in the order of the rows.
#[derive(Debug)]
pub(crate) struct Pointers {
    row_of_phase: HashMap<PhaseId, u32, FastHash>,
    /// For each assignment the row of its phase.
    row: Vec<u32>,
    /// The days of the assignments of row 0, then of row 1, ...
    days: Vec<NaiveDate>,
    /// Where each row's days begin, and the end of the last one's.
    begin: Vec<u32>,
}

/// Points nowhere.
const NOWHERE: u32 = u32::MAX;

impl Pointers {
    /// Follows every link once. Memory: eight bytes an assignment.
    pub(crate) fn follow(tables: &LegacyTables) -> Self {
        let row_of_phase: HashMap<PhaseId, u32, FastHash> =
            tables.phases.iter().zip(0..).map(|(phase, row)| (phase.id, row)).collect();
        let row: Vec<u32> = tables
            .assignments
            .iter()
            .map(|raw| raw.phase.and_then(|phase| row_of_phase.get(&phase)).copied().unwrap_or(NOWHERE))
            .collect();
        // A day counts for a phase of the assignment's own project; no split of days can do anything for another one's.
        let own = || {
            tables.assignments.iter().zip(&row).filter_map(|(raw, row)| {
                let phase = tables.phases.get(*row as usize)?;
                let own = raw.project.is_some() && phase.project == raw.project;
                Some((*row as usize, raw.date.get().ok().filter(|_| own)?))
            })
        };
        let mut begin = vec![0; tables.phases.len() + 1];
        for (row, _) in own() {
            begin[row + 1] += 1;
        }
        for row in 0..tables.phases.len() {
            begin[row + 1] += begin[row];
        }
        let mut next = begin.clone();
        let mut days = vec![NaiveDate::MIN; begin.last().copied().unwrap_or_default() as usize];
        for (row, day) in own() {
            days[next[row] as usize] = day;
            next[row] += 1;
        }
        Self { row_of_phase, row, days, begin }
    }

    /// The row of `project_phases` that an assignment points at, if there is one.
    pub(crate) fn row(&self, assignment: usize) -> Option<usize> {
        self.row.get(assignment).filter(|row| **row != NOWHERE).map(|row| *row as usize)
    }

    /// The days of the assignments that point at a phase of their own project.
    pub(crate) fn days(&self, phase: PhaseId) -> &[NaiveDate] {
        let Some(row) = self.row_of_phase.get(&phase).map(|row| *row as usize) else { return &[] };
        self.days.get(self.begin[row] as usize..self.begin[row + 1] as usize).unwrap_or_default()
    }
}
