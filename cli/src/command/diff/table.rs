//! Differences as a table.

use crate::export_table::TableValue;
use crate::render::format::exact_moment;
use phaseline_projections::diff::{ChangeEvent, DiffStatus, PhaseDiff};
use phaseline_projections::{FieldChange, TimelineDiff};
use uuid::Uuid;

/// The columns of a table: a row for each field that differs.
pub(super) const COLUMNS: [&str; 17] = [
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
    "events",
    "recorded_at",
    "actor",
    "actor_name",
    "reason",
    "event_id",
    "hash",
];

/// What a row has beside the difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowContext<'a> {
    /// The project's name.
    pub(super) name: Option<&'a str>,
    /// The id of the timeline's last event at the later moment.
    pub(super) event_id: Option<Uuid>,
    /// The hash of that event.
    pub(super) hash: Option<&'a str>,
}

pub(super) type DiffRow<'a> = [TableValue<'a>; COLUMNS.len()];

/// A difference as rows of the table. The status is that of the phase or, without a phase, of the timeline; version and position are the
/// timeline's at the later moment. `events` are those about the phase, or the project, between the moments, and the last of them says when,
/// who and why.
pub(super) fn rows<'a>(diff: &'a TimelineDiff, context: RowContext<'a>) -> Vec<DiffRow<'a>> {
    let row =
        |phase: Option<&'a PhaseDiff>, status: DiffStatus, change: Option<&'a FieldChange>| -> DiffRow<'a> {
            let events = phase.map_or(&diff.events, |phase| &phase.events);
            let last = events.last();
            [
                diff.project_id.to_string().into(),
                context.name.into(),
                phase.map(|phase| phase.phase_id.to_string()).into(),
                phase.map(|phase| phase.name.as_str()).into(),
                status.word().into(),
                change.map(|change| change.field.to_string().replace(' ', "_")).into(),
                change.and_then(|change| change.before.as_deref()).into(),
                change.and_then(|change| change.after.as_deref()).into(),
                diff.after.version.into(),
                diff.after.position.into(),
                positions(events).into(),
                last.map(|event| exact_moment(event.recorded_at)).into(),
                last.and_then(|event| event.actor.as_deref()).into(),
                last.and_then(|event| event.actor_name.as_deref()).into(),
                last.and_then(|event| event.reason.as_deref()).into(),
                context.event_id.map(|id| id.to_string()).into(),
                context.hash.into(),
            ]
        };
    let mut rows: Vec<DiffRow<'a>> =
        diff.changes.iter().map(|change| row(None, diff.status, Some(change))).collect();
    for phase in &diff.phases {
        rows.extend(phase.changes.iter().map(|change| row(Some(phase), phase.status, Some(change))));
    }
    rows
}

/// The positions of events, separated by blanks; none without events.
fn positions(events: &[ChangeEvent]) -> Option<String> {
    let positions: Vec<String> = events.iter().map(|event| event.position.to_string()).collect();
    Some(positions.join(" ")).filter(|positions| !positions.is_empty())
}
