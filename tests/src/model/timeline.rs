//! The state of one project in the log.

use super::days::{after, before};
use super::{Budget, Days, Kind, NewRow, OldRow};
use chrono::NaiveDateTime;
use uuid::Uuid;

/// The time and the origin of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) at: NaiveDateTime,
    /// Whether a command caused it, not a migration or new days of the project.
    pub(super) by_command: bool,
}

/// The values that a migration gave a legacy phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The name, by its kind.
    pub name: String,
    /// The days.
    pub days: Days,
}

/// The fields that commands have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct Edited {
    pub name: bool,
    pub days: bool,
    pub description: bool,
}

/// Columns of a legacy row, besides budgets and timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyRowColumns {
    /// `phase_type`
    pub kind: Kind,
    /// The order of the row.
    pub place: usize,
}

/// A phase in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// `id`
    pub id: Uuid,
    /// `name`
    pub name: String,
    /// `start_date` and `end_date`
    pub days: Days,
    /// `description`
    pub description: Option<String>,
    /// The budgets.
    pub budget: Budget,
    /// `created_at`, in both shapes.
    pub created_at: NaiveDateTime,
    /// `updated_at` in the timeline shape.
    pub updated_at: NaiveDateTime,
    /// `updated_at` in the legacy shape.
    pub old_updated_at: NaiveDateTime,
    /// Its legacy row, if it has one.
    pub row: Option<LegacyRowColumns>,
    /// The values from its migration, if it is a legacy phase.
    pub given: Option<Given>,
    /// The fields that commands changed since.
    pub edited: Edited,
    /// Supplied by a repair, and not edited since.
    pub supplied: bool,
}

impl Phase {
    /// A phase without a legacy row.
    pub(super) fn created(
        id: Uuid,
        name: &str,
        days: Days,
        description: Option<String>,
        budget: Budget,
        at: NaiveDateTime,
    ) -> Self {
        Self {
            id,
            name: name.to_owned(),
            days,
            description,
            budget,
            created_at: at,
            updated_at: at,
            old_updated_at: at,
            row: None,
            given: None,
            edited: Edited::default(),
            supplied: false,
        }
    }

    /// A phase from a row of another program in the timeline shape.
    pub(super) fn of_new_row(row: &NewRow) -> Self {
        let description = row.description.clone();
        Self {
            updated_at: row.updated_at,
            old_updated_at: row.updated_at,
            ..Self::created(row.id, &row.name, row.days, description, row.budget, row.created_at)
        }
    }

    /// A phase from a legacy row, with its dates.
    pub(super) fn of_old_row(row: &OldRow, place: usize, days: Days) -> Self {
        let name = row.kind.given_name();
        Self {
            updated_at: row.updated_at,
            old_updated_at: row.updated_at,
            row: Some(LegacyRowColumns { kind: row.kind, place }),
            given: Some(Given { name: name.to_owned(), days }),
            ..Self::created(row.id, name, days, None, row.budget, row.created_at)
        }
    }

    fn touched(&mut self, change: Change) {
        self.supplied = false;
        self.updated_at = change.at;
        if self.row.is_none() {
            self.old_updated_at = change.at;
        }
    }

    pub(super) fn set_name(&mut self, name: &str, change: Change) -> bool {
        let differs = self.name != name;
        if differs {
            name.clone_into(&mut self.name);
            self.edited.name |= change.by_command;
            self.touched(change);
        }
        differs
    }

    pub(super) fn set_days(&mut self, days: Days, change: Change) -> bool {
        let differs = self.days != days;
        if differs {
            self.days = days;
            self.edited.days |= change.by_command;
            self.touched(change);
        }
        differs
    }

    pub(super) fn set_description(&mut self, description: Option<&str>, change: Change) -> bool {
        let stated = |text: &&str| !text.is_empty();
        let description = description.filter(stated);
        let differs = self.description.as_deref().filter(stated) != description;
        if differs {
            self.description = description.map(str::to_owned);
            self.edited.description |= change.by_command;
            self.touched(change);
        }
        differs
    }

    pub(super) fn set_budget(&mut self, budget: Budget, change: Change) -> bool {
        let differs = self.budget != budget;
        if differs {
            self.budget = budget;
            self.touched(change);
            self.old_updated_at = change.at;
        }
        differs
    }

    /// Its row in the timeline shape.
    pub(super) fn new_row(&self, project: Uuid) -> NewRow {
        NewRow {
            project,
            budget: self.budget,
            id: self.id,
            created_at: self.created_at,
            updated_at: self.updated_at,
            name: self.name.clone(),
            days: self.days,
            description: self.description.clone(),
        }
    }
}

