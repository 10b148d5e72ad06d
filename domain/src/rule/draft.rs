//! The input of the rules: a requested phase.

use crate::{Phase, PhaseDraft, PhaseId};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// A requested phase, still unchecked. A field without a value is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// Its id, if it has one yet.
    pub id: Option<PhaseId>,
    /// Its name.
    pub name: &'a str,
    /// Its first day.
    pub start_date: NaiveDate,
    /// Its last day.
    pub end_date: NaiveDate,
    /// Its description.
    pub description: Option<&'a str>,
    /// Its budget, if the request has one.
    pub budget: Option<DraftBudget>,
}

/// A requested budget, still unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftBudget {
    /// Capital part.
    pub capital: Decimal,
    /// Expense part.
    pub expense: Decimal,
    /// The total, if the request has one; else it is the sum.
    pub total: Option<Decimal>,
}

impl Draft<'_> {
    /// The key for the order of [`Timeline::phases`](crate::Timeline::phases).
    pub(crate) fn place(&self) -> (NaiveDate, NaiveDate, Option<PhaseId>) {
        (self.start_date, self.end_date, self.id)
    }
}

impl<'a> From<&'a PhaseDraft> for Draft<'a> {
    fn from(draft: &'a PhaseDraft) -> Self {
        Self {
            id: Some(draft.id),
            name: &draft.name,
            start_date: draft.start_date,
            end_date: draft.end_date,
            description: draft.description.as_deref(),
            budget: Some(DraftBudget {
                capital: draft.capital_budget,
                expense: draft.expense_budget,
                total: Some(draft.total_budget),
            }),
        }
    }
}

impl<'a> From<&'a Phase> for Draft<'a> {
    fn from(phase: &'a Phase) -> Self {
        Self {
            id: Some(phase.id),
            name: phase.name.as_str(),
            start_date: phase.range.start(),
            end_date: phase.range.end(),
            description: phase.description.as_ref().map(crate::Description::as_str),
            budget: Some(DraftBudget {
                capital: phase.budget.capital().amount(),
                expense: phase.budget.expense().amount(),
                total: Some(phase.budget.total().amount()),
            }),
        }
    }
}
