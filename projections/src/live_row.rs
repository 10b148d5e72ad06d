//! Current rows of `project_phases`, as text, so that any value in them can be compared, shown and refused.

use crate::project_phases::COLUMNS;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::copy::{CopyError, Row};
use serde::Serialize;
use serde::ser::SerializeMap;
use uuid::Uuid;

/// The id in place of NULL, so that a row without an id is not left out.
pub(crate) const NIL_ID: &str = "'00000000-0000-0000-0000-000000000000'::uuid";

/// The columns that [`LiveRow::read`] reads of a row `ph` of `project_phases`: its id, its project's, and every
/// column as text. As JSON, dates have one form in every session.
pub(crate) fn select_list() -> String {
    let columns = COLUMNS.map(|column| match column {
        "created_at" | "updated_at" | "start_date" | "end_date" => {
            format!("pg_catalog.to_json(ph.{column}) #>> '{{}}'")
        }
        _ => format!("ph.{column}::text"),
    });
    format!("coalesce(ph.id, {NIL_ID}), coalesce(ph.project_id, {NIL_ID}), {}", columns.join(", "))
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRow {
    /// Its id.
    pub id: PhaseId,
    /// Its project.
    pub project_id: ProjectId,
    /// The columns in the table's order, see [`COLUMNS`]; None is NULL.
    values: Vec<Option<String>>,
    /// Columns with bytes that are not valid text; they are shown with replacement characters.
    unreadable: Vec<&'static str>,
}

impl LiveRow {
    /// Reads the fields of [`select_list`] that begin at `first`.
    pub(crate) fn read(row: &Row<'_>, first: usize) -> Result<Self, CopyError> {
        let mut unreadable = Vec::new();
        let mut values = Vec::with_capacity(COLUMNS.len());
        for (index, column) in COLUMNS.iter().enumerate() {
            values.push(row.nullable(first + 2 + index)?.map(|bytes| {
                if std::str::from_utf8(bytes).is_err() {
                    unreadable.push(*column);
                }
                String::from_utf8_lossy(bytes).into_owned()
            }));
        }
        Ok(Self::new(row.uuid(first)?, row.uuid(first + 1)?, values, unreadable))
    }

    /// A row of a project with these values, in the table's order.
    pub(crate) fn of_project(project: ProjectId, values: Vec<Option<String>>) -> Self {
        let id =
            COLUMNS.iter().position(|column| *column == "id").and_then(|index| values.get(index)?.as_deref());
        let id = id.and_then(|id| id.parse().ok()).unwrap_or_default();
        Self::new(id, project.uuid(), values, Vec::new())
    }

    fn new(
        id: Uuid,
        project_id: Uuid,
        mut values: Vec<Option<String>>,
        unreadable: Vec<&'static str>,
    ) -> Self {
        for (column, value) in COLUMNS.iter().zip(&mut values) {
            // JSON writes a T between date and time, PostgreSQL elsewhere a space.
            if let (true, Some(text)) = (column.ends_with("_at"), value) {
                *text = text.replacen('T', " ", 1);
            }
        }
        Self { id: id.into(), project_id: project_id.into(), values, unreadable }
    }

    /// A column's value; None is NULL.
    pub fn value(&self, column: &str) -> Option<&str> {
        let index = COLUMNS.iter().position(|name| *name == column)?;
        self.values.get(index)?.as_deref()
    }

    /// The columns in the table's order.
    pub fn values(&self) -> &[Option<String>] {
        &self.values
    }

    /// Columns whose bytes are not text: their values cannot be shown exactly.
    pub fn unreadable(&self) -> &[&'static str] {
        &self.unreadable
    }
}

impl Serialize for LiveRow {
    /// An object with the table's columns; every value is text or null.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COLUMNS.len()))?;
        for (column, value) in COLUMNS.iter().zip(&self.values) {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}
