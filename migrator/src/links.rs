//! The legacy link of every assignment to its phase, as events in streams that commands never load: one stream per
//! project, in chunks.

use crate::fast_hash::FastHash;
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use phaseline_store::{NewEvent, RawEvent, StoreError, StreamId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The stream type of legacy links; the stream's id is the project of the assignments.
pub const LEGACY_LINKS: &str = "LegacyLinks";
/// The event's type.
const LINKED: &str = "LegacyAssignmentsLinked";
/// The payload's schema version.
const VERSION: i32 = 1;
/// Assignments in one event: some 40 kB of JSON, large enough that events are few and small enough to read one by one.
const CHUNK: usize = 1000;

/// The stream in which the links of a project's assignments are kept.
pub const fn stream_of(project: ProjectId) -> StreamId {
    StreamId { stream_type: LEGACY_LINKS, id: project.uuid() }
}

#[derive(Serialize, Deserialize)]
struct Linked {
    links: Vec<LinkedPhase>,
}

#[derive(Serialize, Deserialize)]
struct LinkedPhase {
    phase_id: PhaseId,
    assignment_ids: Vec<AssignmentId>,
}

/// The events that record these links, in chunks; links of one phase stand together.
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

/// How many events [`events`] makes of so many links.
pub const fn event_count(links: usize) -> u64 {
    links.div_ceil(CHUNK) as u64
}

/// The links that the log knows, a later one in place of an earlier one.
#[derive(Debug, Default)]
pub struct FoldedLinks {
    /// Each assignment's phase.
    pub phase_of: HashMap<AssignmentId, PhaseId, FastHash>,
    /// Links as they stand in the log, replaced ones too.
    pub entries: u64,
    /// Each stream's last version.
    pub versions: HashMap<ProjectId, i64>,
}

impl FoldedLinks {
    /// Takes the next event in order of position; other streams' events pass by.
    pub fn see(&mut self, event: &RawEvent<'_>) -> Result<(), StoreError> {
        if event.stream_type != LEGACY_LINKS {
            return Ok(());
        }
        let unreadable = |source| StoreError::Unreadable { position: event.position, source };
        if event.event_type != LINKED {
            return Err(unreadable(phaseline_domain::StoredEventError::UnknownType(
                event.event_type.to_owned(),
            )));
        }
        if event.schema_version != VERSION {
            return Err(unreadable(phaseline_domain::StoredEventError::UnknownVersion {
                event_type: LINKED.to_owned(),
                found: event.schema_version,
                known: VERSION,
            }));
        }
        let version = self.versions.entry(event.stream_id.into()).or_default();
        if event.version != *version + 1 {
            let stream = StreamId { stream_type: LEGACY_LINKS, id: event.stream_id };
            return Err(StoreError::VersionGap { stream, expected: *version + 1, found: event.version });
        }
        *version = event.version;
        let linked: Linked = serde_json::from_str(event.payload).map_err(|source| {
            unreadable(phaseline_domain::StoredEventError::Payload { event_type: LINKED.to_owned(), source })
        })?;
        for phase in linked.links {
            for assignment in phase.assignment_ids {
                self.entries += 1;
                self.phase_of.insert(assignment, phase.phase_id);
            }
        }
        Ok(())
    }
}
