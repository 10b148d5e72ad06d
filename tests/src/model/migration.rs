//! Migration, the first one and later ones.

use super::timeline::{Change, LegacyRowColumns};
use super::{Budget, Days, Model, OldRow, Phase, Shape, Timeline};
use chrono::NaiveDateTime;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Values of a migration that are known only after it.
#[derive(Clone, Debug, Default)]
pub struct MigrationTimes {
    /// When its changes of timelines were recorded.
    pub at: NaiveDateTime,
    /// The ids of the default phases that it supplied, by project.
    pub supplied: BTreeMap<Uuid, Uuid>,
}

/// Why a project cannot be migrated, by the plan's code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MigrationObstacle {
    /// `project_without_phases`, `more_phases_than_days` or `rules_broken`.
    pub code: &'static str,
    /// The project.
    pub project: Uuid,
}

impl Model {
    /// Migrates. With `repair`, projects without phases get one.
    ///
    /// # Errors
    /// With every obstacle; then nothing has changed.
    pub fn migrate(
        &mut self,
        repair: bool,
        times: &MigrationTimes,
    ) -> Result<(), BTreeSet<MigrationObstacle>> {
        let mut log = BTreeMap::new();
        let mut findings = BTreeSet::new();
        for (&project, &days) in &self.projects {
            let rows: Vec<(usize, &OldRow)> =
                self.old_rows.iter().enumerate().filter(|(_, row)| row.project == project).collect();
            let known = self.log.get(&project);
            let phase = times.supplied.get(&project).copied().unwrap_or_default();
            let supplied = repair.then(|| supplied(phase, days, times.at));
            match translated(known, &rows, days, supplied, times.at) {
                Ok(timeline) => drop(log.insert(project, timeline)),
                Err(code) => drop(findings.insert(MigrationObstacle { code, project })),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        self.log = log;
        self.homes.extend(self.old_rows.iter().map(|row| (row.id, row.project)));
        for assignment in &mut self.assignments {
            if let Some(phase) = assignment.phase.take() {
                self.links.insert(assignment.id, phase);
            }
        }
        self.old_rows.clear();
        self.new_rows = self.rows_of_log();
        self.shape = Shape::New;
        Ok(())
    }
}

/// A timeline with the one phase that a repair supplies.
pub(super) fn supplied(id: Uuid, days: Days, at: NaiveDateTime) -> Timeline {
    let phase = Phase { supplied: true, ..Phase::created(id, "Default Phase", days, None, Budget::ZERO, at) };
    Timeline::new(days, vec![phase])
}

fn translated(
    known: Option<&Timeline>,
    rows: &[(usize, &OldRow)],
    days: Days,
    supplied: Option<Timeline>,
    at: NaiveDateTime,
) -> Result<Timeline, &'static str> {
    let mut order = rows.to_vec();
    order.sort_by_key(|(_, row)| (row.kind, row.created_at, row.id));
    let Some(known) = known else { return at_first(&order, days, supplied) };
    if rows.is_empty() && known.phases.iter().all(|phase| phase.supplied) {
        let mut timeline = known.clone();
        for phase in timeline.phases.iter_mut().filter(|phase| phase.days != days) {
            (phase.days, phase.updated_at, phase.old_updated_at) = (days, at, at);
        }
        return Ok(Timeline { days, ..timeline });
    }
    if !rows.iter().any(|(_, row)| known.at(row.id).is_some()) {
        return at_first(&order, days, supplied);
    }
    let change = Change { at, by_command: false };
    let mut timeline = known.clone();
    // 2. Phases whose rows were deleted.
    while let Some(gone) =
        timeline.phases.iter().position(|phase| !rows.iter().any(|(_, row)| row.id == phase.id))
    {
        timeline.remove(gone, change);
    }
    // 3. The project's own dates.
    if timeline.days != days && !timeline.reschedule(days, change) {
        return Err("rules_broken");
    }
    // 4. New rows.
    for (at, (place, row)) in order.iter().enumerate() {
        if timeline.at(row.id).is_some() {
            continue;
        }
        let standing = |(_, row): &(usize, &OldRow)| timeline.at(row.id);
        let has_two_days = |at: &usize| timeline.phases[*at].days.count() >= 2;
        let left = order[..at].iter().rev().find_map(standing).filter(has_two_days);
        let right = order[at + 1..].iter().find_map(standing).filter(has_two_days);
        let (donor, is_before) = match (left, right) {
            (Some(left), _) => (left, true),
            (None, Some(right)) => (right, false),
            (None, None) => return Err("more_phases_than_days"),
        };
        let halves = timeline.phases[donor].days.shared(2).ok_or("more_phases_than_days")?;
        let (kept, taken) = if is_before { (halves[0], halves[1]) } else { (halves[1], halves[0]) };
        timeline.phases[donor].set_days(kept, change);
        timeline.phases.push(Phase::of_old_row(row, *place, taken));
        timeline.sort();
    }
    // 5. Remaining rows.
    for (place, row) in rows {
        if let Some(phase) = timeline.phases.iter_mut().find(|phase| phase.id == row.id) {
            phase.row = Some(LegacyRowColumns { kind: row.kind, place: *place });
            phase.budget = row.budget;
            phase.created_at = row.created_at;
            if phase.old_updated_at != row.updated_at {
                phase.updated_at = row.updated_at;
            }
            phase.old_updated_at = row.updated_at;
        }
    }
    Ok(timeline)
}

/// The dates split among the rows, as in a first migration.
fn at_first(
    order: &[(usize, &OldRow)],
    days: Days,
    supplied: Option<Timeline>,
) -> Result<Timeline, &'static str> {
    if order.is_empty() {
        return supplied.ok_or("project_without_phases");
    }
    let shares = days.shared(order.len()).ok_or("more_phases_than_days")?;
    let phases = order.iter().zip(shares);
    Ok(Timeline::new(
        days,
        phases.map(|((place, row), share)| Phase::of_old_row(row, *place, share)).collect(),
    ))
}
