//! The links to record, by project, in a number for each.

use super::events::ProjectLinks;
use crate::fast_hash::FastHash;
use crate::legacy::assignments::AssignmentRow;
use crate::legacy::tables::LegacyTables;
use crate::log::link_events::FoldedLinks;
use crate::spill::SpillError;
use phaseline_domain::ProjectId;
use std::collections::HashMap;

/// The places of assignments whose links are recorded.
pub(super) struct LinksByProject<'a> {
    tables: &'a LegacyTables,
    numbers: HashMap<ProjectId, u32, FastHash>,
    /// The number of the project of each row of `project_phases`.
    of_phase: Vec<Option<u32>>,
    /// The places of assignments, in order.
    places: Vec<u32>,
    /// The project's number of each that is not an own assignment, by its place.
    odd: HashMap<u32, u32, FastHash>,
    /// The number of links of each project.
    counts: Vec<usize>,
}

impl<'a> LinksByProject<'a> {
    pub(super) fn new(tables: &'a LegacyTables) -> Self {
        let numbers: HashMap<ProjectId, u32, FastHash> =
            tables.projects.iter().zip(0..).map(|(project, number)| (project.id, number)).collect();
        let of_phase = tables.phases.iter().map(|phase| numbers.get(&phase.project?).copied()).collect();
        let counts = vec![0; tables.projects.len()];
        Self { tables, numbers, of_phase, places: Vec::new(), odd: HashMap::default(), counts }
    }

    /// Adds the assignment at this place. Places are added in order.
    pub(super) fn add(&mut self, row: AssignmentRow<'_>, project: ProjectId, place: u32) {
        let number = match row {
            AssignmentRow::Own(own) => self.of_phase.get(own.phase as usize).copied().flatten(),
            AssignmentRow::Odd(_) => {
                let number = self.numbers.get(&project).copied();
                self.odd.extend(number.map(|number| (place, number)));
                number
            }
        };
        if let Some(count) = number.and_then(|number| self.counts.get_mut(number as usize)) {
            *count += 1;
            self.places.push(place);
        }
    }

    /// Each project's links, and all places by project.
    ///
    /// # Errors
    /// [`SpillError`] if the assignments cannot be read.
    pub(super) fn by_project(self, known: &FoldedLinks) -> Result<(Vec<ProjectLinks>, Vec<u32>), SpillError> {
        let mut next = Vec::with_capacity(self.counts.len());
        let mut projects = Vec::new();
        let mut begin = 0;
        for (count, project) in self.counts.iter().zip(&self.tables.projects) {
            next.push(begin);
            if *count > 0 {
                let version = known.versions.get(&project.id).copied().unwrap_or_default();
                projects.push(ProjectLinks { project: project.id, version, range: begin..begin + count });
            }
            begin += count;
        }
        let mut linked = vec![0; begin];
        let mut reader = self.tables.assignments.reader();
        for place in &self.places {
            let number = match reader.get(*place)? {
                Some(AssignmentRow::Own(own)) => self.of_phase.get(own.phase as usize).copied().flatten(),
                Some(AssignmentRow::Odd(_)) => self.odd.get(place).copied(),
                None => None,
            };
            if let Some(slot) = number.and_then(|number| next.get_mut(number as usize)) {
                linked[*slot] = *place;
                *slot += 1;
            }
        }
        Ok((projects, linked))
    }
}
