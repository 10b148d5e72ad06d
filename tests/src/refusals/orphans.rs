//! Rows that refer to missing ones. The triggers of foreign keys are disabled and enabled again for them, so
//! that the tables have all the planner's constraints.

use super::{RefusalCase, case};

pub(super) fn cases() -> Vec<RefusalCase> {
    vec![
        case(
            "a phase without its project",
            &[
                "ALTER TABLE project_phases DISABLE TRIGGER ALL",
                "INSERT INTO project_phases VALUES ('<missing>', 'EXECUTION', 0, 0, 0, '<new phase>', '2024-01-05',
                    '2024-01-05')",
                "ALTER TABLE project_phases ENABLE TRIGGER ALL",
            ],
            &["<new phase>", "<missing>"],
        ),
        case(
            "an assignment without its project",
            &[
                "ALTER TABLE resource_assignments DISABLE TRIGGER ALL",
                "UPDATE resource_assignments SET project_id = '<missing>' WHERE id = '<assignment>'",
                "ALTER TABLE resource_assignments ENABLE TRIGGER ALL",
            ],
            &["<assignment>", "<missing>"],
        ),
        case(
            "an assignment without its phase",
            &[
                "ALTER TABLE resource_assignments DISABLE TRIGGER ALL",
                "UPDATE resource_assignments SET project_phase_id = '<missing>' WHERE id = '<assignment>'",
                "ALTER TABLE resource_assignments ENABLE TRIGGER ALL",
            ],
            &["<assignment>", "<missing>"],
        ),
        case(
            "an assignment without its resource",
            &[
                "ALTER TABLE resource_assignments DISABLE TRIGGER ALL",
                "UPDATE resource_assignments SET resource_id = '<missing>' WHERE id = '<assignment>'",
                "ALTER TABLE resource_assignments ENABLE TRIGGER ALL",
            ],
            &["<assignment>", "<missing>"],
        ),
        case(
            "an assignment without its phase, its foreign key there but not validated",
            &[
                "ALTER TABLE resource_assignments DROP CONSTRAINT resource_assignments_project_phase_id_fkey",
                "UPDATE resource_assignments SET project_phase_id = '<missing>' WHERE id = '<assignment>'",
                "ALTER TABLE resource_assignments ADD CONSTRAINT resource_assignments_project_phase_id_fkey
                    FOREIGN KEY (project_phase_id) REFERENCES project_phases (id) NOT VALID",
            ],
            &["<assignment>", "<missing>"],
        ),
        case(
            "an actual without its assignment",
            &[
                "ALTER TABLE actuals DISABLE TRIGGER ALL",
                "INSERT INTO actuals VALUES ('<spring>', '<missing>', 'EMP1', 'Worker 1', '2024-03-05', 50, 100, 60, 40,
                    '<new actual>', '2024-03-06', '2024-03-06')",
                "ALTER TABLE actuals ENABLE TRIGGER ALL",
            ],
            &["<new actual>", "<missing>"],
        ),
        case(
            "a project that went and left its phases and assignments",
            &[
                "ALTER TABLE projects DISABLE TRIGGER ALL",
                "DELETE FROM projects WHERE id = '<summer>'",
                "ALTER TABLE projects ENABLE TRIGGER ALL",
            ],
            &["<summer>", "<summer execution>", "<summer assignment>"],
        ),
    ]
}
