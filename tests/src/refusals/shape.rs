//! Tables, columns and types that are not the planner's.

use super::{RefusalCase, case};

pub(super) fn cases() -> Vec<RefusalCase> {
    vec![
        case(
            "no tables of the planner at all",
            &["DROP TABLE actuals, resource_assignments, project_phases, projects, programs, resources, workers,
                rates, worker_types, alembic_version"],
            &["project_phases"],
        ),
        case("no assignments table", &["DROP TABLE actuals, resource_assignments"], &["resource_assignments"]),
        case("no phases table", &["DROP TABLE project_phases CASCADE"], &["project_phases"]),
        case("no projects table", &["DROP TABLE projects CASCADE"], &["projects"]),
        case(
            "a view in place of the phases table",
            &[
                "ALTER TABLE project_phases RENAME TO phases_of_old",
                "CREATE VIEW project_phases AS TABLE phases_of_old",
            ],
            &["project_phases"],
        ),
        case(
            "a column of the phases missing",
            &["ALTER TABLE project_phases DROP COLUMN expense_budget"],
            &["project_phases", "expense_budget"],
        ),
        case(
            "an added column on the phases",
            &["ALTER TABLE project_phases ADD COLUMN dba_color text"],
            &["project_phases", "dba_color"],
        ),
        case(
            "a column of the new schema on the phases already",
            &["ALTER TABLE project_phases ADD COLUMN start_date date"],
            &["project_phases", "start_date"],
        ),
        case(
            "another type of a column of the phases",
            &["ALTER TABLE project_phases ALTER COLUMN total_budget TYPE numeric(20,4)"],
            &["project_phases", "total_budget", "numeric(20,4)"],
        ),
        case(
            "phase types as text",
            // The state after the planner's own rollback.
            &["ALTER TABLE project_phases ALTER COLUMN phase_type TYPE varchar(9)"],
            &["project_phases", "phase_type", "character varying(9)"],
        ),
        case(
            "moments with a time zone",
            &["ALTER TABLE project_phases ALTER COLUMN created_at TYPE timestamptz"],
            &["project_phases", "created_at", "timestamp with time zone"],
        ),
        case(
            "the link of the assignments missing",
            &["ALTER TABLE resource_assignments DROP COLUMN project_phase_id"],
            &["resource_assignments", "project_phase_id"],
        ),
        case(
            "another type of the link",
            &[
                "ALTER TABLE resource_assignments DROP CONSTRAINT resource_assignments_project_phase_id_fkey",
                "ALTER TABLE resource_assignments ALTER COLUMN project_phase_id TYPE text",
            ],
            &["resource_assignments", "project_phase_id", "text"],
        ),
        case(
            "projects with moments for dates",
            &["ALTER TABLE projects ALTER COLUMN end_date TYPE timestamp"],
            &["projects", "end_date", "timestamp without time zone"],
        ),
        case("a third phase type", &["ALTER TYPE phasetype ADD VALUE 'CLOSING'"], &["phasetype", "CLOSING"]),
        case(
            "a phase type with another name",
            &["ALTER TYPE phasetype RENAME VALUE 'PLANNING' TO 'PLAN'"],
            &["phasetype", "PLAN"],
        ),
        case(
            "phase types in another order",
            &["ALTER TYPE phasetype RENAME VALUE 'PLANNING' TO 'X'",
              "ALTER TYPE phasetype RENAME VALUE 'EXECUTION' TO 'PLANNING'",
              "ALTER TYPE phasetype RENAME VALUE 'X' TO 'EXECUTION'"],
            &["phasetype"],
        ),
        case(
            "the name of a new index taken by the phases",
            &["CREATE INDEX ix_project_phases_start_date ON project_phases (created_at)"],
            &["ix_project_phases_start_date"],
        ),
        case(
            "the names of the new indexes taken by others",
            &[
                "CREATE INDEX ix_project_phases_start_date ON projects (start_date)",
                "CREATE TABLE ix_project_phases_end_date (x int)",
            ],
            &["ix_project_phases_start_date", "ix_project_phases_end_date"],
        ),
        case(
            "the name of the new check taken",
            &["ALTER TABLE project_phases ADD CONSTRAINT check_phase_dates CHECK (created_at <= updated_at)"],
            &["check_phase_dates"],
        ),
    ]
}
