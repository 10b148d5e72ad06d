//! The timeline shape: the table as the log's projection, and changes by other programs.

use super::migration::supplied;
use super::timeline::Change;
use super::{Days, MigrationTimes, Model, NewRow, Phase, Shape, Timeline};
use chrono::NaiveDateTime;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

impl Model {
    /// The rows of the log's fold.
    pub(super) fn rows_of_log(&self) -> BTreeMap<Uuid, NewRow> {
        let timelines = self.log.iter();
        let rows = timelines
            .flat_map(|(&project, timeline)| timeline.phases.iter().map(move |phase| phase.new_row(project)));
        rows.map(|row| (row.id, row)).collect()
    }

    /// Projects with rows, and without a timeline in the log.
    pub fn unadopted(&self) -> BTreeSet<Uuid> {
        let rows = self.new_rows.values().map(|row| row.project);
        rows.filter(|project| !self.log.contains_key(project)).collect()
    }

    /// Adopts the rows of a project without a timeline, over the days of the rows. `false` if there are none, if they are not those of a
    /// timeline, or if that cannot follow the project's days; then nothing has changed.
    pub fn adopt(&mut self, project: Uuid) -> bool {
        let Some(&days) = self.projects.get(&project) else { return false };
        if self.shape == Shape::Old || !self.unadopted().contains(&project) {
            return false;
        }
        let rows = self.new_rows.values().filter(|row| row.project == project);
        let phases: Vec<Phase> = rows.map(Phase::of_new_row).collect();
        let first = phases.iter().map(|phase| phase.days.first).min().unwrap_or(days.first);
        let last = phases.iter().map(|phase| phase.days.last).max().unwrap_or(days.last);
        let timeline = Timeline::new(Days::new(first, last), phases);
        let fits = timeline.is_whole() && (timeline.days == days || timeline.clone().follows(days));
        if fits {
            self.log.insert(project, timeline);
        }
        fits
    }

    /// Gives an adopted timeline the project's days.
    fn follow_adopted(&mut self, project: Uuid, at: NaiveDateTime) {
        let Some(timeline) = self.log.get_mut(&project) else { return };
        let before = timeline.clone();
        if timeline.days != self.projects[&project] {
            timeline.reschedule(self.projects[&project], Change { at, by_command: false });
        }
        for phase in timeline.phases.iter().filter(|phase| !before.phases.contains(phase)) {
            self.new_rows.insert(phase.id, phase.new_row(project));
        }
    }

    /// Adopts all projects without a timeline; with `repair`, projects without phases get one. `false` if one cannot be
    /// adopted; then nothing has changed.
    pub fn adopt_all(&mut self, repair: bool, times: &MigrationTimes) -> bool {
        let mut after = self.clone();
        let unadopted: Vec<Uuid> = self.unadopted().into_iter().collect();
        let bare = self.without_phases();
        if (!bare.is_empty() && !repair) || !unadopted.iter().all(|project| after.adopt(*project)) {
            return false;
        }
        for project in unadopted {
            after.follow_adopted(project, times.at);
        }
        for project in bare {
            let id = times.supplied.get(&project).copied().unwrap_or_default();
            let timeline = supplied(id, self.projects[&project], times.at);
            after.new_rows.insert(id, timeline.phases[0].new_row(project));
            after.log.insert(project, timeline);
        }
        *self = after;
        true
    }

    /// Projects without rows and without a timeline.
    pub fn without_phases(&self) -> Vec<Uuid> {
        let has_rows = |project: &Uuid| self.new_rows.values().any(|row| row.project == *project);
        let bare =
            self.projects.keys().filter(|project| !self.log.contains_key(*project) && !has_rows(project));
        bare.copied().collect()
    }

    /// Projects without a timeline whose rows cannot be adopted unchanged.
    pub fn unadoptable(&self) -> Vec<Uuid> {
        self.unadopted().into_iter().filter(|project| !self.clone().adopt(*project)).collect()
    }

    /// Projects without a timeline whose rows cover other days than the project's: a rollback does not adopt them.
    pub fn not_covering(&self) -> Vec<Uuid> {
        let covers = |project: &Uuid| {
            let mut after = self.clone();
            after.adopt(*project) && after.log[project].days == self.projects[project]
        };
        self.unadopted().into_iter().filter(|project| !covers(project)).collect()
    }

    /// Deleted projects with open timelines.
    pub fn deleted(&self) -> Vec<Uuid> {
        self.log.keys().copied().filter(|project| !self.projects.contains_key(project)).collect()
    }

