//! The links of assignments: whether the phase is one of their own project, and the dates of each phase's assignments.

use crate::legacy::assignments::AssignmentRow;
use crate::legacy::tables::{LegacyTables, RawAssignment};
use crate::spill::SpillError;
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
    days: Vec<NaiveDate>,
    /// The index of each phase's first date, and the end of the last phase's.
    begin: Vec<u32>,
}

impl<'a> AssignedDays<'a> {
    /// Collects them: four bytes for each.
    ///
    /// # Errors
    /// [`SpillError`] if the assignments cannot be read.
    pub(crate) fn collect(tables: &'a LegacyTables) -> Result<Self, SpillError> {
        let own = |row: AssignmentRow<'_>| match row {
            AssignmentRow::Own(own) => Some((own.phase as usize, own.date)),
            AssignmentRow::Odd(raw) => {
                let found = tables.phase_rows.get(raw.phase?)?;
                let is_own = LinkTarget::of(raw, tables) == LinkTarget::Own;
                is_own.then_some((found.row as usize, raw.date.get().ok()?))
            }
        };
        let mut begin = vec![0; tables.phases.len() + 1];
        for assignment in tables.assignments.iter() {
            if let Some((row, _)) = own(assignment?) {
                begin[row + 1] += 1;
            }
        }
        for row in 0..tables.phases.len() {
            begin[row + 1] += begin[row];
        }
        let mut next = begin.clone();
        let mut days = vec![NaiveDate::MIN; begin.last().copied().unwrap_or_default() as usize];
        for assignment in tables.assignments.iter() {
            if let Some((row, day)) = own(assignment?) {
                let place: &mut u32 = &mut next[row];
                days[*place as usize] = day;
                *place += 1;
            }
        }
        Ok(Self { tables, days, begin })
    }

    /// The dates of the assignments that refer to this phase of their own project. Assignments of other projects are outside of every
    /// split.
    pub(crate) fn of(&self, phase: PhaseId) -> &[NaiveDate] {
        let Some(row) = self.tables.phase_rows.get(phase).map(|found| found.row as usize) else { return &[] };
        self.days.get(self.begin[row] as usize..self.begin[row + 1] as usize).unwrap_or_default()
    }
}
