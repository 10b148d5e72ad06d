//! Checks, foreign keys from and to the tables, and other constraints.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object(
        "phases: a check that old rows break",
        &["ALTER TABLE project_phases ADD CONSTRAINT dba_budget_cap CHECK (total_budget < 0.01) NOT VALID"],
    ),
    object(
        "assignments: a check that old rows break, with a comment",
        &[
            "ALTER TABLE resource_assignments ADD CONSTRAINT dba_recent CHECK (assignment_date > '9999-01-01')
                NOT VALID",
            "COMMENT ON CONSTRAINT dba_recent ON resource_assignments IS 'from now on'",
        ],
    ),
    object(
        "phases: a check on the column that goes",
        &[
            "ALTER TABLE project_phases ADD CONSTRAINT dba_known_type
                CHECK (phase_type IN ('PLANNING', 'EXECUTION') AND total_budget >= 0)",
            "COMMENT ON CONSTRAINT dba_known_type ON project_phases IS 'as in the enum'",
        ],
    ),
    object(
        "assignments: a check on the column that goes",
        &["ALTER TABLE resource_assignments ADD CONSTRAINT \"dba 'link'\"
            CHECK (project_phase_id <> project_id) NOT VALID"],
    ),
    object(
        "phases: a check that is not inherited",
        &["ALTER TABLE project_phases ADD CONSTRAINT dba_no_inherit CHECK (capital_budget > -1) NO INHERIT"],
    ),
    object("phases: a check of the planner's dropped", &[
        "ALTER TABLE project_phases DROP CONSTRAINT check_total_budget_positive",
    ]),
    object(
        "phases: the foreign key deferrable",
        &["ALTER TABLE project_phases ALTER CONSTRAINT project_phases_project_id_fkey DEFERRABLE"],
    ),
    object(
        "assignments: the foreign keys deferred, one of them goes",
        &[
            "ALTER TABLE resource_assignments ALTER CONSTRAINT resource_assignments_project_phase_id_fkey
                DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE resource_assignments ALTER CONSTRAINT resource_assignments_resource_id_fkey
                DEFERRABLE INITIALLY DEFERRED",
        ],
    ),
    object(
        "actuals: the foreign key to assignments deferred",
        &["ALTER TABLE actuals ALTER CONSTRAINT actuals_resource_assignment_id_fkey DEFERRABLE INITIALLY DEFERRED"],
    ),
    object(
        "phases: a table that refers to them",
        &[
            "CREATE TABLE dba_phase_notes (phase_id uuid REFERENCES project_phases ON DELETE CASCADE, note text)",
            "INSERT INTO dba_phase_notes SELECT id, 'note ' || id FROM project_phases ORDER BY id LIMIT 2",
        ],
    ),
    object(
        "phases: a table that refers to them by another key",
        &[
            "ALTER TABLE project_phases ADD CONSTRAINT dba_phase_of_project UNIQUE (id, project_id)",
            "CREATE TABLE dba_milestones (phase_id uuid, project_id uuid, CONSTRAINT \"dba Milestone fk\"
                FOREIGN KEY (phase_id, project_id) REFERENCES project_phases (id, project_id) MATCH FULL
                ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO dba_milestones SELECT id, project_id FROM project_phases ORDER BY id LIMIT 1",
        ],
    ),
    object(
        "phases: a table whose old rows refer to none",
        &[
            "CREATE TABLE dba_old_notes (phase_id uuid)",
            "INSERT INTO dba_old_notes VALUES (gen_random_uuid())",
            "ALTER TABLE dba_old_notes ADD CONSTRAINT dba_old_notes_fkey FOREIGN KEY (phase_id)
                REFERENCES project_phases NOT VALID",
        ],
    ),
    object(
        "assignments: a table that refers to them",
        &[
            "CREATE TABLE dba_timesheets (assignment_id uuid PRIMARY KEY REFERENCES resource_assignments
                ON UPDATE RESTRICT DEFERRABLE)",
            "INSERT INTO dba_timesheets SELECT id FROM resource_assignments ORDER BY id LIMIT 3",
        ],
    ),
    object(
        "phases: a foreign key of their own to another table",
        &[
            "CREATE TABLE dba_phase_register (phase_id uuid PRIMARY KEY)",
            "INSERT INTO dba_phase_register SELECT id FROM project_phases ORDER BY id",
            "ALTER TABLE project_phases ADD CONSTRAINT dba_registered FOREIGN KEY (id)
                REFERENCES dba_phase_register NOT VALID",
        ],
    ),
    object(
        "phases: an exclusion constraint",
        &["ALTER TABLE project_phases ADD CONSTRAINT dba_once EXCLUDE USING btree (id WITH =)
            WHERE (total_budget > 5) DEFERRABLE"],
    ),
    object(
        "assignments: a unique constraint over the column that goes",
        &["ALTER TABLE resource_assignments ADD CONSTRAINT dba_unique_link
            UNIQUE (project_phase_id, id) INCLUDE (resource_id) WITH (fillfactor = 60)"],
    ),
];
