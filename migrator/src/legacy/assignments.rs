//! The assignments in heap order, in little memory: nearly all of them are whole and refer to a phase of their own project, so that a few
//! numbers describe them. If they are many, these are in a temporary file.

use crate::fast_hash::FastHash;
use crate::legacy::raw::{RawAssignment, RawDate, RawPercentage, RawPhase, RawProject};
use crate::spill::{FixedSize, ListReader, SpillError, SpilledList};
use chrono::NaiveDate;
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The table's name.
pub(crate) const TABLE: &str = "resource_assignments";

/// The legacy phases by id: what assignments refer to.
#[derive(Debug, Default)]
pub(crate) struct PhaseRows {
    rows: HashMap<PhaseId, PhasePlace, FastHash>,
}

/// One row of `project_phases`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhasePlace {
    /// Its number in heap order.
    pub row: u32,
    /// Its project.
    pub project: Option<ProjectId>,
    /// Whether that project exists.
    in_known_project: bool,
}

impl PhaseRows {
    pub(crate) fn new(projects: &[RawProject], phases: &[RawPhase]) -> Self {
        let known: HashSet<ProjectId, FastHash> = projects.iter().map(|project| project.id).collect();
        let rows = phases.iter().zip(0..).map(|(phase, row)| {
            let in_known_project = phase.project.is_some_and(|project| known.contains(&project));
            (phase.id, PhasePlace { row, project: phase.project, in_known_project })
        });
        Self { rows: rows.collect() }
    }

    pub(crate) fn get(&self, phase: PhaseId) -> Option<&PhasePlace> {
        self.rows.get(&phase)
    }
}

/// An assignment with all values, of an existing project, that refers to a phase of this project.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnAssignment {
    pub id: AssignmentId,
    /// The number of its phase's row.
    pub phase: u32,
    /// The number of its resource among those that were met.
    pub resource: u32,
    pub date: NaiveDate,
    pub percentage: RawPercentage,
}

/// The place of an assignment that is not an [`OwnAssignment`].
const ODD: u32 = u32::MAX;

/// The assignments in heap order.
#[derive(Debug, Default)]
pub(crate) struct LegacyAssignments {
    /// All of them. Of one with the phase [`ODD`] the other fields are undefined: its values are in `odd`.
    rows: SpilledList<OwnAssignment>,
    /// The others by their place, in order.
    odd: Vec<(u32, RawAssignment)>,
    /// The distinct resources.
    resources: Vec<Uuid>,
    resource_numbers: HashMap<Uuid, u32, FastHash>,
}

/// One of [`LegacyAssignments`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum AssignmentRow<'a> {
    Own(OwnAssignment),
    Odd(&'a RawAssignment),
}

impl LegacyAssignments {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { rows: SpilledList::with_capacity(rows), ..Self::default() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The distinct resources.
    pub(crate) fn resources(&self) -> &[Uuid] {
        &self.resources
    }

    /// Adds the next one in heap order.
    ///
    /// # Errors
    /// [`SpillError`] if there is no space for it.
    pub(crate) fn push(&mut self, raw: RawAssignment, phases: &PhaseRows) -> Result<(), SpillError> {
        if self.len() >= u32::MAX as usize {
            return Err(std::io::Error::other("there are too many assignments").into());
        }
        let row = own(&raw, phases).map(|(phase, resource, date)| OwnAssignment {
            id: raw.id,
            phase,
            resource: self.number_of(resource),
            date,
            percentage: raw.percentage,
        });
        let row = row.unwrap_or_else(|| {
            if let Some(resource) = raw.resource {
                self.number_of(resource);
            }
            self.odd.push((u32::try_from(self.rows.len()).unwrap_or(u32::MAX), raw));
            let (date, percentage) = (NaiveDate::MIN, raw.percentage);
            OwnAssignment { id: raw.id, phase: ODD, resource: 0, date, percentage }
        });
        self.rows.push(row)
    }

    /// Adds those that come next in heap order.
    ///
    /// # Errors
    /// [`SpillError`] if there is no space for them.
    pub(crate) fn append(&mut self, next: &Self) -> Result<(), SpillError> {
        let numbers: Vec<u32> = next.resources.iter().map(|resource| self.number_of(*resource)).collect();
        let before = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.odd.extend(next.odd.iter().map(|(place, raw)| (before + place, *raw)));
        for row in next.rows.iter() {
            let row = row?;
            let resource = numbers.get(row.resource as usize).copied().unwrap_or_default();
            self.rows.push(OwnAssignment { resource, ..row })?;
        }
        Ok(())
    }

    fn number_of(&mut self, resource: Uuid) -> u32 {
        *self.resource_numbers.entry(resource).or_insert_with(|| {
            self.resources.push(resource);
            u32::try_from(self.resources.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// All of them in heap order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<AssignmentRow<'_>, SpillError>> {
        let mut reader = self.reader();
        (0..u32::try_from(self.len()).unwrap_or(u32::MAX))
            .filter_map(move |place| reader.get(place).transpose())
    }

    /// Reads them by their places, best in order.
    pub(crate) const fn reader(&self) -> AssignmentReader<'_> {
        AssignmentReader { rows: self.rows.reader(), odd: self.odd.as_slice() }
    }

    /// The resource of an [`OwnAssignment`].
    pub(crate) fn resource(&self, row: OwnAssignment) -> Option<Uuid> {
        self.resources.get(row.resource as usize).copied()
    }
}

/// Reads [`LegacyAssignments`].
#[derive(Debug)]
pub(crate) struct AssignmentReader<'a> {
    rows: ListReader<'a, OwnAssignment>,
    odd: &'a [(u32, RawAssignment)],
}

impl<'a> AssignmentReader<'a> {
    /// The one at this place.
    ///
    /// # Errors
    /// [`SpillError`] if it cannot be read.
    pub(crate) fn get(&mut self, place: u32) -> Result<Option<AssignmentRow<'a>>, SpillError> {
        let Some(row) = self.rows.get(place as usize)? else { return Ok(None) };
        if row.phase != ODD {
            return Ok(Some(AssignmentRow::Own(row)));
        }
        let at = self.odd.binary_search_by_key(&place, |(place, _)| *place).ok();
        Ok(at.and_then(|at| self.odd.get(at)).map(|(_, raw)| AssignmentRow::Odd(raw)))
    }
}

/// The fields of an [`OwnAssignment`].
type OwnAssignmentFields = (Uuid, ((u32, u32), (NaiveDate, RawPercentage)));

impl FixedSize for OwnAssignment {
    const BYTES: usize = OwnAssignmentFields::BYTES;

    fn write(&self, into: &mut Vec<u8>) {
        let Self { id, phase, resource, date, percentage } = *self;
        (id.uuid(), ((phase, resource), (date, percentage))).write(into);
    }

    fn read(bytes: &[u8]) -> Self {
        let (id, ((phase, resource), (date, percentage))) = OwnAssignmentFields::read(bytes);
        Self { id: id.into(), phase, resource, date, percentage }
    }
}

/// The number of the phase's row, the resource and the date, if the assignment is an [`OwnAssignment`].
fn own(raw: &RawAssignment, phases: &PhaseRows) -> Option<(u32, Uuid, NaiveDate)> {
    let found = phases.get(raw.phase?)?;
    let is_own = found.in_known_project && raw.project.is_some() && raw.project == found.project;
    if !is_own || found.row == ODD {
        return None;
    }
    Some((found.row, raw.resource?, RawDate::get(raw.date).ok()?))
}
