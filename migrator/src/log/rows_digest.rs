//! A digest over the rows that a rollback wrote, per project. A project whose rows still have it was not changed since.

use phaseline_domain::legacy::{LegacyPhase, LegacyPhaseType};
use phaseline_domain::{Money, PhaseId};
use phaseline_projections::LegacyPhaseRow;
use phaseline_store::hash;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

/// SHA-256 over a project's rows in the table's order, as hexadecimal digits.
#[derive(Default)]
pub(crate) struct RowsDigest(Sha256);

impl RowsDigest {
    fn row(
        &mut self,
        id: PhaseId,
        phase_type: LegacyPhaseType,
        budgets: [Decimal; 3],
        times: [chrono::NaiveDateTime; 2],
    ) {
        let [capital, expense, total] = budgets;
        let [created, updated] = times.map(|time| time.and_utc().timestamp_micros());
        // One line per row; no value can have a line break or a bar.
        let line = format!("{id}|{phase_type}|{capital:.2}|{expense:.2}|{total:.2}|{created}|{updated}\n");
        self.0.update(line.as_bytes());
    }

    fn finish(self) -> String {
        hash::hex(&self.0.finalize())
    }
}

/// The digest of the rows that a rollback writes, in the order of their places.
pub(crate) fn of_written(rows: &[LegacyPhaseRow]) -> String {
    let mut rows: Vec<&LegacyPhaseRow> = rows.iter().collect();
    rows.sort_by_key(|row| row.ordinal);
    let mut digest = RowsDigest::default();
    for row in rows {
        digest.row(
            row.id,
            row.phase_type,
            [row.capital_budget, row.expense_budget, row.total_budget],
            [row.created_at, row.updated_at],
        );
    }
    digest.finish()
}

/// The digest of the current rows, in the table's order.
pub(crate) fn of_found(rows: &[LegacyPhase]) -> String {
    let mut digest = RowsDigest::default();
    for row in rows {
        let budget = row.budget;
        let amounts = [budget.capital(), budget.expense(), budget.total()].map(Money::amount);
        digest.row(row.id, row.phase_type, amounts, [row.created_at, row.updated_at]);
    }
    digest.finish()
}

/// A row of the fold as the translation compares it.
pub(crate) fn as_legacy(row: &LegacyPhaseRow) -> Option<LegacyPhase> {
    let money = |amount| Money::new(amount).ok();
    Some(LegacyPhase {
        id: row.id,
        phase_type: row.phase_type,
        budget: phaseline_domain::Budget::new(money(row.capital_budget)?, money(row.expense_budget)?).ok()?,
        created_at: row.created_at,
        updated_at: row.updated_at,
        ordinal: row.ordinal,
    })
}
