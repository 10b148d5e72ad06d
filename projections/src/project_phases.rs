//! `project_phases` in its timeline shape, which the users' backend reads.

use crate::{FoldedTimeline, PhaseTimestamps};
use chrono::{NaiveDate, NaiveDateTime};
use phaseline_domain::{Phase, PhaseId, ProjectId};
use phaseline_store::StoreError;
use phaseline_store::copy::{Row, RowWriter, Sink};
use rust_decimal::Decimal;
use serde::Serialize;

/// One row; the fields are the table's columns, in the table's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the table's columns")]
pub struct PhaseRow {
    pub project_id: ProjectId,
    pub capital_budget: Decimal,
    pub expense_budget: Decimal,
    pub total_budget: Decimal,
    pub id: PhaseId,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub name: String,
    pub start_date: NaiveDate,
    pub end_date: NaiveDate,
    pub description: Option<String>,
}

impl PhaseRow {
    /// The values in the table's order, as PostgreSQL prints them; None is NULL.
    pub fn texts(&self) -> [Option<String>; 11] {
        [
            Some(self.project_id.to_string()),
            Some(self.capital_budget.to_string()),
            Some(self.expense_budget.to_string()),
            Some(self.total_budget.to_string()),
            Some(self.id.to_string()),
            Some(timestamp_text(self.created_at)),
            Some(timestamp_text(self.updated_at)),
            Some(self.name.clone()),
            Some(self.start_date.to_string()),
            Some(self.end_date.to_string()),
            self.description.clone(),
        ]
    }
}

/// A timestamp as PostgreSQL prints it: fractions without trailing zeros.
fn timestamp_text(time: NaiveDateTime) -> String {
    let text = time.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The table's columns, in the table's order.
pub const COLUMNS: [&str; 11] = [
    "project_id",
    "capital_budget",
    "expense_budget",
    "total_budget",
    "id",
    "created_at",
    "updated_at",
    "name",
    "start_date",
    "end_date",
    "description",
];

/// A row of the fold that borrows its values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoldedRow<'a> {
    /// The project.
    pub(crate) project_id: ProjectId,
    phase: &'a Phase,
    timestamps: &'a PhaseTimestamps,
}

impl<'a> FoldedRow<'a> {
    /// A project's rows, in the order of its phases.
    pub(crate) fn of(folded: &'a FoldedTimeline) -> impl Iterator<Item = Self> {
        let row = |phase: &'a Phase| {
            let (project_id, timestamps) = (folded.timeline.project()?, folded.timestamps.get(&phase.id)?);
            Some(Self { project_id, phase, timestamps })
        };
        folded.timeline.phases().iter().filter_map(row)
    }

    /// The phase.
    pub(crate) const fn id(&self) -> PhaseId {
        self.phase.id
    }

    /// The row.
    pub(crate) fn row(&self) -> PhaseRow {
        let Self { project_id, phase, timestamps } = *self;
        PhaseRow {
            project_id,
            capital_budget: phase.budget.capital().amount(),
            expense_budget: phase.budget.expense().amount(),
            total_budget: phase.budget.total().amount(),
            id: phase.id,
            created_at: timestamps.created_at,
            updated_at: timestamps.updated_at,
            name: phase.name.as_str().to_owned(),
            start_date: phase.range.start(),
            end_date: phase.range.end(),
            description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
        }
    }

    /// Whether a row of the table, read by binary COPY in the order of [`COLUMNS`], equals this one, byte for byte.
    pub(crate) fn matches(&self, row: &Row<'_>) -> bool {
        let Self { project_id, phase, timestamps } = *self;
        row.is_uuid(0, project_id.uuid())
            && row.is_numeric(1, phase.budget.capital().amount())
            && row.is_numeric(2, phase.budget.expense().amount())
            && row.is_numeric(3, phase.budget.total().amount())
            && row.is_uuid(4, phase.id.uuid())
            && row.is_timestamp(5, timestamps.created_at)
            && row.is_timestamp(6, timestamps.updated_at)
            && row.is_text(7, Some(phase.name.as_str()))
            && row.is_date(8, phase.range.start())
            && row.is_date(9, phase.range.end())
            && row.is_text(10, phase.description.as_ref().map(phaseline_domain::Description::as_str))
    }
}

/// A project's rows, in the order of its phases.
pub fn rows(folded: &FoldedTimeline) -> Vec<PhaseRow> {
    FoldedRow::of(folded).map(|row| row.row()).collect()
}

/// Loads rows into a new table of these columns by COPY; `table` is trusted SQL text. See [`Sink::open_new`].
pub async fn load_new(
    connection: &mut sqlx::PgConnection,
    table: &str,
    rows: &[PhaseRow],
) -> Result<u64, StoreError> {
    load(Sink::open_new(connection, &target(table)).await?, rows).await
}

/// Inserts rows into the table; triggers fire.
pub async fn insert(connection: &mut sqlx::PgConnection, rows: &[PhaseRow]) -> Result<u64, StoreError> {
    if rows.is_empty() {
        return Ok(0);
    }
    load(Sink::open(connection, &target("public.project_phases")).await?, rows).await
}

fn target(table: &str) -> String {
    format!("{table} ({})", COLUMNS.join(", "))
}

async fn load(mut sink: Sink<'_>, rows: &[PhaseRow]) -> Result<u64, StoreError> {
    for row in rows {
        sink.row(11, |fields| {
            fields.uuid(row.project_id.uuid());
            let budget = [row.capital_budget, row.expense_budget, row.total_budget];
            write_shared(fields, budget, row.id, [row.created_at, row.updated_at]);
            fields.text(&row.name);
            fields.date(row.start_date);
            fields.date(row.end_date);
            fields.raw(row.description.as_deref().map(str::as_bytes));
        })
        .await?;
    }
    sink.finish().await
}

/// Writes the adjacent columns that both shapes of the table have.
pub(crate) fn write_shared(
    fields: &mut RowWriter,
    budget: [Decimal; 3],
    id: PhaseId,
    created_and_updated_at: [NaiveDateTime; 2],
) {
    for amount in budget {
        fields.numeric(amount);
    }
    fields.uuid(id.uuid());
    for timestamp in created_and_updated_at {
        fields.timestamp(timestamp);
    }
}
