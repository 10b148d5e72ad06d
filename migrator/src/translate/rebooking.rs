//! Counts the re-bookings by each boundary.

use super::events::ProjectEvents;
use crate::legacy::tables::RawPercentage;
use crate::report::{Boundaries, ByDate, ProjectRebooked, Rebooked, Source};
use phaseline_domain::legacy::Boundary;
use phaseline_domain::{DateRange, PhaseId};
use rust_decimal::Decimal;
use std::cmp::Reverse;

/// The effect on one assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AssignmentEffect {
    Kept,
    Changed,
    Outside,
}

impl AssignmentEffect {
    /// The effect on an assignment of this phase whose date is in phase `by_date`, if in any.
    pub(crate) fn of(phase: PhaseId, by_date: Option<PhaseId>) -> Self {
        match by_date {
            Some(found) if found == phase => Self::Kept,
            Some(_) => Self::Changed,
            None => Self::Outside,
        }
    }
}

/// Counts of one boundary.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    by_date: ByDate,
    /// Ten-thousandths of percents of a day.
    changed: i64,
}

impl Count {
    fn see(&mut self, fate: AssignmentEffect, percentage: Option<i64>) {
        match fate {
            AssignmentEffect::Kept => self.by_date.kept += 1,
            AssignmentEffect::Changed => {
                self.by_date.changed += 1;
                self.changed += percentage.unwrap_or_default();
            }
            AssignmentEffect::Outside => self.by_date.outside += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.by_date.kept += other.by_date.kept;
        self.by_date.changed += other.by_date.changed;
        self.by_date.outside += other.by_date.outside;
        self.changed += other.changed;
    }

    fn rebooked(&self, one_day_phases: u64) -> Rebooked {
        let ByDate { kept, changed, outside } = self.by_date;
        let person_days_changed = Decimal::new(self.changed, 6).normalize();
        Rebooked { kept, changed, outside, person_days_changed, one_day_phases }
    }
}

/// Counts assignment by assignment, for the chosen boundary and for the other one.
#[derive(Debug)]
pub(crate) struct Tally {
    projects: Vec<[Count; 2]>,
    /// Assignments of projects that are not translated.
    elsewhere: [Count; 2],
    without_percentage: u64,
}

impl Tally {
    pub(crate) fn new(projects: usize) -> Self {
        Self {
            projects: vec![Default::default(); projects],
            elsewhere: Default::default(),
            without_percentage: 0,
        }
    }

    /// One assignment of the project at this place.
    pub(crate) fn see(
        &mut self,
        project: Option<usize>,
        fates: [AssignmentEffect; 2],
        percentage: RawPercentage,
    ) {
        let percentage = percentage.get();
        self.without_percentage += u64::from(percentage.is_none());
        let counts = project.and_then(|at| self.projects.get_mut(at)).unwrap_or(&mut self.elsewhere);
        for (count, fate) in counts.iter_mut().zip(fates) {
            count.see(fate, percentage);
        }
    }

    /// The counts. `projects` are the counted projects, in the same order.
    pub(crate) fn boundaries(&self, chosen: Boundary, projects: &[ProjectEvents]) -> Boundaries {
        let is = |sources: &[Source]| {
            projects.iter().filter(|project| sources.contains(&project.source)).count() as u64
        };
        let mut found = Boundaries {
            chosen,
            decides: projects.iter().filter(|project| !project.otherwise.is_empty()).count() as u64,
            from_log: is(&[Source::Log, Source::LogAndTables]),
            without_percentage: self.without_percentage,
            ..Boundaries::default()
        };
        let mut sums = self.elsewhere;
        let mut one_day_sums = [0; 2];
        for (project, counts) in projects.iter().zip(&self.projects) {
            let one_day = one_day_phases(project);
            for (at, count) in counts.iter().enumerate() {
                sums[at].add(count);
                one_day_sums[at] += one_day[at];
            }
            if counts.iter().any(|count| count.by_date.changed > 0) {
                let [midpoint, fit] = in_order(chosen, counts, one_day);
                found.projects.push(ProjectRebooked { project_id: project.project, midpoint, fit });
            }
        }
        [found.midpoint, found.fit] = in_order(chosen, &sums, one_day_sums);
        found.projects.sort_by_key(|project| {
            (Reverse(project.by(chosen).changed), Reverse(project.midpoint.changed), project.project_id)
        });
        found
    }
}

/// Midpoint first, independent of the choice.
fn in_order(chosen: Boundary, counts: &[Count; 2], one_day: [u64; 2]) -> [Rebooked; 2] {
    let [own, other] = [0, 1].map(|at| counts[at].rebooked(one_day[at]));
    match chosen {
        Boundary::Midpoint => [own, other],
        Boundary::Fit => [other, own],
    }
}

/// The number of phases of one day, by the chosen boundary and by the other.
fn one_day_phases(project: &ProjectEvents) -> [u64; 2] {
    if project.otherwise.is_empty() {
        return [0; 2];
    }
    let single =
        |phases: &[(PhaseId, DateRange)]| phases.iter().filter(|(_, range)| range.days() == 1).count() as u64;
    [single(&project.phases), single(&project.otherwise)]
}
