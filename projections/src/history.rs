//! Describes the history of a timeline: who changed what, when and why, with the values before and after.

use crate::FoldedTimeline;
use crate::changes::{self, FieldChange};
use chrono::{DateTime, Utc};
use phaseline_domain::{Budget, DateRange, Phase, PhaseId, TimelineEvent};
use phaseline_store::{Content, Metadata, RecordedEvent, RecordedTimeline, SkippedEvent};
use serde::Serialize;
use std::collections::HashMap;
use uuid::Uuid;

/// One event, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// Its position in the whole log.
    pub position: i64,
    /// Its version in the timeline's stream.
    pub version: i64,
    /// Its own id.
    pub event_id: Uuid,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// When it was recorded (UTC).
    pub recorded_at: DateTime<Utc>,
    /// The event's type.
    pub event_type: String,
    /// The phase that it concerns.
    pub phase_id: Option<PhaseId>,
    /// The phase's name at that time.
    pub phase_name: Option<String>,
    /// What happened, in a sentence.
    pub words: String,
    /// The changed fields, of the phase, or of the project if the event concerns no phase.
    pub changes: Vec<FieldChange>,
    /// Why the event cannot be read, if it cannot: the timeline is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// The mark that leaves the event out, if there is one; readers ignore the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkippedBy>,
    /// Whether it does not fit its hash: it, or the event before it in the log, was altered after it was recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub altered: bool,
    /// The database login that wrote it; none in events written before logins were recorded. The fields below are the writer's
    /// claims.
    pub login: Option<String>,
    /// Actor, reason and source, as the writer claims.
    #[serde(flatten)]
    pub metadata: Metadata,
}

/// A mark that leaves an event out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedBy {
    /// The mark's place in the whole log.
    pub position: i64,
    /// When it was recorded (UTC).
    pub recorded_at: DateTime<Utc>,
    /// The actor, as the writer claimed.
    pub actor: Option<String>,
    /// The login, as the database recorded it.
    pub login: Option<String>,
    /// The reason.
    pub reason: Option<String>,
}

impl From<&SkippedEvent> for SkippedBy {
    fn from(mark: &SkippedEvent) -> Self {
        Self {
            position: mark.skipped_at_position,
            recorded_at: mark.skipped_at,
            actor: mark.actor.clone(),
            login: mark.login.clone(),
            reason: mark.reason.clone(),
        }
    }
}

fn budget(budget: Budget) -> String {
    format!("{} (capital {}, expense {})", budget.total(), budget.capital(), budget.expense())
}

/// A timeline's history, oldest first; of one phase only if requested. `skipped` are the marks on its events.
pub fn entries(
    history: &[RecordedTimeline],
    skipped: &[SkippedEvent],
    of_phase: Option<PhaseId>,
) -> Vec<HistoryEntry> {
    let mut describer = EventDescriber::new(of_phase, skipped);
    history.iter().filter_map(|recorded| describer.describe(recorded)).collect()
}

/// Describes a timeline's events one by one.
#[derive(Debug)]
pub struct EventDescriber {
    folded: FoldedTimeline,
    of_phase: Option<PhaseId>,
    skipped: HashMap<i64, SkippedEvent>,
}

impl EventDescriber {
    /// For a history from its beginning; of one phase only if requested. `skipped` are the marks on its events.
    pub fn new(of_phase: Option<PhaseId>, skipped: &[SkippedEvent]) -> Self {
        let skipped = skipped.iter().map(|mark| (mark.position, mark.clone())).collect();
        Self { folded: FoldedTimeline::default(), of_phase, skipped }
    }

    /// Applies an event without describing it.
    pub fn skip(&mut self, recorded: &RecordedTimeline) {
        if let Some(event) = recorded.event() {
            self.folded.apply(event, recorded.recorded.recorded_at.naive_utc());
        }
    }

    /// Describes the next event; none if it concerns another phase than the requested one. An unreadable event may concern any phase:
    /// it is always described.
    pub fn describe(&mut self, recorded: &RecordedTimeline) -> Option<HistoryEntry> {
        match &recorded.content {
            Content::Event(event) => self.describe_readable(&recorded.recorded, event),
            Content::Unreadable(event) => {
                let words = format!("cannot be read, so the timeline is in quarantine: {}", event.fault);
                let unreadable = Some(event.fault.clone());
                Some(HistoryEntry { unreadable, ..entry_of(&recorded.recorded, words) })
            }
            Content::Skipped => {
                let mark = self.skipped.get(&recorded.recorded.position);
                let words = mark.map_or_else(
                    || "left out of the timeline".to_owned(),
                    |mark| {
                        let mut actor = mark.actor.as_deref().unwrap_or("-").to_owned();
                        if mark.login.is_some() && mark.login != mark.actor {
                            actor.push_str(&format!(", login {}", mark.login.as_deref().unwrap_or("-")));
                        }
                        let reason = mark.reason.as_deref().unwrap_or("-");
                        format!("left out of the timeline by {actor} ({reason}): {}", mark.fault)
                    },
                );
                let skipped = mark.map(SkippedBy::from);
                Some(HistoryEntry { skipped, ..entry_of(&recorded.recorded, words) })
            }
        }
    }

