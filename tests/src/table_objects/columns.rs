//! Columns, and storage options of tables and columns.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object(
        "phases: fill factor and vacuum options",
        &["ALTER TABLE project_phases SET (fillfactor = 71, autovacuum_enabled = off,
            autovacuum_vacuum_scale_factor = 0.05)"],
    ),
    object(
        "assignments: fill factor and options of the toast table",
        &["ALTER TABLE resource_assignments SET (fillfactor = 83, toast.autovacuum_enabled = off,
            parallel_workers = 2)"],
    ),
    object(
        "assignments: a text column with storage of its own",
        &[
            "ALTER TABLE resource_assignments ADD COLUMN remark text",
            "ALTER TABLE resource_assignments ALTER COLUMN remark SET STORAGE EXTERNAL",
            "ALTER TABLE resource_assignments SET (toast.autovacuum_vacuum_threshold = 77)",
            // Not by UPDATE, which would evaluate checks and fire triggers.
            "ALTER TABLE resource_assignments ALTER COLUMN remark TYPE text USING 'seen ' || id",
        ],
    ),
    object(
        "assignments: a column whose default is not in the heap",
        &["ALTER TABLE resource_assignments ADD COLUMN source varchar(20) NOT NULL DEFAULT 'im\"port'"],
    ),
    object(
        "assignments: a column with an odd name and a comment",
        &[
            r#"ALTER TABLE resource_assignments ADD COLUMN "Bemerkung ""alt"" — né" jsonb DEFAULT '{"a": [1, null]}'"#,
            r#"COMMENT ON COLUMN resource_assignments."Bemerkung ""alt"" — né" IS 'it''s "old"'"#,
        ],
    ),
    object(
        "assignments: a generated column",
        &["ALTER TABLE resource_assignments ADD COLUMN half numeric GENERATED ALWAYS AS
            (allocation_percentage / 2) STORED"],
    ),
    object(
        "assignments: a column numbered by a sequence without an owning column",
        &[
            "CREATE SEQUENCE dba_numbers START 100",
            "ALTER TABLE resource_assignments ADD COLUMN number bigint DEFAULT nextval('dba_numbers')",
        ],
    ),
    object(
        "assignments: a column came and went",
        &[
            "ALTER TABLE resource_assignments ADD COLUMN gone int DEFAULT 1",
            "ALTER TABLE resource_assignments DROP COLUMN gone",
        ],
    ),
    object(
        "phases: a column came and went",
        &[
            "ALTER TABLE project_phases ADD COLUMN gone text DEFAULT 'x'",
            "ALTER TABLE project_phases DROP COLUMN gone",
        ],
    ),
    object(
        "phases: defaults, one on the column that goes",
        &["ALTER TABLE project_phases ALTER COLUMN phase_type SET DEFAULT 'EXECUTION',
            ALTER COLUMN id SET DEFAULT gen_random_uuid(), ALTER COLUMN capital_budget SET DEFAULT 0.00"],
    ),
    object(
        "assignments: a default on the column that goes",
        &["ALTER TABLE resource_assignments
            ALTER COLUMN project_phase_id SET DEFAULT '00000000-0000-4000-8000-000000000000',
            ALTER COLUMN updated_at SET DEFAULT (now() AT TIME ZONE 'UTC')"],
    ),
    object(
        "phases: statistics targets, storage and compression of columns",
        &["ALTER TABLE project_phases ALTER COLUMN phase_type SET STATISTICS 11,
            ALTER COLUMN project_id SET STATISTICS 500, ALTER COLUMN expense_budget SET STORAGE PLAIN,
            ALTER COLUMN capital_budget SET COMPRESSION pglz"],
    ),
    object(
        "assignments: statistics targets and storage of columns",
        &["ALTER TABLE resource_assignments ALTER COLUMN project_phase_id SET STATISTICS 1000,
            ALTER COLUMN assignment_date SET STATISTICS 0, ALTER COLUMN allocation_percentage SET STORAGE PLAIN"],
    ),
    object(
        "phases and assignments: options of columns, also of those that go",
        &[
            "ALTER TABLE project_phases ALTER COLUMN project_id SET (n_distinct = -0.5, n_distinct_inherited = 7)",
            "ALTER TABLE project_phases ALTER COLUMN phase_type SET (n_distinct = 2)",
            "ALTER TABLE resource_assignments ALTER COLUMN project_phase_id SET (n_distinct = -0.1)",
        ],
    ),
    object("phases: replica identity full", &["ALTER TABLE project_phases REPLICA IDENTITY FULL"]),
    object("phases: no replica identity", &["ALTER TABLE project_phases REPLICA IDENTITY NOTHING"]),
    object(
        "phases: replica identity by an index",
        &[
            "CREATE UNIQUE INDEX dba_phases_identity ON project_phases (project_id, id)",
            "ALTER TABLE project_phases REPLICA IDENTITY USING INDEX dba_phases_identity",
        ],
    ),
    object("assignments: replica identity full", &["ALTER TABLE resource_assignments REPLICA IDENTITY FULL"]),
    object(
        "assignments: replica identity by an index on the column that goes",
        &[
            "CREATE UNIQUE INDEX dba_assignments_identity ON resource_assignments (project_phase_id, id)",
            "ALTER TABLE resource_assignments REPLICA IDENTITY USING INDEX dba_assignments_identity",
        ],
    ),
    object("phases: clustered by an index", &["ALTER TABLE project_phases CLUSTER ON project_phases_pkey"]),
    object(
        "assignments: clustered by the index that goes",
        &["ALTER TABLE resource_assignments CLUSTER ON ix_resource_assignments_project_phase_id"],
    ),
];
