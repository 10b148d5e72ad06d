//! The cache of timelines between commands: bounded, and never trusted. Every append checks the version under the head's lock, and
//! a row's location is checked before it is used.

use crate::FoldedTimeline;
use crate::append::RowLocation;
use phaseline_domain::{PhaseId, ProjectId};
use quick_cache::sync::Cache;
use quick_cache::{UnitWeighter, Weighter};
use std::sync::Arc;

/// The default number of cached timelines; see [`crate::TimelineStore::remembering`].
pub const TIMELINES: usize = 10_000;

/// The assumed number of phases per timeline.
const PHASES_EACH: usize = 8;

/// The number of cached timelines in quarantine.
const QUARANTINED: usize = 1000;

#[derive(Clone, Debug)]
struct ByPhases;

impl Weighter<ProjectId, Arc<FoldedTimeline>> for ByPhases {
    fn weight(&self, _: &ProjectId, folded: &Arc<FoldedTimeline>) -> u64 {
        1 + folded.timeline.phases().len() as u64
    }
}

/// Timelines at their last known version, the project of each phase, and the locations of rows.
#[derive(Debug)]
pub(crate) struct TimelineCache {
    timelines: Cache<ProjectId, Arc<FoldedTimeline>, ByPhases>,
    projects: Cache<PhaseId, ProjectId>,
    row_locations: Cache<PhaseId, RowLocation, UnitWeighter>,
    /// Timelines in quarantine.
    quarantined: Cache<ProjectId, ()>,
}

impl TimelineCache {
    pub(crate) fn of(timelines: usize) -> Self {
        let phases = timelines.saturating_mul(PHASES_EACH);
        Self {
            timelines: Cache::with_weighter(timelines, (timelines + phases) as u64, ByPhases),
            projects: Cache::new(phases),
            row_locations: Cache::new(phases),
            quarantined: Cache::new(QUARANTINED),
        }
    }

    pub(crate) fn timeline(&self, project: ProjectId) -> Option<Arc<FoldedTimeline>> {
        self.timelines.get(&project)
    }

    /// Keeps a timeline, unless the cache has a later version. A closed one is not kept: the next command reads rows to adopt.
    pub(crate) fn keep(&self, project: ProjectId, folded: Arc<FoldedTimeline>) {
        if folded.timeline.project().is_none() {
            return self.forget(project);
        }
        if self.timelines.peek(&project).is_some_and(|known| known.version > folded.version) {
            return;
        }
        for phase in folded.timeline.phases() {
            if self.projects.peek(&phase.id) != Some(project) {
                self.projects.insert(phase.id, project);
            }
        }
        self.timelines.insert(project, folded);
    }

    pub(crate) fn forget(&self, project: ProjectId) {
        self.timelines.remove(&project);
    }

    /// Removes a timeline, and records that it is in quarantine.
    pub(crate) fn quarantine(&self, project: ProjectId) {
        self.forget(project);
        self.quarantined.insert(project, ());
    }

    pub(crate) fn release(&self, project: ProjectId) {
        self.quarantined.remove(&project);
    }

    pub(crate) fn is_quarantined(&self, project: ProjectId) -> bool {
        self.quarantined.get(&project).is_some()
    }

    /// Empties the cache after an outage: the database may have been restored from a backup.
    pub(crate) fn forget_everything(&self) {
        self.timelines.clear();
        self.projects.clear();
        self.row_locations.clear();
        self.quarantined.clear();
    }

    /// The project whose timeline was the last to have a phase.
    pub(crate) fn project_of(&self, phase: PhaseId) -> Option<ProjectId> {
        self.projects.get(&phase)
    }

    pub(crate) fn row_location(&self, phase: PhaseId) -> Option<RowLocation> {
        self.row_locations.get(&phase)
    }

    /// Keeps the locations that the projection returned: `{"phase id": location, ...}`.
    pub(crate) fn keep_row_locations(&self, json: &str) {
        let row_locations: std::collections::HashMap<PhaseId, RowLocation> =
            serde_json::from_str(json).unwrap_or_default();
        for (phase, location) in row_locations {
            self.row_locations.insert(phase, location);
        }
    }

    pub(crate) fn forget_row_locations(&self) {
        self.row_locations.clear();
    }

    /// The number of cached timelines.
    pub(crate) fn len(&self) -> usize {
        self.timelines.len()
    }
}
