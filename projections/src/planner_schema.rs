//! The planner's tables as the timeline shape needs them: those of the planner's revision 92023c163a26. A later revision may drop,
//! rename or retype a column; this module names it before a statement on it fails.

use sqlx::PgConnection;
use std::collections::HashMap;
use std::fmt;

/// The needed columns with their types, by table.
const NEEDED: [(&str, &[(&str, &str)]); 3] = [
    (
        "projects",
        &[
            ("id", "uuid"),
            ("start_date", "date"),
            ("end_date", "date"),
            ("updated_at", "timestamp without time zone"),
        ],
    ),
    (
        "project_phases",
        &[
            ("project_id", "uuid"),
            ("capital_budget", "numeric"),
            ("expense_budget", "numeric"),
            ("total_budget", "numeric"),
            ("id", "uuid"),
            ("created_at", "timestamp without time zone"),
            ("updated_at", "timestamp without time zone"),
            ("name", "character varying"),
            ("start_date", "date"),
            ("end_date", "date"),
            ("description", "character varying"),
        ],
    ),
    (
        "resource_assignments",
        &[
            ("resource_id", "uuid"),
            ("project_id", "uuid"),
            ("assignment_date", "date"),
            ("allocation_percentage", "numeric"),
            ("capital_percentage", "numeric"),
            ("expense_percentage", "numeric"),
            ("id", "uuid"),
            ("created_at", "timestamp without time zone"),
            ("updated_at", "timestamp without time zone"),
        ],
    ),
];

/// A table or column of the planner that differs from the needed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// The table, in schema `public`.
    pub table: &'static str,
    /// The column; none if the whole table is missing.
    pub column: Option<String>,
    /// The difference.
    pub kind: ChangeKind,
}

/// The difference of a table or column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is missing.
    Missing,
    /// It has another type.
    OtherType {
        /// The current type.
        found: String,
        /// The needed one.
        needed: &'static str,
    },
    /// New rows need a value for the column, and this program has none.
    Required,
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "public.{}", self.table)?;
        if let Some(column) = &self.column {
            write!(f, ".{column}")?;
        }
        match &self.kind {
            ChangeKind::Missing => f.write_str(" is missing"),
            ChangeKind::OtherType { found, needed } => write!(f, " is of type {found}, not {needed}"),
            ChangeKind::Required => {
                f.write_str(" is NOT NULL without a default, and this program does not know it")
            }
        }
    }
}

/// The changes as one text; none if there are none.
pub fn in_words(changes: &[SchemaChange]) -> Option<String> {
    let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// All tables and columns that differ from those of the timeline shape. One query of the catalogue, which needs no privilege. Meant for
/// databases in the timeline shape.
pub async fn find_changes(connection: &mut PgConnection) -> Result<Vec<SchemaChange>, sqlx::Error> {
    let found: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, NULL),
                a.attnotnull AND NOT a.atthasdef AND a.attidentity::text = ''
           FROM pg_catalog.pg_attribute a
           JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = 'public' AND c.relname = ANY ($1) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped",
    )
    .bind(NEEDED.map(|(table, _)| table.to_owned()).to_vec())
    .fetch_all(connection)
    .await?;
    let columns: HashMap<(&str, &str), &str> = found
        .iter()
        .map(|(table, column, data_type, _)| ((table.as_str(), column.as_str()), data_type.as_str()))
        .collect();
    let mut changes = Vec::new();
    for (table, needed) in NEEDED {
        if !found.iter().any(|(there, ..)| there == table) {
            changes.push(SchemaChange { table, column: None, kind: ChangeKind::Missing });
            continue;
        }
        for &(column, needed) in needed {
            let kind = match columns.get(&(table, column)) {
                None => ChangeKind::Missing,
                Some(found) if *found != needed => {
                    ChangeKind::OtherType { found: (*found).to_owned(), needed }
                }
                Some(_) => continue,
            };
            changes.push(SchemaChange { table, column: Some(column.to_owned()), kind });
        }
        // The program inserts rows only into this table.
        let required = found.iter().filter(|(there, column, _, required)| {
            *required
                && there == "project_phases"
                && table == there
                && !needed.iter().any(|(known, _)| known == column)
        });
        changes.extend(required.map(|(_, column, ..)| SchemaChange {
            table,
            column: Some(column.clone()),
            kind: ChangeKind::Required,
        }));
    }
    Ok(changes)
}
