//! Comments on all objects of the planner; other objects have their own comments.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object(
        "comments on the tables and the enum type",
        &[
            "COMMENT ON TABLE project_phases IS 'phases, by type'",
            "COMMENT ON TABLE resource_assignments IS 'who works, where, and on which day'",
            "COMMENT ON TYPE phasetype IS 'PLANNING goes first'",
        ],
    ),
    object(
        "comments on columns that stay",
        &[
            "COMMENT ON COLUMN project_phases.total_budget IS 'capital + expense'",
            r"COMMENT ON COLUMN resource_assignments.assignment_date IS E'one day;\n\\. not a range -- it''s a day'",
        ],
    ),
    object(
        "comments on the columns that go",
        &[
            "COMMENT ON COLUMN project_phases.phase_type IS 'Überphase ''α'''",
            "COMMENT ON COLUMN resource_assignments.project_phase_id IS 'what it is booked on'",
        ],
    ),
    object(
        "comments on constraints",
        &[
            "COMMENT ON CONSTRAINT check_budget_sum ON project_phases IS 'to the cent'",
            "COMMENT ON CONSTRAINT project_phases_pkey ON project_phases IS 'version 4'",
            "COMMENT ON CONSTRAINT project_phases_project_id_fkey ON project_phases IS 'of its project'",
            "COMMENT ON CONSTRAINT resource_assignments_project_phase_id_fkey ON resource_assignments IS 'goes'",
            "COMMENT ON CONSTRAINT actuals_resource_assignment_id_fkey ON actuals IS 'from outside'",
        ],
    ),
    object(
        "comments on indexes",
        &[
            "COMMENT ON INDEX ix_project_phases_project_id IS 'for the list of phases'",
            "COMMENT ON INDEX ix_resource_assignments_project_phase_id IS 'goes with its column'",
            "COMMENT ON INDEX project_phases_pkey IS 'the index of the key, not the key'",
        ],
    ),
];
