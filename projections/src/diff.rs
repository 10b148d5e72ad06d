//! The difference between two moments of timelines: which phases came, went or changed, by how many days and how much money, and
//! the events that did it. Pure.

use crate::FoldedTimeline;
use crate::changes::{self, FieldChange};
use crate::effects::{BudgetSums, PhaseEffect, phase_pairs};
use chrono::{DateTime, NaiveDate, Utc};
use phaseline_domain::{DateRange, Phase, PhaseId, ProjectId};
use phaseline_store::RecordedTimeline;
use serde::Serialize;
use std::collections::BTreeMap;

/// What happened to a phase or a timeline between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DiffStatus {
    /// It is only there at the later moment.
    Added,
    /// It is only there at the earlier moment.
    Removed,
    /// It is there at both, with other values.
    Changed,
    /// It has the same values at both moments, or is there at neither.
    Unchanged,
}

impl DiffStatus {
    /// Its word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }

    const fn of(before: bool, after: bool, differs: bool) -> Self {
        match (before, after) {
            (false, true) => Self::Added,
            (true, false) => Self::Removed,
            (true, true) if differs => Self::Changed,
            _ => Self::Unchanged,
        }
    }
}

/// An event between the two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeEvent {
    /// Its position in the whole log.
    pub position: i64,
    /// Its version in the timeline's stream.
    pub version: i64,
    /// When it was recorded (UTC).
    pub recorded_at: DateTime<Utc>,
    /// Its type.
    pub event_type: String,
    /// Who did it, as the writer claims.
    pub actor: Option<String>,
    /// The actor's name at that time, if it was known.
    pub actor_name: Option<String>,
    /// The database login that wrote it.
    pub login: Option<String>,
    /// Why, as the writer claims.
    pub reason: Option<String>,
}

impl ChangeEvent {
    fn of(event: &RecordedTimeline) -> Self {
        let recorded = &event.recorded;
        Self {
            position: recorded.position,
            version: recorded.version,
            recorded_at: recorded.recorded_at,
            event_type: recorded.event_type.clone(),
            actor: recorded.metadata.actor.clone(),
            actor_name: recorded.metadata.actor_name.clone(),
            login: recorded.login.clone(),
            reason: recorded.metadata.reason.clone(),
        }
    }
}

/// By how many days the ends of a range moved; later is positive. None if one of the moments lacks the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MovedDays {
    /// The days of the first day.
    pub start: Option<i64>,
    /// The days of the last day.
    pub end: Option<i64>,
}

impl MovedDays {
    fn between(before: Option<DateRange>, after: Option<DateRange>) -> Self {
        let Some((before, after)) = before.zip(after) else { return Self::default() };
        let days = |before: NaiveDate, after: NaiveDate| Some((after - before).num_days());
        Self { start: days(before.start(), after.start()), end: days(before.end(), after.end()) }
    }
}

/// A phase at two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PhaseDiff {
    /// The phase.
    pub phase_id: PhaseId,
    /// Its name at the later moment, or at the earlier one if it was removed.
    pub name: String,
    /// What happened to it.
    pub status: DiffStatus,
    /// The fields that differ.
    pub changes: Vec<FieldChange>,
    /// By how many days its dates moved.
    pub moved_days: MovedDays,
    /// How much its budget grew.
    pub budget: BudgetSums,
    /// The events about it between the moments.
    pub events: Vec<ChangeEvent>,
}

/// A timeline at one of the two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineSide {
    /// Whether the timeline was open: not before its first event, and not after its project was deleted.
    pub exists: bool,
    /// The version.
    pub version: i64,
    /// The position of the last event; 0 if there is none.
    pub position: i64,
    /// The project's first day.
    pub start_date: Option<NaiveDate>,
    /// The project's last day, included.
    pub end_date: Option<NaiveDate>,
    /// The number of phases.
    pub phases: usize,
    /// The sums of their budgets.
    pub budget: BudgetSums,
}

impl TimelineSide {
    /// The summary of a timeline.
    pub fn of(folded: &FoldedTimeline) -> Self {
        let range = folded.timeline.range();
        Self {
            exists: folded.timeline.project().is_some(),
            version: folded.version,
            position: folded.position,
            start_date: range.map(DateRange::start),
            end_date: range.map(DateRange::end),
            phases: folded.timeline.phases().len(),
            budget: BudgetSums::of(&folded.timeline),
        }
    }
}

