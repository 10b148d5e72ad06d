//! Projects whose dates the planner changed, and whose phases can follow: the next command takes the dates in.

use super::{Drift, DriftKind};
use crate::FoldedLog;
use crate::planner_view::{ProjectDates, project_dates};
use chrono::NaiveDateTime;
use phaseline_domain::{DateRange, PhaseId, ProjectId, Timeline, TimelineCommand, decide};
use phaseline_store::StoreError;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Projects whose dates in `public.projects` are not those of the log, and whose phases can follow.
///
/// The planner writes dates into the rows of the first and the last phase by a rule of its own; a command follows by the same rule. So
/// both dates of such a row are in order: those of the log, and those to which the phase will follow.
#[derive(Clone, Debug, Default)]
pub struct DatesToFollow {
    /// The timelines as they will be.
    timelines: BTreeMap<ProjectId, Timeline>,
    /// Projects without a timeline, whose rows will be adopted and then follow.
    unadopted: BTreeSet<ProjectId>,
    /// Projects to whose dates the phases cannot follow.
    out_of_reach: Vec<(ProjectId, DateRange)>,
}

impl DatesToFollow {
    /// Compares the log with `public.projects`.
    ///
    /// # Errors
    /// The database's own.
    pub async fn find(connection: &mut PgConnection, log: &FoldedLog) -> Result<Self, StoreError> {
        Ok(Self::among(log, &project_dates(connection, None).await?))
    }

    /// Compares the log with the dates in `public.projects`; a project whose dates are not a range is left out. Timelines in quarantine
    /// follow nothing.
    pub fn among(log: &FoldedLog, dates: &BTreeMap<ProjectId, ProjectDates>) -> Self {
        let mut found = Self::default();
        for (&project, dates) in dates {
            let Some(range) = dates.range() else { continue };
            let Some(timeline) = log.timelines.get(&project).map(|folded| &folded.timeline) else { continue };
            let has_others = timeline.range().is_some_and(|own| own != range);
            if !has_others || log.quarantined.contains_key(&project) {
                continue;
            }
            let follow = TimelineCommand::Reschedule { start_date: range.start(), end_date: range.end() };
            match decide(timeline, &follow) {
                Ok(events) => {
                    let mut followed = timeline.clone();
                    events.iter().for_each(|event| followed.evolve(event));
                    found.timelines.insert(project, followed);
                }
                Err(_) => found.out_of_reach.push((project, range)),
            }
        }
        found
    }

    /// Adds projects without a timeline, whose rows will be adopted and then follow.
    #[must_use]
    pub fn and_unadopted(mut self, projects: impl IntoIterator<Item = ProjectId>) -> Self {
        self.unadopted.extend(projects);
        self
    }

    /// Projects to whose dates the phases cannot follow, with these dates.
    pub fn out_of_reach(&self) -> &[(ProjectId, DateRange)] {
        &self.out_of_reach
    }

    /// The projects.
    pub fn projects(&self) -> impl Iterator<Item = ProjectId> {
        self.timelines.keys().chain(&self.unadopted).copied()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.projects().next().is_none()
    }

    /// Their ids, for a statement.
    pub fn uuids(&self) -> Vec<Uuid> {
        self.projects().map(ProjectId::uuid).collect()
    }

    /// Whether this project is among those with a timeline.
    pub fn contains(&self, project: ProjectId) -> bool {
        self.timelines.contains_key(&project)
    }

    /// Tells drift from what the planner may do: leaves out rows that differ from the log in nothing but the dates to which their phases
    /// will follow, and makes those that differ in nothing but a later `updated_at` [`DriftKind::SavedLater`].
    pub fn explain(&self, drift: Vec<Drift>) -> Vec<Drift> {
        with_saved_rows(self.without_followed_rows(drift))
    }

    fn without_followed_rows(&self, drift: Vec<Drift>) -> Vec<Drift> {
        let mut differences: HashMap<PhaseId, Vec<&Drift>> = HashMap::new();
        for found in drift.iter().filter(|found| self.contains(found.project_id)) {
            differences.entry(found.phase_id).or_default().push(found);
        }
        let followed: BTreeSet<PhaseId> = differences
            .into_iter()
            .filter(|(phase, differences)| self.has_followed(*phase, differences))
            .map(|(phase, _)| phase)
            .collect();
        drift.into_iter().filter(|found| !followed.contains(&found.phase_id)).collect()
    }

    /// Whether a row with these differences has the dates to which its phase will follow.
    fn has_followed(&self, phase: PhaseId, differences: &[&Drift]) -> bool {
        let phases =
            differences.first().and_then(|found| self.timelines.get(&found.project_id)).map(Timeline::phases);
        let Some(phase) = phases.into_iter().flatten().find(|candidate| candidate.id == phase) else {
            return false;
        };
        let mut dates = 0;
        let all = differences.iter().all(|found| match &found.kind {
            DriftKind::Field { column: "start_date", table, .. } => {
                dates += 1;
                *table == phase.range.start().to_string()
            }
            DriftKind::Field { column: "end_date", table, .. } => {
                dates += 1;
                *table == phase.range.end().to_string()
            }
            DriftKind::Field { column: "updated_at", log, table } => is_later(table, log),
            _ => false,
        });
        all && dates > 0
    }
}

fn with_saved_rows(mut drift: Vec<Drift>) -> Vec<Drift> {
    let mut differences: HashMap<PhaseId, u32> = HashMap::new();
    for found in &drift {
        *differences.entry(found.phase_id).or_default() += 1;
    }
    for found in drift.iter_mut().filter(|found| differences[&found.phase_id] == 1) {
        let DriftKind::Field { column: "updated_at", log, table } = &mut found.kind else { continue };
        if is_later(table, log) {
            found.kind = DriftKind::SavedLater { log: std::mem::take(log), table: std::mem::take(table) };
        }
    }
    drift
}

/// Whether a finite timestamp, as PostgreSQL prints it, is later than another one.
fn is_later(one: &str, other: &str) -> bool {
    // PostgreSQL separates date and time by a space.
    let time = |text: &str| text.replace(' ', "T").parse::<NaiveDateTime>().ok();
    time(one).zip(time(other)).is_some_and(|(one, other)| one > other)
}
