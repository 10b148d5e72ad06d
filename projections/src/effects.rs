//! The effects of a command: phases, budgets and assignments before and after it. Pure.

use crate::planner_view::AssignmentDays;
use chrono::NaiveDate;
use phaseline_domain::{Phase, PhaseId, Timeline};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A phase before and after a command.
#[derive(Clone, Copy, Debug)]
pub struct PhaseEffect<'a> {
    /// The phase before; none if the command creates it.
    pub before: Option<&'a Phase>,
    /// The phase after; none if the command removes it.
    pub after: Option<&'a Phase>,
}

/// The phases that differ: existing ones by their start date before the command, then new ones.
pub fn phase_effects<'a>(before: &'a Timeline, after: &'a Timeline) -> Vec<PhaseEffect<'a>> {
    let mut effects = phase_pairs(before, after);
    effects.retain(|effect| effect.before != effect.after);
    effects
}

/// All phases of two timelines, in the same order.
pub(crate) fn phase_pairs<'a>(before: &'a Timeline, after: &'a Timeline) -> Vec<PhaseEffect<'a>> {
    let by_id = |timeline: &'a Timeline| -> HashMap<PhaseId, &'a Phase> {
        timeline.phases().iter().map(|phase| (phase.id, phase)).collect()
    };
    let (had, has) = (by_id(before), by_id(after));
    let existing = before
        .phases()
        .iter()
        .map(|phase| PhaseEffect { before: Some(phase), after: has.get(&phase.id).copied() });
    let new = after
        .phases()
        .iter()
        .filter(|phase| !had.contains_key(&phase.id))
        .map(|phase| PhaseEffect { before: None, after: Some(phase) });
    existing.chain(new).collect()
}

/// Sums of budgets, as `numeric` adds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSums {
    /// Capital parts.
    pub capital: Decimal,
    /// Expense parts.
    pub expense: Decimal,
    /// Totals.
    pub total: Decimal,
}

/// No budget: amounts have two decimals, as in the tables.
impl Default for BudgetSums {
    fn default() -> Self {
        let none = Decimal::new(0, 2);
        Self { capital: none, expense: none, total: none }
    }
}

impl BudgetSums {
    /// The sums of a timeline's phases.
    pub fn of(timeline: &Timeline) -> Self {
        let mut sums = Self::default();
        for budget in timeline.phases().iter().map(|phase| phase.budget) {
            sums.add([budget.capital().amount(), budget.expense().amount(), budget.total().amount()]);
        }
        sums
    }

    /// Adds a budget.
    pub fn add(&mut self, [capital, expense, total]: [Decimal; 3]) {
        self.capital += capital;
        self.expense += expense;
        self.total += total;
    }

    /// How much these sums have to grow to be the later ones.
    #[must_use]
    pub fn growth_to(&self, later: &Self) -> Self {
        Self {
            capital: later.capital - self.capital,
            expense: later.expense - self.expense,
            total: later.total - self.total,
        }
    }
}

/// Assignments that change from one phase to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssignmentMove {
    /// The phase before the command; none for dates outside all phases.
    pub from_phase: Option<PhaseId>,
    /// The phase after the command; none for dates outside all phases.
    pub to_phase: Option<PhaseId>,
    /// The number of assignments.
    pub count: i64,
    /// The date of the first one.
    pub first_date: NaiveDate,
    /// The date of the last one.
    pub last_date: NaiveDate,
}

/// The effects on a project's assignments, which belong to the phase of their date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssignmentEffects {
    /// The number of the project's assignments.
    pub total: i64,
    /// The number outside all phases before the command.
    pub outside_before: i64,
    /// The number outside all phases after the command.
    pub outside_after: i64,
    /// The number that enter, leave or change their phase.
    pub changed: i64,
    /// The changes, by their first date.
    pub moves: Vec<AssignmentMove>,
}

impl AssignmentEffects {
    /// The effects on assignments on these days.
    pub fn of(before: &Timeline, after: &Timeline, days: &AssignmentDays) -> Self {
        let mut effects = Self {
            total: days.total(),
            outside_before: days.odd(),
            outside_after: days.odd(),
            changed: 0,
            moves: Vec::new(),
        };
        let mut moves: BTreeMap<(Option<PhaseId>, Option<PhaseId>), AssignmentMove> = BTreeMap::new();
        for (day, count) in days.each() {
            let from_phase = before.phase_on(day).map(|phase| phase.id);
            let to_phase = after.phase_on(day).map(|phase| phase.id);
            effects.outside_before += if from_phase.is_none() { count } else { 0 };
            effects.outside_after += if to_phase.is_none() { count } else { 0 };
            if from_phase == to_phase {
                continue;
            }
            effects.changed += count;
            let so_far = moves.entry((from_phase, to_phase)).or_insert(AssignmentMove {
                from_phase,
                to_phase,
                count: 0,
                first_date: day,
                last_date: day,
            });
            so_far.count += count;
            so_far.last_date = day;
        }
        effects.moves = moves.into_values().collect();
        effects.moves.sort_by_key(|found| (found.first_date, found.from_phase, found.to_phase));
        effects
    }
}
