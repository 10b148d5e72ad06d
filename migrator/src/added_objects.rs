//! What the timeline shape adds to `project_phases`: a migration creates it, a verification and a takeover require it.

use crate::definition::{ColumnDefinition, TableDefinition};
use std::fmt;

/// A column that is added.
struct AddedColumn {
    name: &'static str,
    data_type: &'static str,
    not_null: bool,
}

const COLUMNS: [AddedColumn; 4] = [
    AddedColumn { name: "name", data_type: "character varying(100)", not_null: true },
    AddedColumn { name: "start_date", data_type: "date", not_null: true },
    AddedColumn { name: "end_date", data_type: "date", not_null: true },
    AddedColumn { name: "description", data_type: "character varying(500)", not_null: false },
];

/// An index on one column.
struct AddedIndex {
    name: &'static str,
    column: &'static str,
}

const INDEXES: [AddedIndex; 2] = [
    AddedIndex { name: "ix_project_phases_start_date", column: "start_date" },
    AddedIndex { name: "ix_project_phases_end_date", column: "end_date" },
];

/// The constraint on the dates.
const DATE_CHECK: &str = "check_phase_dates";

/// Adds all of it to the definition.
pub(crate) fn add_to(phases: &mut TableDefinition) {
    for AddedColumn { name, data_type, not_null } in COLUMNS {
        phases.add_column(ColumnDefinition::new(name, data_type, not_null));
    }
    for AddedIndex { name, column } in INDEXES {
        phases.add_index(name, &[column]);
    }
    phases.add_check(DATE_CHECK, "start_date <= end_date", &["start_date", "end_date"]);
}

/// An object that a table lacks.
enum MissingObject {
    Column(AddedColumn),
    Check,
    Index(AddedIndex),
    PrimaryKey,
}

impl fmt::Display for MissingObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(AddedColumn { name, data_type, not_null }) => {
                let null = if *not_null { " NOT NULL" } else { "" };
                write!(f, "column {name} is not {data_type}{null}")
            }
            Self::Check => write!(f, "constraint {DATE_CHECK} is missing"),
            Self::Index(AddedIndex { name, column }) => write!(f, "index {name} on {column} is missing"),
            Self::PrimaryKey => f.write_str("the primary key on id is missing"),
        }
    }
}

/// The objects of the timeline shape that `project_phases` lacks, in words.
pub(crate) fn missing_in(phases: &TableDefinition) -> Vec<String> {
    let mut missing = Vec::new();
    let lacks_column = |wanted: &AddedColumn| {
        let found = phases.columns.iter().find(|column| column.name == wanted.name);
        found.is_none_or(|found| found.data_type != wanted.data_type || found.not_null != wanted.not_null)
    };
    missing.extend(COLUMNS.into_iter().filter(lacks_column).map(MissingObject::Column));
    if !phases.checks.iter().any(|check| check.name == DATE_CHECK) {
        missing.push(MissingObject::Check);
    }
    let lacks_index = |wanted: &AddedIndex| {
        !phases.indexes.iter().any(|index| index.name == wanted.name && index.columns == [wanted.column])
    };
    missing.extend(INDEXES.into_iter().filter(lacks_index).map(MissingObject::Index));
    if !phases.indexes.iter().any(|index| index.constraint.is_some() && index.columns == ["id"]) {
        missing.push(MissingObject::PrimaryKey);
    }
    missing.iter().map(ToString::to_string).collect()
}
