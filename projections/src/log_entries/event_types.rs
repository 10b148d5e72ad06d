//! The types of events.

use phaseline_domain::TimelineEvent;

/// The types of all streams but timelines.
const OF_OTHER_STREAMS: [&str; 11] = [
    "LogOpened",
    "LegacyAssignmentsLinked",
    "DriftRepaired",
    "EventSkipped",
    "RunStarted",
    "LegacySchemaRecorded",
    "MigrationCompleted",
    "LegacyRowsWritten",
    "LossAccepted",
    "RollbackCompleted",
    "RunFailed",
];

/// The types of all events that this program writes.
pub fn event_types() -> impl Iterator<Item = &'static str> {
    TimelineEvent::TYPES.iter().map(|(name, _)| *name).chain(OF_OTHER_STREAMS)
}
