//! The links of assignments: whether the phase is one of their own project, and the dates of each phase's assignments.

use crate::legacy::assignments::AssignmentRow;
use crate::legacy::tables::{LegacyTables, RawAssignment};
use crate::spill::{SpillError, SpilledList, SpilledSorter};
use chrono::NaiveDate;
use phaseline_domain::PhaseId;

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

impl LinkTarget {
    /// The link of this assignment.
    pub(crate) fn of(raw: &RawAssignment, tables: &LegacyTables) -> Self {
        match raw.phase.and_then(|phase| tables.phase_rows.get(phase)) {
            None => Self::Missing,
            Some(found) if raw.project.is_none() || raw.project != found.project => Self::Foreign,
            Some(_) => Self::Own,
        }
    }
}

/// The dates of each phase's own assignments.
#[derive(Debug)]
pub(crate) struct AssignedDays<'a> {
    tables: &'a LegacyTables,
    /// The dates of the first phase's own assignments, then of the second's, ...
    days: SpilledList<NaiveDate>,
    /// The index of each phase's first date, and the end of the last phase's.
    begin: Vec<usize>,
}

impl<'a> AssignedDays<'a> {
    /// Collects them.
    ///
    /// # Errors
    /// [`SpillError`] if the assignments cannot be read or the dates not be written.
    pub(crate) fn collect(tables: &'a LegacyTables) -> Result<Self, SpillError> {
        let own = |row: AssignmentRow<'_>| match row {
            AssignmentRow::Own(own) => Some((own.phase, own.date)),
            AssignmentRow::Odd(raw) => {
                let found = tables.phase_rows.get(raw.phase?)?;
                let is_own = LinkTarget::of(raw, tables) == LinkTarget::Own;
                is_own.then_some((found.row, raw.date.get().ok()?))
            }
        };
        let mut by_phase = SpilledSorter::default();
        for assignment in tables.assignments.iter() {
            if let Some(of_phase) = own(assignment?) {
                by_phase.push(of_phase)?;
            }
        }
        let mut begin = vec![0; tables.phases.len() + 1];
        let mut days = SpilledList::default();
        for of_phase in by_phase.sorted()? {
            let (row, day) = of_phase?;
            begin[row as usize + 1] += 1;
            days.push(day)?;
        }
        for row in 0..tables.phases.len() {
            begin[row + 1] += begin[row];
        }
        Ok(Self { tables, days, begin })
    }

    /// The dates of the assignments that refer to this phase of their own project. Assignments of other projects are outside of every
    /// split.
    ///
    /// # Errors
    /// [`SpillError`] if they cannot be read.
    pub(crate) fn of(&self, phase: PhaseId) -> Result<Vec<NaiveDate>, SpillError> {
        let Some(row) = self.tables.phase_rows.get(phase).map(|found| found.row as usize) else {
            return Ok(Vec::new());
        };
        let mut reader = self.days.reader();
        (self.begin[row]..self.begin[row + 1]).filter_map(|at| reader.get(at).transpose()).collect()
    }
}
