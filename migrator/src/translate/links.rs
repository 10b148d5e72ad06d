//! The links to record, by project, in a number for each.

use super::events::ProjectLinks;
use crate::fast_hash::FastHash;
use crate::legacy::assignments::AssignmentRow;
use crate::legacy::tables::LegacyTables;
use crate::log::link_events::FoldedLinks;
use crate::spill::{SpillError, SpilledList, SpilledSorter};
use phaseline_domain::ProjectId;
use std::collections::HashMap;

/// The places of assignments whose links are recorded.
pub(super) struct LinksByProject<'a> {
    tables: &'a LegacyTables,
    numbers: HashMap<ProjectId, u32, FastHash>,
    /// The number of the project of each row of `project_phases`.
    of_phase: Vec<Option<u32>>,
    /// The project's number of each assignment and its place.
    by_project: SpilledSorter<(u32, u32)>,
    /// The number of links of each project.
    counts: Vec<usize>,
}

impl<'a> LinksByProject<'a> {
    pub(super) fn new(tables: &'a LegacyTables) -> Self {
        let numbers: HashMap<ProjectId, u32, FastHash> =
            tables.projects.iter().zip(0..).map(|(project, number)| (project.id, number)).collect();
        let of_phase = tables.phases.iter().map(|phase| numbers.get(&phase.project?).copied()).collect();
        let counts = vec![0; tables.projects.len()];
        Self { tables, numbers, of_phase, by_project: SpilledSorter::default(), counts }
    }

    /// Adds the assignment at this place.
    ///
    /// # Errors
    /// [`SpillError`] if there is no space for it.
    pub(super) fn add(
        &mut self,
        row: AssignmentRow<'_>,
        project: ProjectId,
        place: u32,
    ) -> Result<(), SpillError> {
        let number = match row {
            AssignmentRow::Own(own) => self.of_phase.get(own.phase as usize).copied().flatten(),
            AssignmentRow::Odd(_) => self.numbers.get(&project).copied(),
        };
        let Some(number) = number else { return Ok(()) };
        if let Some(count) = self.counts.get_mut(number as usize) {
            *count += 1;
        }
        self.by_project.push((number, place))
    }

    /// Each project's links, and all places by project.
    ///
    /// # Errors
    /// [`SpillError`] if the places cannot be sorted.
    pub(super) fn by_project(
        self,
        known: &FoldedLinks,
    ) -> Result<(Vec<ProjectLinks>, SpilledList<u32>), SpillError> {
        let mut projects = Vec::new();
        let mut begin = 0;
        for (count, project) in self.counts.iter().zip(&self.tables.projects) {
            if *count > 0 {
                let version = known.versions.get(&project.id).copied().unwrap_or_default();
                projects.push(ProjectLinks { project: project.id, version, range: begin..begin + count });
            }
            begin += count;
        }
        let mut places = SpilledList::with_capacity(begin);
        for link in self.by_project.sorted()? {
            places.push(link?.1)?;
        }
        Ok((projects, places))
    }
}
