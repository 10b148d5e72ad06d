//! Differences as a table.

use crate::export_table::TableValue;
use phaseline_projections::diff::{DiffStatus, PhaseDiff};
use phaseline_projections::{FieldChange, TimelineDiff};

/// The columns of a table: a row for each field that differs.
pub(super) const COLUMNS: [&str; 10] = [
    "project_id",
    "project_name",
    "phase_id",
    "phase_name",
    "status",
    "field",
    "before",
    "after",
    "version",
    "position",
];

pub(super) type DiffRow<'a> = [TableValue<'a>; COLUMNS.len()];

/// A difference as rows of the table. The status is that of the phase or, without a phase, of the timeline; version and position are the
/// timeline's at the later moment.
pub(super) fn rows<'a>(diff: &'a TimelineDiff, name: Option<&'a str>) -> Vec<DiffRow<'a>> {
    let row =
        |phase: Option<&'a PhaseDiff>, status: DiffStatus, change: Option<&'a FieldChange>| -> DiffRow<'a> {
            [
                diff.project_id.to_string().into(),
                name.into(),
                phase.map(|phase| phase.phase_id.to_string()).into(),
                phase.map(|phase| phase.name.as_str()).into(),
                status.word().into(),
                change.map(|change| change.field.to_string().replace(' ', "_")).into(),
                change.and_then(|change| change.before.as_deref()).into(),
                change.and_then(|change| change.after.as_deref()).into(),
                diff.after.version.into(),
                diff.after.position.into(),
            ]
        };
    let mut rows: Vec<DiffRow<'a>> =
        diff.changes.iter().map(|change| row(None, diff.status, Some(change))).collect();
    for phase in &diff.phases {
        rows.extend(phase.changes.iter().map(|change| row(Some(phase), phase.status, Some(change))));
    }
    rows
}
