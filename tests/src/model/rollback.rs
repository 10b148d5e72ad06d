//! Rollback.

use super::timeline::LegacyRowColumns;
use super::{Kind, Model, OldRow, Phase, Shape};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A field of a phase that the legacy shape cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names suffice")]
pub struct LostField {
    pub project: Uuid,
    pub phase: Uuid,
    pub field: String,
}

/// The sources of the assignments' phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// The log's link.
    pub restored: u64,
    /// The phase of its date.
    pub by_date: u64,
    /// Its project's first phase.
    pub first_phase: u64,
}

impl Model {
    /// The loss of a rollback.
    pub fn losses(&self) -> BTreeSet<LostField> {
        let mut losses = BTreeSet::new();
        let ready = self.projected_to_legacy();
        for (&project, timeline) in &ready.log {
            let mut lose = |phase: Uuid, field: &str| {
                losses.insert(LostField { project, phase, field: field.to_owned() });
            };
            for phase in timeline.phases.iter().filter(|phase| ready.is_restored(project, phase)) {
                let described = phase.description.as_deref().is_some_and(|text| !text.is_empty());
                let (name, days, description) = match &phase.given {
                    None => (true, true, described),
                    Some(given) => (
                        phase.edited.name && phase.name != given.name,
                        phase.edited.days && phase.days != given.days,
                        phase.edited.description && described,
                    ),
                };
                for (is_lost, field) in [(name, "name"), (days, "dates"), (description, "description")] {
                    if is_lost {
                        lose(phase.id, field);
                    }
                }
            }
        }
        for assignment in &self.assignments {
            if let Some(phase) = self.links.get(&assignment.id).filter(|phase| !ready.phase_exists(**phase))
                && let Some(project) = self.homes.get(phase)
            {
                losses.insert(LostField { project: *project, phase: *phase, field: "links".to_owned() });
            }
        }
        for (project, phase, what) in self.reported_drift().into_iter().filter(|(.., what)| what != "saved") {
            let field = if what == "missing" || what == "unknown" { "row".to_owned() } else { what };
            losses.insert(LostField { project, phase, field });
        }
        losses
    }

    /// Rolls back.
    pub fn roll_back(&mut self) -> LinkCounts {
        *self = self.projected_to_legacy();
        let mut rows: Vec<(Option<usize>, OldRow)> = Vec::new();
        for (&project, timeline) in &self.log {
            for phase in timeline.phases.iter().filter(|phase| self.is_restored(project, phase)) {
                rows.push((
                    phase.row.map(|row| row.place),
                    OldRow {
                        project,
                        kind: phase.row.map_or_else(|| Kind::of_name(&phase.name), |row| row.kind),
                        budget: phase.budget,
                        id: phase.id,
                        created_at: phase.created_at,
                        updated_at: phase.old_updated_at,
                    },
                ));
            }
        }
        rows.sort_by_key(|(place, row)| (place.is_none(), *place, row.created_at, row.id));
        let rows: Vec<OldRow> = rows.into_iter().map(|(_, row)| row).collect();
        let mut counts = LinkCounts::default();
        let linked: Vec<_> = self
            .assignments
            .iter()
            .map(|assignment| {
                let kept =
                    self.links.get(&assignment.id).filter(|link| rows.iter().any(|row| row.id == **link));
                if let Some(link) = kept {
                    counts.restored += 1;
                    return Some(*link);
                }
                let own = self.log.get(&assignment.project)?.phases.iter();
                let own: Vec<&Phase> =
                    own.filter(|phase| rows.iter().any(|row| row.id == phase.id)).collect();
                if let Some(phase) = own.iter().find(|phase| phase.days.hold(assignment.date)) {
                    counts.by_date += 1;
                    return Some(phase.id);
                }
                counts.first_phase += 1;
                own.first().map(|phase| phase.id)
            })
            .collect();
        for (assignment, link) in self.assignments.iter_mut().zip(linked) {
            assignment.phase = link;
        }
        for phase in self.log.values_mut().flat_map(|timeline| &mut timeline.phases) {
            if let Some(place) = rows.iter().position(|row| row.id == phase.id) {
                phase.row = Some(LegacyRowColumns { kind: rows[place].kind, place });
                phase.supplied = false;
            }
        }
        self.old_rows = rows;
        self.new_rows = BTreeMap::new();
        self.shape = Shape::Old;
        counts
    }

    /// Adopts the rows of projects that the log does not have, and closes the timelines of deleted projects.
    fn projected_to_legacy(&self) -> Self {
        let mut ready = self.clone();
        for &project in self.projects.keys() {
            if !self.not_covering().contains(&project) {
                ready.adopt(project);
            }
        }
        ready.log.retain(|project, _| self.projects.contains_key(project));
        ready
    }

    /// Whether a phase gets a legacy row: all but supplied phases that no assignment needs.
    fn is_restored(&self, project: Uuid, phase: &Phase) -> bool {
        let needs = |id: &Uuid| !self.links.get(id).is_some_and(|link| self.phase_exists(*link));
        let own = || self.assignments.iter().filter(|assignment| assignment.project == project);
        !phase.supplied || own().any(|assignment| needs(&assignment.id))
    }

    /// Whether a timeline has the phase, other than as an unedited supplied one.
    fn phase_exists(&self, phase: Uuid) -> bool {
        let phases = self.log.values().flat_map(|timeline| &timeline.phases);
        phases.filter(|standing| !standing.supplied).any(|standing| standing.id == phase)
    }
}