    fn describe_readable(&mut self, recorded: &RecordedEvent, event: &TimelineEvent) -> Option<HistoryEntry> {
        let phase_id = event.phase_id();
        let concerned = self.of_phase.is_none() || self.of_phase == phase_id;
        // Only values that the event changes are copied: timelines can be long.
        let phase = phase_id.filter(|_| concerned).and_then(|id| self.folded.timeline.phase(id)).cloned();
        let before = PreviousValues { range: self.folded.timeline.range(), phase };
        self.folded.apply(event, recorded.recorded_at.naive_utc());
        if !concerned {
            return None;
        }
        let folded = &self.folded;
        let name = |phase: &Phase| phase.name.as_str().to_owned();
        let named = before.phase.as_ref().map(name);
        let phase_name = named.or_else(|| phase_id.and_then(|id| folded.timeline.phase(id)).map(name));
        let changes = match phase_id {
            Some(id) => changes::of_phase(before.phase.as_ref(), folded.timeline.phase(id)),
            None => changes::of_range(before.range, folded.timeline.range()),
        };
        let words = words_of(event, before.phase.as_ref(), folded);
        Some(HistoryEntry { phase_id, phase_name, changes, ..entry_of(recorded, words) })
    }
}

/// The parts of an entry that do not depend on its event.
pub(crate) fn entry_of(recorded: &RecordedEvent, words: String) -> HistoryEntry {
    HistoryEntry {
        position: recorded.position,
        version: recorded.version,
        event_id: recorded.event_id,
        hash: recorded.identity().hash_text(),
        recorded_at: recorded.recorded_at,
        event_type: recorded.event_type.clone(),
        phase_id: None,
        phase_name: None,
        words,
        changes: Vec::new(),
        unreadable: None,
        skipped: None,
        altered: recorded.is_altered,
        login: recorded.login.clone(),
        metadata: recorded.metadata.clone(),
    }
}

/// The values that an event may change, before it.
struct PreviousValues {
    range: Option<DateRange>,
    /// The phase that the event is about.
    phase: Option<Phase>,
}

/// What happened, in a sentence.
fn words_of(event: &TimelineEvent, before: Option<&Phase>, after: &FoldedTimeline) -> String {
    let name = before.map_or("", |phase| phase.name.as_str());
    match event {
        TimelineEvent::TimelineOpened(e) => format!("timeline opened, {}", e.range),
        TimelineEvent::TimelineRescheduled(e) => format!("project moved to {}", e.range),
        TimelineEvent::PhaseCreated(e) => {
            format!("phase '{}' created, {}, budget {}", e.name, e.range, e.budget.total())
        }
        TimelineEvent::LegacyPhaseAdopted(e) => format!(
            "phase '{}' adopted from the legacy planner ({}), {}, budget {}",
            e.name,
            e.phase_type,
            e.range,
            e.budget.total()
        ),
        TimelineEvent::LegacyRowRecorded(e) => {
            format!(
                "the legacy row of phase '{name}' recorded ({}), budget {}",
                e.phase_type,
                e.budget.total()
            )
        }
        TimelineEvent::PhaseAdopted(e) => format!(
            "phase '{}' adopted with the values found, {}, budget {}",
            e.name,
            e.range,
            e.budget.total()
        ),
        TimelineEvent::DefaultPhaseSupplied(e) => {
            format!("phase '{}' supplied, {}: the project had none", e.name, e.range)
        }
        TimelineEvent::TimelineClosed(_) => "timeline closed: the project was deleted".to_owned(),
        TimelineEvent::PhaseResized(e) => format!("phase '{name}' moved to {}", e.range),
        TimelineEvent::PhaseRenamed(e) => format!("phase '{name}' renamed to '{}'", e.name),
        TimelineEvent::PhaseDescribed(e) if e.description.is_some() => {
            format!("description of phase '{name}' changed")
        }
        TimelineEvent::PhaseDescribed(_) => format!("description of phase '{name}' removed"),
        TimelineEvent::PhaseBudgeted(e) => format!("budget of phase '{name}' set to {}", budget(e.budget)),
        TimelineEvent::PhaseRemoved(_) => format!(
            "phase '{name}' removed, {} left",
            match after.timeline.phases().len() {
                1 => "1 phase".to_owned(),
                phases => format!("{phases} phases"),
            }
        ),
    }
}
