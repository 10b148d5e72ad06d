//! What a store remembers of timelines between commands: bounded, and never trusted. Every append checks the version under
//! the head's lock, and a row's place is looked at before it is used.

use crate::FoldedTimeline;
use crate::append::RowLocation;
use phaseline_domain::{PhaseId, ProjectId};
use quick_cache::sync::Cache;
use quick_cache::{UnitWeighter, Weighter};
use std::sync::Arc;

/// How many timelines are remembered unless [`crate::TimelineStore::remembering`] says otherwise.
pub const TIMELINES: usize = 10_000;

/// How many phases a timeline is thought to have.
const PHASES_EACH: usize = 8;

/// How many timelines in quarantine are remembered.
const QUARANTINED: usize = 1000;

#[derive(Clone, Debug)]
struct ByPhases;

impl Weighter<ProjectId, Arc<FoldedTimeline>> for ByPhases {
    fn weight(&self, _: &ProjectId, folded: &Arc<FoldedTimeline>) -> u64 {
        1 + folded.timeline.phases().len() as u64
    }
}

/// Timelines as they were when last seen, which timeline a phase is in, and where rows stand.
#[derive(Debug)]
pub(crate) struct TimelineCache {
    timelines: Cache<ProjectId, Arc<FoldedTimeline>, ByPhases>,
    projects: Cache<PhaseId, ProjectId>,
    row_locations: Cache<PhaseId, RowLocation, UnitWeighter>,
    /// Timelines that were met in quarantine.
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

    /// Keeps a timeline, unless a later version of it is there already. One that was closed is not kept: the next command
    /// looks for rows to adopt.
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

    /// Remembers that a timeline was met in quarantine, instead of what it was before.
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

    /// After the database was away: it may be another one, restored from a backup.
    pub(crate) fn forget_everything(&self) {
        self.timelines.clear();
        self.projects.clear();
        self.row_locations.clear();
        self.quarantined.clear();
    }

    /// The project in whose timeline a phase was seen.
    pub(crate) fn project_of(&self, phase: PhaseId) -> Option<ProjectId> {
        self.projects.get(&phase)
    }

    pub(crate) fn row_location(&self, phase: PhaseId) -> Option<RowLocation> {
        self.row_locations.get(&phase)
    }

    /// Keeps what the projection json of the rows that it wrote: `{"phase id": place, ...}`.
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

    /// How many timelines are remembered.
    pub(crate) fn len(&self) -> usize {
        self.timelines.len()
    }
}
