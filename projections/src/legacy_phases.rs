//! `project_phases` in its legacy shape.

use crate::FoldedTimeline;
use crate::project_phases::write_shared;
use chrono::NaiveDateTime;
use phaseline_domain::{PhaseId, ProjectId, legacy::LegacyPhaseType};
use phaseline_store::StoreError;
use phaseline_store::copy::Sink;
use rust_decimal::Decimal;

/// One row; the fields are the legacy table's columns, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the table's columns")]
pub struct LegacyPhaseRow {
    pub project_id: ProjectId,
    pub phase_type: LegacyPhaseType,
    pub capital_budget: Decimal,
    pub expense_budget: Decimal,
    pub total_budget: Decimal,
    pub id: PhaseId,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    /// Not a column: the row's place in the order of all rows of the table.
    pub ordinal: i64,
}

/// The legacy table's columns in order, for COPY and INSERT.
pub const COLUMNS: &str =
    "project_id, phase_type, capital_budget, expense_budget, total_budget, id, created_at, updated_at";

/// A project's legacy rows: one per current phase that has a legacy row in the log. A phase that was created later has none until a
/// rollback gives it one.
pub fn rows(folded: &FoldedTimeline) -> Vec<LegacyPhaseRow> {
    let Some(project_id) = folded.timeline.project() else {
        return Vec::new();
    };
    folded
        .timeline
        .phases()
        .iter()
        .filter_map(|phase| {
            let legacy = phase.legacy?;
            let timestamps = folded.timestamps.get(&phase.id)?;
            Some(LegacyPhaseRow {
                project_id,
                phase_type: legacy.phase_type,
                capital_budget: phase.budget.capital().amount(),
                expense_budget: phase.budget.expense().amount(),
                total_budget: phase.budget.total().amount(),
                id: phase.id,
                created_at: legacy.created_at,
                updated_at: timestamps.old_updated_at,
                ordinal: legacy.ordinal,
            })
        })
        .collect()
}

/// Loads rows into a new table of these columns by COPY; `table` is trusted SQL text. See [`Sink::open_new`].
pub async fn load_new(
    connection: &mut sqlx::PgConnection,
    table: &str,
    rows: &[LegacyPhaseRow],
) -> Result<u64, StoreError> {
    let mut sink = Sink::open_new(connection, &format!("{table} ({COLUMNS})")).await?;
    for row in rows {
        sink.row(8, |fields| {
            fields.uuid(row.project_id.uuid());
            fields.text(row.phase_type.label());
            let budget = [row.capital_budget, row.expense_budget, row.total_budget];
            write_shared(fields, budget, row.id, [row.created_at, row.updated_at]);
        })
        .await?;
    }
    sink.finish().await
}