/// A project's open timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The project's dates in the log.
    pub days: Days,
    /// The phases by their days; they cover the project's.
    pub phases: Vec<Phase>,
}

impl Timeline {
    pub(super) fn new(days: Days, phases: Vec<Phase>) -> Self {
        let mut timeline = Self { days, phases };
        timeline.sort();
        timeline
    }

    /// The index of a phase.
    pub(super) fn at(&self, id: Uuid) -> Option<usize> {
        self.phases.iter().position(|phase| phase.id == id)
    }

    pub(super) fn sort(&mut self) {
        self.phases.sort_by_key(|phase| (phase.days, phase.id));
    }

    /// Whether the phases cover the project's days without gap or overlap.
    pub(super) fn is_whole(&self) -> bool {
        let (Some(first), Some(last)) = (self.phases.first(), self.phases.last()) else { return false };
        let mut pairs = self.phases.iter().zip(self.phases.iter().skip(1));
        first.days.first == self.days.first
            && last.days.last == self.days.last
            && self.phases.iter().all(|phase| phase.days.first <= phase.days.last)
            && pairs.all(|(one, next)| after(one.days.last) == next.days.first)
    }

    /// Moves the project's own dates; `false` if a phase would be left without a day or outside.
    pub(super) fn reschedule(&mut self, days: Days, change: Change) -> bool {
        if days.first >= days.last {
            return false;
        }
        let (Some(first), Some(last)) = (self.phases.first(), self.phases.last()) else { return false };
        if self.phases.len() > 1 && (first.days.last < days.first || days.last < last.days.first) {
            return false;
        }
        self.days = days;
        if let Some(first) = self.phases.first_mut() {
            let last = if first.days.last < days.first { days.last } else { first.days.last };
            first.set_days(Days::new(days.first, last), change);
        }
        if let Some(last) = self.phases.last_mut() {
            last.set_days(Days::new(last.days.first, days.last), change);
        }
        true
    }

    /// Gives the timeline other days, as the next command will; `false` if that is not to be had.
    pub(super) fn follows(&mut self, days: Days) -> bool {
        self.reschedule(days, Change { at: NaiveDateTime::MIN, by_command: false })
    }

    /// Removes a phase that is not the last one left; its days go to the phase before it, or else to the one after it.
    pub(super) fn remove(&mut self, at: usize, change: Change) {
        let gone = self.phases.remove(at);
        if at > 0 {
            let before = &mut self.phases[at - 1];
            before.set_days(Days::new(before.days.first, gone.days.last), change);
        } else if let Some(first) = self.phases.first_mut() {
            first.set_days(Days::new(gone.days.first, first.days.last), change);
        }
    }

    /// Gives a phase other dates, which its neighbours follow; `false` if that is impossible.
    pub(super) fn resize(&mut self, at: usize, days: Days, change: Change) -> bool {
        if days.first > days.last {
            return false;
        }
        let starts_well = match at.checked_sub(1).map(|i| self.phases[i].days) {
            None => days.first == self.days.first,
            Some(left) => left.first < days.first && left.last <= days.last,
        };
        let ends_well = match self.phases.get(at + 1).map(|phase| phase.days) {
            None => days.last == self.days.last,
            Some(right) => days.last < right.last && days.first <= right.first,
        };
        if !starts_well || !ends_well {
            return false;
        }
        self.phases[at].set_days(days, change);
        if at > 0 {
            let left = &mut self.phases[at - 1];
            left.set_days(Days::new(left.days.first, before(days.first)), change);
        }
        if let Some(right) = self.phases.get_mut(at + 1) {
            right.set_days(Days::new(after(days.last), right.days.last), change);
        }
        true
    }

    /// Inserts a phase, for which its neighbours make room; `false` if one would lose all its days, or days in its middle.
    pub(super) fn put(&mut self, new: Phase, change: Change) -> bool {
        let days = new.days;
        if days.first > days.last || days.first < self.days.first || self.days.last < days.last {
            return false;
        }
        let is_in_the_way = |other: Days| {
            let swallowed = days.first <= other.first && other.last <= days.last;
            let split = other.first < days.first && days.last < other.last;
            swallowed || split
        };
        if self.phases.iter().any(|phase| is_in_the_way(phase.days)) {
            return false;
        }
        for phase in &mut self.phases {
            let old = phase.days;
            if old.first < days.first && days.first <= old.last {
                phase.set_days(Days::new(old.first, before(days.first)), change);
            } else if old.first <= days.last && days.last < old.last {
                phase.set_days(Days::new(after(days.last), old.last), change);
            }
        }
        self.phases.push(new);
        self.sort();
        true
    }
}
