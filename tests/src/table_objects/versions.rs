//! What later versions of PostgreSQL brought.

use super::{TableObject, object_since};

pub(super) const OBJECTS: &[TableObject] = &[
    object_since(
        17,
        "phases: the right to maintain, with grant option",
        &["GRANT MAINTAIN ON project_phases TO phaseline_test_reader WITH GRANT OPTION"],
    ),
    object_since(
        17,
        "assignments: the owner may not maintain",
        &["REVOKE MAINTAIN ON resource_assignments FROM postgres"],
    ),
    object_since(
        18,
        "phases: NOT NULL with names and comments, one on the column that goes",
        &[
            "ALTER TABLE project_phases RENAME CONSTRAINT project_phases_total_budget_not_null TO \"dba total's\"",
            "COMMENT ON CONSTRAINT \"dba total's\" ON project_phases IS 'it''s needed'",
            "ALTER TABLE project_phases RENAME CONSTRAINT project_phases_phase_type_not_null TO dba_typed",
        ],
    ),
    object_since(
        18,
        "assignments: comments on NOT NULL, one on the column that goes",
        &[
            "COMMENT ON CONSTRAINT resource_assignments_assignment_date_not_null ON resource_assignments IS 'every day'",
            "COMMENT ON CONSTRAINT resource_assignments_project_phase_id_not_null ON resource_assignments IS 'goes'",
        ],
    ),
    object_since(
        18,
        "phases: NOT NULL that is not inherited",
        &["ALTER TABLE project_phases ALTER COLUMN capital_budget DROP NOT NULL,
            ADD CONSTRAINT dba_capital NOT NULL capital_budget NO INHERIT"],
    ),
    object_since(
        18,
        "phases: NOT NULL that no row was checked against",
        &["ALTER TABLE project_phases ALTER COLUMN expense_budget DROP NOT NULL,
            ADD CONSTRAINT dba_expense NOT NULL expense_budget NOT VALID"],
    ),
    object_since(
        18,
        "assignments: a check that old rows break, as NOT NULL",
        &[
            "ALTER TABLE resource_assignments ADD COLUMN dba_seen text",
            "ALTER TABLE resource_assignments ADD CONSTRAINT dba_is_seen NOT NULL dba_seen NOT VALID",
            "COMMENT ON CONSTRAINT dba_is_seen ON resource_assignments IS 'from now on'",
        ],
    ),
    object_since(
        18,
        "assignments: a renamed column with NOT NULL",
        &[
            "ALTER TABLE resource_assignments ADD COLUMN dba_old text NOT NULL DEFAULT 'x'",
            "ALTER TABLE resource_assignments RENAME COLUMN dba_old TO \"dba New\"",
        ],
    ),
    object_since(
        18,
        "assignments: virtual generated columns",
        &[
            "ALTER TABLE resource_assignments ADD COLUMN dba_currency text GENERATED ALWAYS AS ('EUR'::text),
                ADD COLUMN dba_both numeric CONSTRAINT dba_both_needed NOT NULL
                    GENERATED ALWAYS AS (capital_percentage + expense_percentage) VIRTUAL",
            "COMMENT ON COLUMN resource_assignments.dba_both IS 'computed'",
            "GRANT SELECT (dba_currency) ON resource_assignments TO phaseline_test_reader",
        ],
    ),
    object_since(
        18,
        "projects: a virtual generated column",
        &["ALTER TABLE projects ADD COLUMN dba_days int GENERATED ALWAYS AS (end_date - start_date + 1) VIRTUAL"],
    ),
    object_since(
        18,
        "assignments: a generated column, published",
        &[
            "ALTER TABLE resource_assignments ADD COLUMN dba_third numeric GENERATED ALWAYS AS (allocation_percentage / 3) STORED",
            "CREATE PUBLICATION dba_generated FOR TABLE resource_assignments
                WITH (publish = 'insert', publish_generated_columns = stored)",
        ],
    ),
    object_since(
        18,
        "phases: checks that are not enforced, one on the column that goes",
        &["ALTER TABLE project_phases ADD CONSTRAINT dba_loose CHECK (total_budget < 0) NOT ENFORCED,
            ADD CONSTRAINT dba_loose_type CHECK (phase_type = 'PLANNING') NOT ENFORCED"],
    ),
    object_since(
        18,
        "assignments: a foreign key that is not enforced",
        &[
            "CREATE TABLE dba_depots (id uuid PRIMARY KEY)",
            "ALTER TABLE resource_assignments ADD COLUMN dba_depot uuid DEFAULT '00000000-0000-4000-8000-00000000000d'",
            "ALTER TABLE resource_assignments ADD CONSTRAINT dba_of_depot FOREIGN KEY (dba_depot)
                REFERENCES dba_depots NOT ENFORCED",
        ],
    ),
    object_since(
        18,
        "phases: a foreign key to them that is not enforced",
        &[
            "CREATE TABLE dba_visits (phase_id uuid CONSTRAINT dba_visited REFERENCES project_phases NOT ENFORCED)",
            "INSERT INTO dba_visits VALUES ('00000000-0000-4000-8000-00000000000e')",
        ],
    ),
    object_since(
        18,
        "assignments: a temporal foreign key, and a key without overlaps",
        &[
            // A range as the number of a room needs no extension.
            "CREATE TABLE dba_rooms (id int4range, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS))",
            "INSERT INTO dba_rooms VALUES ('[1,2)', '[2025-01-01,2025-07-01)'), ('[1,2)', '[2025-07-01,2026-01-01)')",
            "ALTER TABLE resource_assignments ADD COLUMN dba_room int4range DEFAULT '[1,2)',
                ADD COLUMN dba_during daterange DEFAULT '[2025-06-01,2025-08-01)', ADD COLUMN dba_seat int4range",
            "ALTER TABLE resource_assignments ADD CONSTRAINT dba_in_room FOREIGN KEY (dba_room, PERIOD dba_during)
                REFERENCES dba_rooms (id, PERIOD at)",
            "ALTER TABLE resource_assignments ADD CONSTRAINT dba_seats UNIQUE (dba_seat, dba_during WITHOUT OVERLAPS)",
        ],
    ),
];