    /// The differences of the table from the log: project, phase, and a column, `missing` or `unknown`. Projects that
    /// the log does not have, and deleted ones, have none.
    pub fn drift(&self) -> BTreeSet<(Uuid, Uuid, String)> {
        let mut drift = BTreeSet::new();
        if self.shape == Shape::Old {
            return drift;
        }
        let expected = self.rows_of_log();
        for row in expected.values().filter(|row| self.projects.contains_key(&row.project)) {
            let mut add = |what: &str| {
                drift.insert((row.project, row.id, what.to_owned()));
            };
            let Some(live) = self.new_rows.get(&row.id) else {
                add("missing");
                continue;
            };
            let total = |row: &NewRow| row.budget.capital + row.budget.expense;
            let columns = [
                ("project_id", live.project != row.project),
                ("capital_budget", live.budget.capital != row.budget.capital),
                ("expense_budget", live.budget.expense != row.budget.expense),
                ("total_budget", total(live) != total(row)),
                ("created_at", live.created_at != row.created_at),
                ("updated_at", live.updated_at != row.updated_at),
                ("name", live.name != row.name),
                ("start_date", live.days.first != row.days.first),
                ("end_date", live.days.last != row.days.last),
                ("description", live.description != row.description),
            ];
            columns.iter().filter(|(_, differs)| *differs).for_each(|(column, _)| add(column));
        }
        for row in self.new_rows.values() {
            if self.log.contains_key(&row.project) && !expected.contains_key(&row.id) {
                drift.insert((row.project, row.id, "unknown".to_owned()));
            }
        }
        drift
    }

    /// Projects with drift that is more than a note.
    pub fn drifted(&self) -> BTreeSet<Uuid> {
        let drift = self.reported_drift().into_iter().filter(|(.., what)| what != "saved");
        drift.map(|(project, ..)| project).collect()
    }

    /// Projects with other dates than their timelines, which can follow: with the timelines as they will be.
    pub fn following(&self) -> BTreeMap<Uuid, Timeline> {
        let followed = |project: Uuid| {
            let mut timeline = self.log[&project].clone();
            timeline.follows(self.projects[&project]).then_some((project, timeline))
        };
        self.moved().into_iter().filter_map(followed).collect()
    }

    /// Drift but for rows that the backend moved by its own rule: those differ in the days to which their phase will follow, and in
    /// nothing else but their `updated_at`. A later `updated_at` alone is `saved`.
    pub fn reported_drift(&self) -> BTreeSet<(Uuid, Uuid, String)> {
        let drift = self.drift();
        let following = self.following();
        let mut kept = drift.clone();
        let expected = self.rows_of_log();
        for (project, id, what) in drift.iter().filter(|(.., what)| what == "updated_at") {
            let alone = drift.iter().filter(|(_, other, _)| other == id).count() == 1;
            if alone && self.new_rows[id].updated_at > expected[id].updated_at {
                kept.remove(&(*project, *id, what.clone()));
                kept.insert((*project, *id, "saved".to_owned()));
            }
        }
        for (project, id, _) in &drift {
            let phases = following.get(project).into_iter().flat_map(|timeline| &timeline.phases);
            let (Some(phase), Some(live)) =
                (phases.into_iter().find(|phase| phase.id == *id), self.new_rows.get(id))
            else {
                continue;
            };
            let differs = |column: &str| drift.contains(&(*project, *id, column.to_owned()));
            let starts = !differs("start_date") || live.days.first == phase.days.first;
            let ends = !differs("end_date") || live.days.last == phase.days.last;
            let columns =
                drift.iter().filter(|(.., other, _)| other == id).map(|(.., column)| column.as_str());
            let only_dates =
                columns.into_iter().all(|column| ["start_date", "end_date", "updated_at"].contains(&column));
            if only_dates && starts && ends && (differs("start_date") || differs("end_date")) {
                kept.retain(|(.., other, _)| other != id);
            }
        }
        kept
    }

    /// Sets the rows of a project to the log's; closes the timeline of a deleted project.
    pub fn repair_drift(&mut self, project: Uuid) {
        if !self.projects.contains_key(&project) {
            self.log.remove(&project);
        }
        let rows = self.rows_of_log();
        let wrong = self.reported_drift().into_iter().filter(|(.., what)| what != "saved");
        let wrong: BTreeSet<Uuid> = wrong.map(|(_, phase, _)| phase).collect();
        self.new_rows
            .retain(|id, row| row.project != project || rows.contains_key(id) && !wrong.contains(id));
        let missing = rows.into_iter().filter(|(_, row)| row.project == project);
        for (id, row) in missing {
            self.new_rows.entry(id).or_insert(row);
        }
    }

    /// Projects whose dates are not those of their timelines.
    pub fn moved(&self) -> Vec<Uuid> {
        let dates = self.projects.iter();
        dates
            .filter(|(project, days)| self.log.get(project).is_some_and(|timeline| timeline.days != **days))
            .map(|(project, _)| *project)
            .collect()
    }
}
