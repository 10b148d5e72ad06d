//! Assignments of one resource, project and day in different phases.

use crate::anomaly::{Code, Findings};
use crate::fast_hash::FastHash;
use crate::legacy::assignments::{AssignmentReader, AssignmentRow, TABLE};
use crate::legacy::tables::LegacyTables;
use crate::spill::{FixedSize, SpillError, SpilledSorter};
use chrono::NaiveDate;
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use std::hash::BuildHasher;
use uuid::Uuid;

/// The compared values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ResourceDay {
    resource: Option<Uuid>,
    project: Option<ProjectId>,
    date: NaiveDate,
}

impl ResourceDay {
    fn of(row: AssignmentRow<'_>, tables: &LegacyTables) -> Option<Self> {
        match row {
            AssignmentRow::Own(own) => Some(Self {
                resource: tables.assignments.resource(own),
                project: tables.phases.get(own.phase as usize)?.project,
                date: own.date,
            }),
            AssignmentRow::Odd(raw) => {
                Some(Self { resource: raw.resource, project: raw.project, date: raw.date.get().ok()? })
            }
        }
    }

    fn hashed(&self) -> u64 {
        FastHash::default().hash_one(self)
    }
}

/// An assignment to be noted. They are noted in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SharedDay {
    resource: Uuid,
    project: Option<ProjectId>,
    date: NaiveDate,
    phase: PhaseId,
    assignment: AssignmentId,
}

impl FixedSize for SharedDay {
    const BYTES: usize = 4 * 16 + 1 + 4;

    fn write(&self, into: &mut Vec<u8>) {
        let Self { resource, project, date, phase, assignment } = self;
        let project = project.map(ProjectId::uuid);
        for id in [*resource, project.unwrap_or_default(), phase.uuid(), assignment.uuid()] {
            into.extend(id.as_bytes());
        }
        into.push(u8::from(project.is_some()));
        date.write(into);
    }

    fn read(bytes: &[u8]) -> Self {
        let (ids, rest) = bytes.split_at(4 * 16);
        let mut ids = ids.as_chunks().0.iter().map(|id| Uuid::from_bytes(*id));
        let mut id = || ids.next().unwrap_or_default();
        let (resource, project, phase, assignment) = (id(), id(), id(), id());
        Self {
            resource,
            project: (rest.first() == Some(&1)).then_some(project.into()),
            date: NaiveDate::read(rest.get(1..).unwrap_or_default()),
            phase: phase.into(),
            assignment: assignment.into(),
        }
    }
}

/// Notes them.
///
/// # Errors
/// [`SpillError`] if the assignments cannot be read or sorted.
pub(super) fn same_resource_and_day(
    tables: &LegacyTables,
    findings: &mut Findings,
) -> Result<(), SpillError> {
    // Only a hash of each is sorted, which needs less memory. Equal hashes are compared by the values themselves.
    let mut hashes: SpilledSorter<(u64, u32)> = SpilledSorter::default();
    for (row, place) in tables.assignments.iter().zip(0..) {
        if let Some(values) = ResourceDay::of(row?, tables) {
            hashes.push((values.hashed(), place))?;
        }
    }
    let mut shared = SpilledSorter::default();
    let mut reader = tables.assignments.reader();
    let (mut hash, mut places) = (0, Vec::new());
    for next in hashes.sorted()? {
        let (next, place) = next?;
        if next != hash {
            compare(tables, &mut reader, &places, &mut shared)?;
            places.clear();
            hash = next;
        }
        places.push(place);
    }
    compare(tables, &mut reader, &places, &mut shared)?;
    for found in shared.sorted()? {
        let SharedDay { resource, date, phase, assignment, .. } = found?;
        let detail = format!("resource {resource} on {date} in phase {phase}");
        findings.note(Code::SameResourceAndDay, TABLE, assignment, detail);
    }
    Ok(())
}

/// Adds those of these assignments, of one hash, that share their values with one in another phase.
fn compare(
    tables: &LegacyTables,
    reader: &mut AssignmentReader<'_>,
    places: &[u32],
    shared: &mut SpilledSorter<SharedDay>,
) -> Result<(), SpillError> {
    if places.len() < 2 {
        return Ok(());
    }
    let mut rows: Vec<(ResourceDay, (AssignmentId, Option<PhaseId>))> = Vec::with_capacity(places.len());
    for place in places {
        if let Some(row) = reader.get(*place)?
            && let Some(values) = ResourceDay::of(row, tables)
        {
            rows.push((values, tables.link(row)));
        }
    }
    rows.sort_unstable_by_key(|(values, _)| *values);
    for same in rows.chunk_by(|a, b| a.0 == b.0) {
        if same.windows(2).all(|pair| pair[0].1.1 == pair[1].1.1) {
            continue;
        }
        for (ResourceDay { resource, project, date }, (assignment, phase)) in same.iter().copied() {
            if let (Some(resource), Some(phase)) = (resource, phase) {
                shared.push(SharedDay { resource, project, date, phase, assignment })?;
            }
        }
    }
    Ok(())
}
