//! The aggregate: a project's dates, and the phases that cover them.

mod phases;

use crate::{Budget, DateRange, LegacyOrigin, Phase, PhaseId, ProjectId, TimelineEvent};
use chrono::NaiveDate;
use phases::Phases;
use serde::{Deserialize, Serialize};

/// A project's timeline. The default value is the timeline that was never opened.
///
/// After each accepted command the phases cover the project's dates without gap or overlap (rules V1 to V5); between
/// the events of one command they may not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    project: Option<ProjectId>,
    range: Option<DateRange>,
    phases: Phases,
}

impl Timeline {
    /// The project, once the timeline is open.
    pub const fn project(&self) -> Option<ProjectId> {
        self.project
    }

    /// The project's dates, once the timeline is open.
    pub const fn range(&self) -> Option<DateRange> {
        self.range
    }

    /// The phases by start date, then end date, then id.
    pub fn phases(&self) -> &[Phase] {
        self.phases.as_slice()
    }

    /// The phase of that id.
    pub fn phase(&self, id: PhaseId) -> Option<&Phase> {
        self.phases.get(id)
    }

    /// The phase to which a day belongs (both ends inclusive); none outside all phases.
    pub fn phase_on(&self, day: NaiveDate) -> Option<&Phase> {
        self.phases().iter().find(|phase| phase.range.contains(day))
    }

    /// Applies one event. Never fails, since events are facts. An event about a phase that the timeline lacks
    /// changes nothing.
    pub fn evolve(&mut self, event: &TimelineEvent) {
        match event {
            TimelineEvent::TimelineOpened(e) => {
                self.project = Some(e.project_id);
                self.range = Some(e.range);
            }
            TimelineEvent::TimelineRescheduled(e) => self.range = Some(e.range),
            TimelineEvent::PhaseCreated(e) => self.phases.put(Phase {
                id: e.phase_id,
                name: e.name.clone(),
                range: e.range,
                description: e.description.clone(),
                budget: e.budget,
                legacy: None,
                supplied: false,
            }),
            TimelineEvent::PhaseAdopted(e) => self.phases.put(Phase {
                id: e.phase_id,
                name: e.name.clone(),
                range: e.range,
                description: e.description.clone(),
                budget: e.budget,
                // Rows of other programs have no values of the legacy row.
                legacy: self.phase(e.phase_id).and_then(|phase| phase.legacy),
                supplied: false,
            }),
            TimelineEvent::DefaultPhaseSupplied(e) => self.phases.put(Phase {
                id: e.phase_id,
                name: e.name.clone(),
                range: e.range,
                description: None,
                budget: Budget::ZERO,
                legacy: None,
                supplied: true,
            }),
            TimelineEvent::LegacyPhaseAdopted(e) => self.phases.put(Phase {
                id: e.phase_id,
                name: e.name.clone(),
                range: e.range,
                description: None,
                budget: e.budget,
                legacy: Some(LegacyOrigin {
                    phase_type: e.phase_type,
                    created_at: e.created_at,
                    updated_at: e.updated_at,
                    ordinal: e.ordinal,
                }),
                supplied: false,
            }),
            TimelineEvent::LegacyRowRecorded(e) => self.change(e.phase_id, |phase| {
                phase.budget = e.budget;
                phase.legacy = Some(LegacyOrigin {
                    phase_type: e.phase_type,
                    created_at: e.created_at,
                    updated_at: e.updated_at,
                    ordinal: e.ordinal,
                });
            }),
            TimelineEvent::PhaseResized(e) => {
                self.change(e.phase_id, |_| {});
                self.phases.move_to(e.phase_id, e.range);
            }
            TimelineEvent::PhaseRenamed(e) => self.change(e.phase_id, |phase| phase.name = e.name.clone()),
            TimelineEvent::PhaseDescribed(e) => {
                self.change(e.phase_id, |phase| phase.description = e.description.clone());
            }
            TimelineEvent::PhaseBudgeted(e) => self.change(e.phase_id, |phase| phase.budget = e.budget),
            TimelineEvent::PhaseRemoved(e) => self.phases.remove(e.phase_id),
            TimelineEvent::TimelineClosed(_) => *self = Self::default(),
        }
    }

    /// The timeline that results from a history.
    pub fn fold<'a>(history: impl IntoIterator<Item = &'a TimelineEvent>) -> Self {
        let mut timeline = Self::default();
        for event in history {
            timeline.evolve(event);
        }
        timeline
    }

    /// A phase that a command changed is no longer one that a repair supplied.
    fn change(&mut self, id: PhaseId, change: impl FnOnce(&mut Phase)) {
        if let Some(phase) = self.phases.get_mut(id) {
            phase.supplied = false;
            change(phase);
        }
    }
}
