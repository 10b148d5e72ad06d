//! The phases in a chart and its table, from any source: the planner's rows, a fold of the log, a draft.

use crate::pages::words;
use crate::routes::PhaseResponse;
use chrono::NaiveDate;
use phaseline_domain::{DateRange, Phase, PhaseDraft, PhaseId};
use phaseline_projections::effects::BudgetSums;
use phaseline_projections::planner_view::AssignmentDays;
use rust_decimal::Decimal;

/// A phase that a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownPhase {
    /// Its id.
    pub(crate) id: PhaseId,
    /// Its name, as it is.
    pub(crate) name: String,
    /// Its description.
    pub(crate) description: Option<String>,
    /// Its dates.
    pub(crate) range: DateRange,
    /// The capital part of its budget.
    pub(crate) capital: Decimal,
    /// The expense part of its budget.
    pub(crate) expense: Decimal,
    /// The assignments on its dates; none if the source does not know them.
    pub(crate) assignments: Option<i64>,
}

impl ShownPhase {
    /// A row of the planner's table; none if it lacks what a phase must have.
    pub(crate) fn of_row(row: &PhaseResponse) -> Option<Self> {
        let date = |text: &Option<String>| text.as_deref()?.parse::<NaiveDate>().ok();
        let amount = |text: &Option<String>| text.as_deref()?.parse::<Decimal>().ok();
        Some(Self {
            id: row.id,
            name: row.name.clone()?,
            description: row.description.clone(),
            range: DateRange::new(date(&row.start_date)?, date(&row.end_date)?).ok()?,
            capital: amount(&row.capital_budget)?,
            expense: amount(&row.expense_budget)?,
            assignments: Some(row.assignment_count),
        })
    }

    /// A phase of a timeline; with `days`, its assignments are those on its dates.
    pub(crate) fn of_phase(phase: &Phase, days: Option<&AssignmentDays>) -> Self {
        Self {
            id: phase.id,
            name: phase.name.as_str().to_owned(),
            description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
            range: phase.range,
            capital: phase.budget.capital().amount(),
            expense: phase.budget.expense().amount(),
            assignments: days.map(|days| days.within(phase.range.start(), phase.range.end())),
        }
    }

    /// A phase of a draft; none if it ends before it starts.
    pub(crate) fn of_draft(draft: &PhaseDraft, days: &AssignmentDays) -> Option<Self> {
        Some(Self {
            id: draft.id,
            name: draft.name.clone(),
            description: draft.description.clone(),
            range: DateRange::new(draft.start_date, draft.end_date).ok()?,
            capital: draft.capital_budget,
            expense: draft.expense_budget,
            assignments: Some(days.within(draft.start_date, draft.end_date)),
        })
    }

    /// Its whole budget.
    pub(crate) fn total(&self) -> Decimal {
        self.capital + self.expense
    }

    /// The name as a page shows it.
    pub(crate) fn shown_name(&self) -> String {
        words::shown(&self.name)
    }
}

/// The sums of phases.
pub(crate) fn sums(phases: &[ShownPhase]) -> BudgetSums {
    let mut sums = BudgetSums::default();
    for phase in phases {
        sums.add([phase.capital, phase.expense, phase.total()]);
    }
    sums
}
