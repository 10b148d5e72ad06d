//! Computes the values that the legacy schema cannot hold: field by field, with the rule for the value instead.

use crate::log::link_events::FoldedLinks;
use crate::report::{Loss, LossItem};
use crate::spill::SpillError;
use chrono::{DateTime, Utc};
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_domain::{DateRange, Phase, PhaseId, PhaseName, ProjectId, Timeline, TimelineEvent};
use phaseline_projections::FoldedLog;
use phaseline_projections::drift::{Drift, DriftKind};
use phaseline_store::RawEvent;
use std::collections::{BTreeMap, HashMap};

/// The last event that changed a value.
#[derive(Clone, Debug)]
pub(super) struct ChangedBy {
    pub(super) position: i64,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) actor: Option<String>,
    pub(super) login: Option<String>,
}

/// The facts about a phase that the fold does not have.
#[derive(Clone, Debug, Default)]
struct PhaseOrigin {
    /// Name and dates from its legacy row; none for a phase that was created later.
    adopted: Option<(PhaseName, DateRange)>,
    created: Option<ChangedBy>,
    name: Option<ChangedBy>,
    dates: Option<ChangedBy>,
    description: Option<ChangedBy>,
    /// Whether this rollback gives it its legacy row.
    given: bool,
}

/// Follows the log, and keeps the last change of each value of each phase. Changes by a migration follow from the legacy tables, those
/// of the planner from the projects' dates: neither is a loss.
#[derive(Clone, Debug, Default)]
pub(super) struct EditHistory {
    phases: HashMap<ProjectId, HashMap<PhaseId, PhaseOrigin>>,
    removed: HashMap<PhaseId, (ProjectId, PhaseName, Option<ChangedBy>)>,
}

impl EditHistory {
    /// Applies an event of the log; `timeline` is the fold before it.
    pub(super) fn see(&mut self, event: &RawEvent<'_>, happened: &TimelineEvent, timeline: &Timeline) {
        let metadata = event.metadata();
        let login = event.login.map(str::to_owned);
        let by = ChangedBy {
            position: event.position,
            recorded_at: event.recorded_at,
            actor: metadata.actor,
            login,
        };
        let is_derived = matches!(metadata.source.as_deref(), Some("migration" | "planner"));
        self.note(event.stream_id.into(), happened, Some(by), is_derived, Some(timeline));
    }

    /// Applies an event that will be written; `log` is the fold before it.
    pub(super) fn apply_unrecorded(&mut self, project: ProjectId, event: &TimelineEvent, log: &FoldedLog) {
        let timeline = log.timelines.get(&project).map(|folded| &folded.timeline);
        self.note(project, event, None, false, timeline);
    }

    /// The event that created a phase; none if none did yet.
    pub(super) fn creation(&self, project: ProjectId, phase: PhaseId) -> Option<&ChangedBy> {
        self.phases.get(&project)?.get(&phase)?.created.as_ref()
    }

    /// The event that removed a phase; none if none did yet.
    pub(super) fn removal(&self, phase: PhaseId) -> Option<&ChangedBy> {
        self.removed.get(&phase)?.2.as_ref()
    }

    /// `timeline` is the fold before the event.
    fn note(
        &mut self,
        project: ProjectId,
        event: &TimelineEvent,
        by: Option<ChangedBy>,
        is_derived: bool,
        timeline: Option<&Timeline>,
    ) {
        let phases = self.phases.entry(project).or_default();
        let human = by.clone().filter(|_| !is_derived);
        match event {
            TimelineEvent::LegacyPhaseAdopted(e) => {
                let adopted = Some((e.name.clone(), e.range));
                phases.insert(e.phase_id, PhaseOrigin { adopted, ..PhaseOrigin::default() });
                self.removed.remove(&e.phase_id);
            }
            TimelineEvent::PhaseCreated(_)
            | TimelineEvent::PhaseAdopted(_)
            | TimelineEvent::DefaultPhaseSupplied(_) => {
                if let Some(id) = event.phase_id() {
                    phases.insert(id, PhaseOrigin { created: by, ..PhaseOrigin::default() });
                    self.removed.remove(&id);
                }
            }
            TimelineEvent::PhaseRenamed(e) => set(phases, e.phase_id, human, |origin| &mut origin.name),
            TimelineEvent::PhaseResized(e) => set(phases, e.phase_id, human, |origin| &mut origin.dates),
            TimelineEvent::PhaseDescribed(e) => {
                set(phases, e.phase_id, human, |origin| &mut origin.description);
            }
            TimelineEvent::PhaseRemoved(e) => {
                phases.remove(&e.phase_id);
                if let Some(phase) = timeline.and_then(|timeline| timeline.phase(e.phase_id)) {
                    self.removed.insert(phase.id, (project, phase.name.clone(), by));
                }
            }
            TimelineEvent::TimelineClosed(_) => {
                phases.clear();
                for phase in timeline.iter().flat_map(|timeline| timeline.phases()) {
                    self.removed.insert(phase.id, (project, phase.name.clone(), by.clone()));
                }
            }
            TimelineEvent::TimelineOpened(_)
            | TimelineEvent::TimelineRescheduled(_)
            | TimelineEvent::PhaseBudgeted(_) => {}
            TimelineEvent::LegacyRowRecorded(e) => {
                if let Some(origin) = phases.get_mut(&e.phase_id) {
                    origin.given = by.is_none();
                }
            }
        }
    }
}

