//! The legacy link of every assignment to its phase, as events in streams that commands never load: one stream per
//! project, in chunks.

use crate::spill::SpilledLinks;
use phaseline_domain::{AssignmentId, PhaseId, ProjectId, StoredEventError};
use phaseline_store::unreadable::EventHeader;
use phaseline_store::{NewEvent, RawEvent, RecordedEvent, StreamId, UnreadableEvent};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The stream type of legacy links; the stream's id is the project of the assignments.
pub const LEGACY_LINKS: &str = "LegacyLinks";
/// The event's type.
const LINKED: &str = "LegacyAssignmentsLinked";
/// The payload's schema version.
const VERSION: i32 = 1;
/// Assignments in one event: large enough that events are few, and small enough to read one by one.
const CHUNK: usize = 1000;

/// The stream in which the links of a project's assignments are kept.
pub const fn stream_of(project: ProjectId) -> StreamId {
    StreamId { stream_type: LEGACY_LINKS, id: project.uuid() }
}

/// Reads an event of such a stream.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn decode(
    event_type: &str,
    schema_version: i32,
    payload: &str,
) -> Result<Linked, StoredEventError> {
    if event_type != LINKED {
        return Err(StoredEventError::UnknownType(event_type.to_owned()));
    }
    let event_type = event_type.to_owned();
    if schema_version != VERSION {
        return Err(StoredEventError::UnknownVersion { event_type, found: schema_version, known: VERSION });
    }
    serde_json::from_str(payload).map_err(|source| StoredEventError::Payload { event_type, source })
}

/// Whether an event of such a stream can be read.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn check(event: &RecordedEvent) -> Result<(), StoredEventError> {
    decode(&event.event_type, event.schema_version, &event.payload).map(|_| ())
}

/// The payload: assignments by their phase.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Linked {
    links: Vec<LinkedPhase>,
}

#[derive(Debug, Serialize, Deserialize)]
struct LinkedPhase {
    phase_id: PhaseId,
    assignment_ids: Vec<AssignmentId>,
}

/// The events that record these links, in chunks; links of one phase are adjacent.
pub fn events(mut links: Vec<(PhaseId, AssignmentId)>) -> Result<Vec<NewEvent>, serde_json::Error> {
    links.sort_by_key(|(phase, _)| *phase); // stable: assignments stay in the table's order
    links
        .chunks(CHUNK)
        .map(|chunk| {
            let links = chunk
                .chunk_by(|a, b| a.0 == b.0)
                .map(|run| LinkedPhase {
                    phase_id: run[0].0,
                    assignment_ids: run.iter().map(|(_, assignment)| *assignment).collect(),
                })
                .collect();
            Ok(NewEvent::new(LINKED, VERSION, serde_json::to_string(&Linked { links })?))
        })
        .collect()
}

/// The number of events that [`events`] makes from this number of links.
pub const fn event_count(links: usize) -> u64 {
    links.div_ceil(CHUNK) as u64
}

/// The links in the log; a later one replaces an earlier one.
#[derive(Debug, Default)]
pub struct FoldedLinks {
    /// Each assignment's phase.
    pub(crate) phase_of: SpilledLinks,
    /// Links in the log, replaced ones included.
    pub entries: u64,
    /// Each stream's last version.
    pub versions: HashMap<ProjectId, i64>,
}

impl FoldedLinks {
    /// Applies the next event in order of position; events of other streams, and those that are `skipped`, are ignored.
    ///
    /// # Errors
    /// An event of links that cannot be read or is out of order; it is left out.
    pub fn see(&mut self, event: &RawEvent<'_>, skipped: bool) -> Result<(), Box<UnreadableEvent>> {
        let linked = || decode(event.event_type, event.schema_version, event.payload);
        self.see_decoded(event.into(), linked, skipped)
    }

    /// The same for an event's header and its payload.
    ///
    /// # Errors
    /// Those of [`Self::see`].
    pub(crate) fn see_decoded(
        &mut self,
        event: EventHeader<'_>,
        linked: impl FnOnce() -> Result<Linked, StoredEventError>,
        skipped: bool,
    ) -> Result<(), Box<UnreadableEvent>> {
        if event.stream_type != LEGACY_LINKS {
            return Ok(());
        }
        let version = self.versions.entry(event.stream_id.into()).or_default();
        let expected = *version + 1;
        *version = event.version;
        if event.version != expected {
            return Err(Box::new(UnreadableEvent::out_of_turn(event, expected)));
        }
        if skipped {
            return Ok(());
        }
        let linked = linked().map_err(|fault| Box::new(UnreadableEvent::at(event, fault)))?;
        for phase in linked.links {
            for assignment in phase.assignment_ids {
                self.entries += 1;
                self.phase_of.insert(assignment, phase.phase_id);
            }
        }
        Ok(())
    }
}
