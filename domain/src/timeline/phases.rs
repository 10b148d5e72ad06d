//! A timeline's phases, in their order, and the place of each.

use crate::{DateRange, Phase, PhaseId};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Up to so many phases there is no index: all of them are looked at.
const FEW: usize = 32;

/// What the order of phases compares.
type Key = (NaiveDate, NaiveDate, PhaseId);

/// Phases by start date, then end date, then id; each id occurs once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Phase>", into = "Vec<Phase>")]
pub(super) struct Phases {
    ordered: Vec<Phase>,
    /// The dates of each phase, by which its place is found; none before there were more than [`FEW`] phases. Without it, a command that
    /// changes each of 5 000 phases would compare 25 million ids.
    dates: Option<HashMap<PhaseId, (NaiveDate, NaiveDate)>>,
}

impl PartialEq for Phases {
    fn eq(&self, other: &Self) -> bool {
        self.ordered == other.ordered
    }
}

impl Eq for Phases {}

impl From<Vec<Phase>> for Phases {
    fn from(list: Vec<Phase>) -> Self {
        let mut phases = Self::default();
        for phase in list {
            phases.put(phase);
        }
        phases
    }
}

impl From<Phases> for Vec<Phase> {
    fn from(phases: Phases) -> Self {
        phases.ordered
    }
}

impl Phases {
    pub(super) fn as_slice(&self) -> &[Phase] {
        &self.ordered
    }

    pub(super) fn get(&self, id: PhaseId) -> Option<&Phase> {
        self.place(id).map(|at| &self.ordered[at])
    }

    /// The phase, to change anything but its id and its dates.
    pub(super) fn get_mut(&mut self, id: PhaseId) -> Option<&mut Phase> {
        self.place(id).map(|at| &mut self.ordered[at])
    }

    /// Adds a phase, or replaces the one of its id.
    pub(super) fn put(&mut self, phase: Phase) {
        self.remove(phase.id);
        if let Some(dates) = &mut self.dates {
            dates.insert(phase.id, dates_of(&phase));
        }
        let at = self.first_behind(&key(&phase));
        self.ordered.insert(at, phase);
        if self.dates.is_none() && self.ordered.len() > FEW {
            self.dates = Some(self.ordered.iter().map(|phase| (phase.id, dates_of(phase))).collect());
        }
    }

    /// Gives a phase other dates and its new place; nothing happens if there is none of this id.
    pub(super) fn move_to(&mut self, id: PhaseId, range: DateRange) {
        let Some(from) = self.place(id) else { return };
        let to = self.first_behind(&(range.start(), range.end(), id));
        // Only the phases between both places are moved.
        let at = if from < to {
            self.ordered[from..to].rotate_left(1);
            to - 1
        } else {
            self.ordered[to..=from].rotate_right(1);
            to
        };
        self.ordered[at].range = range;
        if let Some(dates) = &mut self.dates {
            dates.insert(id, dates_of(&self.ordered[at]));
        }
    }

    pub(super) fn remove(&mut self, id: PhaseId) {
        if let Some(at) = self.place(id) {
            self.ordered.remove(at);
            if let Some(dates) = &mut self.dates {
                dates.remove(&id);
            }
        }
    }

    fn place(&self, id: PhaseId) -> Option<usize> {
        let Some(dates) = &self.dates else { return self.ordered.iter().position(|phase| phase.id == id) };
        let &(start, end) = dates.get(&id)?;
        self.ordered.binary_search_by_key(&(start, end, id), key).ok()
    }

    /// The place of the first phase that does not come before this key.
    fn first_behind(&self, wanted: &Key) -> usize {
        self.ordered.partition_point(|phase| key(phase) < *wanted)
    }
}

const fn dates_of(phase: &Phase) -> (NaiveDate, NaiveDate) {
    (phase.range.start(), phase.range.end())
}

const fn key(phase: &Phase) -> Key {
    (phase.range.start(), phase.range.end(), phase.id)
}