fn set(
    phases: &mut HashMap<PhaseId, PhaseOrigin>,
    id: PhaseId,
    by: Option<ChangedBy>,
    field: impl FnOnce(&mut PhaseOrigin) -> &mut Option<ChangedBy>,
) {
    if let (Some(origin), Some(by)) = (phases.get_mut(&id), by) {
        *field(origin) = Some(by);
    }
}

fn item(
    project_id: ProjectId,
    phase_id: PhaseId,
    field: &str,
    value: String,
    by: Option<&ChangedBy>,
    instead: &str,
) -> LossItem {
    LossItem {
        project_id,
        phase_id,
        field: field.to_owned(),
        value,
        position: by.map(|by| by.position),
        recorded_at: by.map(|by| by.recorded_at),
        actor: by.and_then(|by| by.actor.clone()),
        login: by.and_then(|by| by.login.clone()),
        instead: instead.to_owned(),
    }
}

const NO_DATES: &str = "none: the old schema has no dates for phases";
const NO_DESCRIPTION: &str = "none: the old schema has no descriptions";

/// The items of one restored phase.
fn of_phase(project: ProjectId, phase: &Phase, origin: &PhaseOrigin) -> Vec<LossItem> {
    let mut items = Vec::new();
    let mut add = |field, value: String, by: Option<&ChangedBy>, instead: &str| {
        items.push(item(project, phase.id, field, value, by, instead));
    };
    let (name, dates) = (phase.name.as_str().to_owned(), phase.range.to_string());
    let created = origin.created.as_ref();
    match &origin.adopted {
        Some((adopted_name, adopted_range)) => {
            let came_with = phase.legacy.map_or_else(
                || LegacyPhaseType::by_name(&name).to_string(),
                |row| format!("{}, the type of its old row", row.phase_type),
            );
            if origin.name.is_some() && phase.name != *adopted_name {
                add("name", name, origin.name.as_ref(), &came_with);
            }
            if origin.dates.is_some() && phase.range != *adopted_range {
                add("dates", dates, origin.dates.as_ref(), NO_DATES);
            }
        }
        None => {
            let instead = match phase.legacy {
                Some(row) if !origin.given => format!("{}, the type of its old row", row.phase_type),
                _ => format!("{}, by its name", LegacyPhaseType::by_name(&name)),
            };
            add("name", name, origin.name.as_ref().or(created), &instead);
            add("dates", dates, origin.dates.as_ref().or(created), NO_DATES);
        }
    }
    if let Some(description) = phase.description.as_ref().filter(|text| !text.is_empty()) {
        let by = origin.description.as_ref().or(created);
        add("description", description.as_str().to_owned(), by, NO_DESCRIPTION);
    }
    items
}

fn of_drift(drift: &Drift) -> LossItem {
    let (field, value, instead) = match &drift.kind {
        DriftKind::Missing => ("row", "missing".to_owned(), "the row as the log has it".to_owned()),
        DriftKind::Field { column, log, table } => {
            (*column, table.clone(), format!("{log}, as the log has it"))
        }
        DriftKind::Duplicate => {
            let row = drift.row.as_ref().and_then(|row| serde_json::to_string(row).ok()).unwrap_or_default();
            ("row", format!("one of several rows: {row}"), "one row, as the log has it".to_owned())
        }
        DriftKind::Unknown | DriftKind::UnknownProject | DriftKind::SavedLater { .. } => {
            let row = drift.row.as_ref().and_then(|row| serde_json::to_string(row).ok()).unwrap_or_default();
            ("row", format!("a row that the log does not know: {row}"), "no row".to_owned())
        }
    };
    item(drift.project_id, drift.phase_id, field, value, None, &instead)
}

/// The loss of a rollback to this state of the log. `log` is the fold from which the legacy tables are computed, `comes_back` has the
/// restored phases, `dangling` counts assignments whose phase is not restored.
pub(super) fn loss(
    ledger: &EditHistory,
    log: &FoldedLog,
    comes_back: impl Fn(PhaseId) -> bool,
    dangling: &BTreeMap<PhaseId, u64>,
    drift: &[Drift],
) -> Result<Loss, serde_json::Error> {
    let mut items: Vec<LossItem> = drift.iter().map(of_drift).collect();
    let unknown = PhaseOrigin::default();
    for (project, folded) in &log.timelines {
        let origins = ledger.phases.get(project);
        for phase in folded.timeline.phases().iter().filter(|phase| comes_back(phase.id)) {
            let origin = origins.and_then(|origins| origins.get(&phase.id)).unwrap_or(&unknown);
            items.extend(of_phase(*project, phase, origin));
        }
    }
    for (phase, assignments) in dangling {
        let (project, name, by) = match ledger.removed.get(phase) {
            Some((project, name, by)) => (*project, format!(" of '{name}'"), by.as_ref()),
            None => continue,
        };
        let plural = if *assignments == 1 { "" } else { "s" };
        let value = format!("{assignments} assignment{plural}{name}");
        items.push(item(
            project,
            *phase,
            "links",
            value,
            by,
            "the phase of their date, else the project's first",
        ));
    }
    Loss::of(items)
}

/// The links in the log to phases that are not restored.
///
/// # Errors
/// [`SpillError`] if the links cannot be read.
pub(super) fn dangling_links(
    links: &FoldedLinks,
    comes_back: impl Fn(PhaseId) -> bool,
) -> Result<HashMap<uuid::Uuid, PhaseId>, SpillError> {
    let mut dangling = HashMap::new();
    links.phase_of.for_each(|assignment, phase| {
        if !comes_back(phase) {
            dangling.insert(assignment.uuid(), phase);
        }
    })?;
    Ok(dangling)
}
