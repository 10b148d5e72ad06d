//! Sums over assignments and budgets.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Assignments by the effect of assigning them to the phase of their date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByDate {
    /// They keep their phase.
    pub kept: u64,
    /// They belong to another phase.
    pub changed: u64,
    /// They lie outside every phase of their project.
    pub outside: u64,
}

/// Sums of budgets, as `numeric` adds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSums {
    /// Capital parts.
    pub capital: Decimal,
    /// Expense parts.
    pub expense: Decimal,
    /// Totals.
    pub total: Decimal,
}

impl BudgetSums {
    pub(crate) fn add(&mut self, [capital, expense, total]: [Decimal; 3]) {
        self.capital += capital;
        self.expense += expense;
        self.total += total;
    }
}