/// A project's timeline at two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineDiff {
    /// The project.
    pub project_id: ProjectId,
    /// What happened to the timeline.
    pub status: DiffStatus,
    /// The timeline at the earlier moment.
    pub before: TimelineSide,
    /// The timeline at the later moment.
    pub after: TimelineSide,
    /// The ends of the project's dates that differ.
    pub changes: Vec<FieldChange>,
    /// By how many days the project's dates moved.
    pub moved_days: MovedDays,
    /// How much the budgets grew.
    pub budget: BudgetSums,
    /// The phases by start date; a removed one by the start date that it had.
    pub phases: Vec<PhaseDiff>,
    /// The events about the project itself between the moments.
    pub events: Vec<ChangeEvent>,
}

fn amounts(phase: Option<&Phase>) -> BudgetSums {
    let mut sums = BudgetSums::default();
    if let Some(Phase { budget, .. }) = phase {
        sums.add([budget.capital().amount(), budget.expense().amount(), budget.total().amount()]);
    }
    sums
}

impl TimelineDiff {
    /// The difference between two moments of one timeline, without events.
    pub fn between(project: ProjectId, before: &FoldedTimeline, after: &FoldedTimeline) -> Self {
        let pairs = phase_pairs(&before.timeline, &after.timeline);
        let mut phases: Vec<(NaiveDate, PhaseDiff)> = pairs.into_iter().filter_map(phase_diff).collect();
        phases.sort_by_key(|(start, phase)| (*start, phase.phase_id));
        let phases: Vec<PhaseDiff> = phases.into_iter().map(|(_, phase)| phase).collect();
        let ranges = [before.timeline.range(), after.timeline.range()];
        let changes = changes::of_range(ranges[0], ranges[1]);
        let differs = !changes.is_empty() || phases.iter().any(|phase| phase.status != DiffStatus::Unchanged);
        let (before, after) = (TimelineSide::of(before), TimelineSide::of(after));
        Self {
            project_id: project,
            status: DiffStatus::of(before.exists, after.exists, differs),
            moved_days: MovedDays::between(ranges[0], ranges[1]),
            budget: before.budget.growth_to(&after.budget),
            before,
            after,
            changes,
            phases,
            events: Vec::new(),
        }
    }

    /// The difference within a history that ends at the later moment, with the events after position `from`.
    pub fn of_history(project: ProjectId, history: &[RecordedTimeline], from: i64) -> Self {
        let split = history.partition_point(|event| event.recorded.position <= from);
        let (earlier, later) = history.split_at(split);
        let before = FoldedTimeline::of(earlier);
        let mut after = before.clone();
        later.iter().for_each(|event| after.record(event));
        let mut diff = Self::between(project, &before, &after);
        diff.add_events(later);
        diff
    }

    /// Adds the events between the moments.
    pub(crate) fn add_events(&mut self, later: &[RecordedTimeline]) {
        let mut events: BTreeMap<PhaseId, Vec<ChangeEvent>> = BTreeMap::new();
        for event in later {
            let found = ChangeEvent::of(event);
            match event.event().and_then(phaseline_domain::TimelineEvent::phase_id) {
                Some(phase) => events.entry(phase).or_default().push(found),
                None => self.events.push(found),
            }
        }
        for phase in &mut self.phases {
            phase.events = events.remove(&phase.phase_id).unwrap_or_default();
        }
        // Phases that came and went between the moments are on neither side.
        self.events.extend(events.into_values().flatten());
        self.events.sort_by_key(|event| event.position);
    }

    /// All events between the moments.
    pub fn all_events(&self) -> impl Iterator<Item = &ChangeEvent> {
        self.events.iter().chain(self.phases.iter().flat_map(|phase| &phase.events))
    }

    /// The same, to be changed.
    pub fn all_events_mut(&mut self) -> impl Iterator<Item = &mut ChangeEvent> {
        self.events.iter_mut().chain(self.phases.iter_mut().flat_map(|phase| &mut phase.events))
    }

    /// Whether nothing differs but versions.
    pub const fn is_empty(&self) -> bool {
        matches!(self.status, DiffStatus::Unchanged)
    }
}

/// A phase's difference, with the start date that it is ordered by; none for a phase that is on neither side.
fn phase_diff(PhaseEffect { before, after }: PhaseEffect<'_>) -> Option<(NaiveDate, PhaseDiff)> {
    let shown = after.or(before)?;
    let changes = changes::of_phase(before, after);
    let diff = PhaseDiff {
        phase_id: shown.id,
        name: shown.name.to_string(),
        status: DiffStatus::of(before.is_some(), after.is_some(), !changes.is_empty()),
        changes,
        moved_days: MovedDays::between(before.map(|phase| phase.range), after.map(|phase| phase.range)),
        budget: amounts(before).growth_to(&amounts(after)),
        events: Vec::new(),
    };
    Some((shown.range.start(), diff))
}

#[cfg(test)]
mod tests;
