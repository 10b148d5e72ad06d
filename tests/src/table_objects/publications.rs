//! Publications. Those that may be combined with a table without replica identity publish inserts only: otherwise all updates of the
//! table would fail, which no administrator accepts.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object(
        "phases: published",
        &["CREATE PUBLICATION dba_phases FOR TABLE project_phases WITH (publish = 'insert')"],
    ),
    object(
        "assignments: published with all that happens",
        &["CREATE PUBLICATION dba_assignments FOR TABLE resource_assignments, actuals"],
    ),
    object(
        "phases: columns and rows published that stay",
        &["CREATE PUBLICATION dba_some FOR TABLE project_phases (id, project_id, total_budget)
            WHERE (total_budget > 10) WITH (publish = 'insert')"],
    ),
    object(
        "assignments: columns and rows published that stay",
        &["CREATE PUBLICATION dba_some_assignments FOR TABLE resource_assignments (id, assignment_date, resource_id)
            WHERE (allocation_percentage > 10.5) WITH (publish = 'insert')"],
    ),
    object(
        "the schema published",
        &["CREATE PUBLICATION dba_schema FOR TABLES IN SCHEMA public WITH (publish = 'insert')"],
    ),
    object(
        "all tables published",
        &["CREATE PUBLICATION dba_everything FOR ALL TABLES WITH (publish = 'insert, truncate')"],
    ),
];
