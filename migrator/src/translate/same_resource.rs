//! Assignments of one resource, project and day in different phases.

use crate::anomaly::{Code, Findings};
use crate::fast_hash::FastHash;
use crate::legacy::assignments::{AssignmentRow, TABLE};
use crate::legacy::tables::LegacyTables;
use crate::spill::SpillError;
use chrono::NaiveDate;
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use uuid::Uuid;

/// The compared values.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
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

/// Notes them.
///
/// # Errors
/// [`SpillError`] if the assignments cannot be read.
pub(super) fn same_resource_and_day(
    tables: &LegacyTables,
    findings: &mut Findings,
) -> Result<(), SpillError> {
    // Only a hash of each is sorted, which needs less memory. Equal hashes are compared by the values themselves.
    let of = |row| ResourceDay::of(row, tables);
    let mut hashes: Vec<u64> = Vec::with_capacity(tables.assignments.len());
    for row in tables.assignments.iter() {
        hashes.extend(of(row?).map(|values| values.hashed()));
    }
    hashes.sort_unstable();
    let twice: HashSet<u64, FastHash> =
        hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    drop(hashes);
    if twice.is_empty() {
        return Ok(());
    }
    let mut rows: HashMap<ResourceDay, Vec<(AssignmentId, Option<PhaseId>)>> = HashMap::new();
    for row in tables.assignments.iter() {
        let row = row?;
        if let Some(values) = of(row).filter(|values| twice.contains(&values.hashed())) {
            rows.entry(values).or_default().push(tables.link(row));
        }
    }
    let mut met = Vec::new();
    for (ResourceDay { resource, project, date }, links) in rows {
        if links.windows(2).any(|pair| pair[0].1 != pair[1].1) {
            met.extend(links.into_iter().map(|(id, phase)| (resource, project, date, phase, id)));
        }
    }
    met.sort_unstable();
    for (resource, _, date, phase, id) in met {
        if let (Some(resource), Some(phase)) = (resource, phase) {
            let detail = format!("resource {resource} on {date} in phase {phase}");
            findings.note(Code::SameResourceAndDay, TABLE, id, detail);
        }
    }
    Ok(())
}
