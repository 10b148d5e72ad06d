//! What the old schema cannot hold: field by field, with the rule that is used instead.

use crate::links::FoldedLinks;
use chrono::{DateTime, Utc};
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_domain::{DateRange, Phase, PhaseId, PhaseName, ProjectId, Timeline, TimelineEvent};
use phaseline_projections::FoldedLog;
use phaseline_projections::drift::{Drift, DriftKind};
use phaseline_store::RawEvent;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// One value that a rollback does not carry over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LossItem {
    /// The project.
    pub project_id: ProjectId,
    /// The phase.
    pub phase_id: PhaseId,
    /// `name`, `dates` or `description`; `links` for assignments that lose their phase; a column, or `row`, where
    /// `project_phases` is not what the log says.
    pub field: String,
    /// The value as it stands.
    pub value: String,
    /// The position of the event that set it; none if no event did.
    pub position: Option<i64>,
    /// When that was recorded.
    pub recorded_at: Option<DateTime<Utc>>,
    /// Who did it.
    pub actor: Option<String>,
    /// What stands in the old tables instead, and by which rule.
    pub instead: String,
}

/// All that a rollback does not carry over. The log keeps it: the next migration brings it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// By project and phase.
    pub items: Vec<LossItem>,
    /// `sha256:` and 64 hexadecimal digits over the items; what `--accept-loss` takes. None if nothing is lost.
    pub digest: Option<String>,
}

impl Loss {
    fn of(mut items: Vec<LossItem>) -> Result<Self, serde_json::Error> {
        if items.is_empty() {
            return Ok(Self::default());
        }
        items.sort_by(|a, b| (a.project_id, a.phase_id, &a.field).cmp(&(b.project_id, b.phase_id, &b.field)));
        let mut hasher = Sha256::new();
        hasher.update(b"phaseline/loss/v1");
        hasher.update(serde_json::to_string(&items)?.as_bytes());
        let digest = format!("sha256:{}", phaseline_store::hash::hex(&hasher.finalize()));
        Ok(Self { items, digest: Some(digest) })
    }
}

/// Which event changed something last.
#[derive(Clone, Debug)]
struct By {
    position: i64,
    recorded_at: DateTime<Utc>,
    actor: Option<String>,
}

/// What is known of a phase beside what the fold knows.
#[derive(Clone, Debug, Default)]
struct Origin {
    /// Name and days that its old row gave it; none for a phase that was born in the new system.
    adopted: Option<(PhaseName, DateRange)>,
    born: Option<By>,
    name: Option<By>,
    dates: Option<By>,
    description: Option<By>,
    /// Whether this very rollback gives it its old row.
    given: bool,
}

/// Follows the log and remembers who changed what of each phase. What a migration's run changed follows from the old
/// tables, and is no loss.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    phases: HashMap<ProjectId, HashMap<PhaseId, Origin>>,
    removed: HashMap<PhaseId, (ProjectId, PhaseName, Option<By>)>,
}

impl Ledger {
    /// Takes an event of the log; `timeline` is the fold before it.
    pub(super) fn see(&mut self, event: &RawEvent<'_>, happened: &TimelineEvent, timeline: &Timeline) {
        let metadata = event.metadata();
        let by = By { position: event.position, recorded_at: event.recorded_at, actor: metadata.actor };
        let of_run = metadata.source.as_deref() == Some("migration");
        self.note(event.stream_id.into(), happened, Some(by), of_run, Some(timeline));
    }

    /// Takes an event that is about to be written; `log` is the fold before it.
    pub(super) fn foresee(&mut self, project: ProjectId, event: &TimelineEvent, log: &FoldedLog) {
        let timeline = log.timelines.get(&project).map(|folded| &folded.timeline);
        self.note(project, event, None, false, timeline);
    }

    /// `timeline` is the fold before the event.
    fn note(
        &mut self,
        project: ProjectId,
        event: &TimelineEvent,
        by: Option<By>,
        of_run: bool,
        timeline: Option<&Timeline>,
    ) {
        let phases = self.phases.entry(project).or_default();
        let human = by.clone().filter(|_| !of_run);
        match event {
            TimelineEvent::LegacyPhaseAdopted(e) => {
                let adopted = Some((e.name.clone(), e.range));
                phases.insert(e.phase_id, Origin { adopted, ..Origin::default() });
                self.removed.remove(&e.phase_id);
            }
            TimelineEvent::PhaseCreated(_)
            | TimelineEvent::PhaseAdopted(_)
            | TimelineEvent::DefaultPhaseSupplied(_) => {
                if let Some(id) = event.phase_id() {
                    phases.insert(id, Origin { born: by, ..Origin::default() });
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
    phases: &mut HashMap<PhaseId, Origin>,
    id: PhaseId,
    by: Option<By>,
    field: impl FnOnce(&mut Origin) -> &mut Option<By>,
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
    by: Option<&By>,
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
        instead: instead.to_owned(),
    }
}

const NO_DATES: &str = "none: the old schema has no dates for phases";
const NO_DESCRIPTION: &str = "none: the old schema has no descriptions";

/// The items of one phase that comes back.
fn of_phase(project: ProjectId, phase: &Phase, origin: &Origin) -> Vec<LossItem> {
    let mut items = Vec::new();
    let mut add = |field, value: String, by: Option<&By>, instead: &str| {
        items.push(item(project, phase.id, field, value, by, instead));
    };
    let (name, dates) = (phase.name.as_str().to_owned(), phase.range.to_string());
    let born = origin.born.as_ref();
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
            add("name", name, origin.name.as_ref().or(born), &instead);
            add("dates", dates, origin.dates.as_ref().or(born), NO_DATES);
        }
    }
    if let Some(description) = &phase.description {
        let by = origin.description.as_ref().or(born);
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
        DriftKind::Unknown | DriftKind::UnknownProject => {
            let row = drift.row.as_ref().and_then(|row| serde_json::to_string(row).ok()).unwrap_or_default();
            ("row", format!("a row that the log does not know: {row}"), "no row".to_owned())
        }
    };
    item(drift.project_id, drift.phase_id, field, value, None, &instead)
}

/// What a rollback to this state of the log loses. `log` is the fold that the old tables are computed from, `comes_back`
/// says which phases do, `dangling` are the assignments that stand and whose phase does not come back.
pub(super) fn loss(
    ledger: &Ledger,
    log: &FoldedLog,
    comes_back: impl Fn(PhaseId) -> bool,
    dangling: &BTreeMap<PhaseId, u64>,
    drift: &[Drift],
) -> Result<Loss, serde_json::Error> {
    let mut items: Vec<LossItem> = drift.iter().map(of_drift).collect();
    let unknown = Origin::default();
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

/// The links that the log keeps to phases that do not come back.
pub(super) fn dangling_links(
    links: &FoldedLinks,
    comes_back: impl Fn(PhaseId) -> bool,
) -> HashMap<uuid::Uuid, PhaseId> {
    links
        .phase_of
        .iter()
        .filter(|(_, phase)| !comes_back(**phase))
        .map(|(assignment, phase)| (assignment.uuid(), *phase))
        .collect()
}
