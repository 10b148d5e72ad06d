//! The fold of one stream: the timeline, and the timestamps that only its history has.

use crate::RecordedTimeline;
use chrono::NaiveDateTime;
use phaseline_domain::{PhaseId, Timeline, TimelineEvent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When a phase was created and last changed (UTC, as the planner writes them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTimestamps {
    /// The row's timestamp for an adopted phase, else that of its first event.
    pub created_at: NaiveDateTime,
    /// The row's timestamp for an adopted phase without later events, else that of its last event.
    pub updated_at: NaiveDateTime,
    /// `updated_at` of its legacy row: the row's own timestamp until its budget changes, then that of the change.
    pub old_updated_at: NaiveDateTime,
}

impl PhaseTimestamps {
    const fn created(at: NaiveDateTime) -> Self {
        Self { created_at: at, updated_at: at, old_updated_at: at }
    }

    const fn of_row(created_at: NaiveDateTime, updated_at: NaiveDateTime) -> Self {
        Self { created_at, updated_at, old_updated_at: updated_at }
    }
}

/// A timeline with the values that only its history has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedTimeline {
    /// The aggregate.
    pub timeline: Timeline,
    /// The timestamps of each phase.
    pub timestamps: BTreeMap<PhaseId, PhaseTimestamps>,
    /// The stream's version.
    pub version: i64,
    /// The position of the stream's last event.
    pub position: i64,
}

impl FoldedTimeline {
    /// Applies one event recorded at `recorded_at`.
    pub fn apply(&mut self, event: &TimelineEvent, recorded_at: NaiveDateTime) {
        self.timeline.evolve(event);
        self.record_timestamps(event, recorded_at);
    }

    /// The part of [`Self::apply`] for timestamps, for an event that the timeline has applied already. May run after all events of a
    /// command were applied: none depends on a later event of the same command.
    pub(crate) fn record_timestamps(&mut self, event: &TimelineEvent, recorded_at: NaiveDateTime) {
        match event {
            TimelineEvent::TimelineOpened(_) | TimelineEvent::TimelineRescheduled(_) => {}
            TimelineEvent::TimelineClosed(_) => self.timestamps.clear(),
            TimelineEvent::PhaseCreated(e) => self.put(e.phase_id, PhaseTimestamps::created(recorded_at)),
            TimelineEvent::DefaultPhaseSupplied(e) => {
                // A second such event means that the phase followed its project.
                let created_at =
                    self.timestamps.get(&e.phase_id).map_or(recorded_at, |timestamps| timestamps.created_at);
                self.put(e.phase_id, PhaseTimestamps::of_row(created_at, recorded_at));
            }
            TimelineEvent::LegacyPhaseAdopted(e) => {
                self.put(e.phase_id, PhaseTimestamps::of_row(e.created_at, e.updated_at));
            }
            TimelineEvent::PhaseAdopted(e) => {
                self.put(e.phase_id, PhaseTimestamps::of_row(e.created_at, e.updated_at));
            }
            TimelineEvent::LegacyRowRecorded(e) => self.touch(e.phase_id, |timestamps| {
                timestamps.created_at = e.created_at;
                // Only a timestamp that the legacy planner changed is newer than the log's.
                if e.updated_at != timestamps.old_updated_at {
                    timestamps.updated_at = e.updated_at;
                }
                timestamps.old_updated_at = e.updated_at;
            }),
            TimelineEvent::PhaseRemoved(e) => {
                self.timestamps.remove(&e.phase_id);
            }
            TimelineEvent::PhaseBudgeted(e) => self.touch(e.phase_id, |timestamps| {
                timestamps.updated_at = recorded_at;
                timestamps.old_updated_at = recorded_at;
            }),
            TimelineEvent::PhaseResized(_)
            | TimelineEvent::PhaseRenamed(_)
            | TimelineEvent::PhaseDescribed(_) => {
                if let Some(id) = event.phase_id() {
                    self.touch(id, |timestamps| timestamps.updated_at = recorded_at);
                }
            }
        }
        // A phase without a legacy row would get one with its current timestamps.
        let created =
            event.phase_id().and_then(|id| self.timeline.phase(id)).filter(|phase| phase.legacy.is_none());
        if let Some(timestamps) = created.and_then(|phase| self.timestamps.get_mut(&phase.id)) {
            timestamps.old_updated_at = timestamps.updated_at;
        }
    }

    fn put(&mut self, id: PhaseId, timestamps: PhaseTimestamps) {
        self.timestamps.insert(id, timestamps);
    }

    fn touch(&mut self, id: PhaseId, change: impl FnOnce(&mut PhaseTimestamps)) {
        if let Some(timestamps) = self.timestamps.get_mut(&id) {
            change(timestamps);
        }
    }

    /// The fold of one stream. Unreadable and skipped events only advance version and position.
    pub fn of(history: &[RecordedTimeline]) -> Self {
        let mut folded = Self::default();
        history.iter().for_each(|recorded| folded.record(recorded));
        folded
    }

    /// Applies the next event of the stream.
    pub fn record(&mut self, recorded: &RecordedTimeline) {
        if let Some(event) = recorded.event() {
            self.apply(event, recorded.recorded.recorded_at.naive_utc());
        }
        self.version = recorded.recorded.version;
        self.position = recorded.recorded.position;
    }

    /// Applies an event that is not recorded yet, so that the next command can be decided: a phase that it creates has no timestamps.
    pub(crate) fn apply_unrecorded(&mut self, event: &TimelineEvent) {
        match event {
            TimelineEvent::PhaseCreated(e) => {
                self.timeline.evolve(event);
                self.timestamps.remove(&e.phase_id);
            }
            TimelineEvent::PhaseRemoved(_) => self.apply(event, NaiveDateTime::default()),
            _ => self.timeline.evolve(event),
        }
    }
}
