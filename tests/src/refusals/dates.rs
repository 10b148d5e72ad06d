//! Dates and timestamps that a timeline cannot hold.

use super::{RefusalCase, case};

pub(super) fn cases() -> Vec<RefusalCase> {
    vec![
        case(
            "a project without a start",
            &[
                "ALTER TABLE projects ALTER COLUMN start_date DROP NOT NULL",
                "UPDATE projects SET start_date = NULL WHERE id = '<spring>'",
            ],
            &["<spring>"],
        ),
        case(
            "two projects, one without a start and one without an end",
            &[
                "ALTER TABLE projects ALTER COLUMN start_date DROP NOT NULL, ALTER COLUMN end_date DROP NOT NULL",
                "UPDATE projects SET start_date = NULL WHERE id = '<spring>'",
                "UPDATE projects SET end_date = NULL WHERE id = '<summer>'",
            ],
            &["<spring>", "<summer>"],
        ),
        case(
            "a project without an end in time",
            &["UPDATE projects SET end_date = 'infinity' WHERE id = '<spring>'"],
            &["<spring>"],
        ),
        case(
            "a project without a beginning in time",
            &["UPDATE projects SET start_date = '-infinity' WHERE id = '<summer>'"],
            &["<summer>"],
        ),
        case(
            "a project that started before our era",
            &["UPDATE projects SET start_date = '0044-03-15 BC' WHERE id = '<spring>'"],
            &["<spring>"],
        ),
        case(
            "a project that ends after the year 9999",
            &["UPDATE projects SET end_date = '10000-01-01' WHERE id = '<spring>'"],
            &["<spring>"],
        ),
        case(
            "a project that ends before it starts",
            &[
                "ALTER TABLE projects DROP CONSTRAINT check_project_dates",
                "UPDATE projects SET start_date = '2024-09-22' WHERE id = '<summer>'",
            ],
            &["<summer>"],
        ),
        case(
            "a project with more phases than days",
            &["INSERT INTO project_phases VALUES ('<weekend>', 'EXECUTION', 0, 0, 0, '<new phase>', '2024-01-05',
                '2024-01-05')"],
            &["<weekend>"],
        ),
        case(
            "a project of one day with two phases",
            &[
                "ALTER TABLE projects DROP CONSTRAINT check_project_dates",
                "UPDATE projects SET end_date = start_date WHERE id = '<weekend>'",
            ],
            &["<weekend>"],
        ),
        case(
            "a phase that was made at no moment in time",
            &["UPDATE project_phases SET created_at = 'infinity' WHERE id = '<spring planning>'"],
            &["<spring planning>"],
        ),
        case(
            "a phase that was changed before all time",
            &["UPDATE project_phases SET updated_at = '-infinity' WHERE id = '<spring planning>'"],
            &["<spring planning>"],
        ),
        case(
            "a phase that was made before our era",
            &["UPDATE project_phases SET created_at = '0001-12-31 23:59:59.999999 BC'
                WHERE id = '<summer execution>'"],
            &["<summer execution>"],
        ),
        case(
            "a phase that was changed after the year 9999",
            &["UPDATE project_phases SET updated_at = '10000-01-01 00:00:00' WHERE id = '<summer execution>'"],
            &["<summer execution>"],
        ),
        case(
            "an assignment on no day in time",
            &["UPDATE resource_assignments SET assignment_date = 'infinity' WHERE id = '<assignment>'"],
            &["<assignment>"],
        ),
        case(
            "an assignment on a day before our era",
            &["UPDATE resource_assignments SET assignment_date = '0044-03-15 BC' WHERE id = '<assignment>'"],
            &["<assignment>"],
        ),
        case(
            "an assignment on a day after the year 9999",
            &["UPDATE resource_assignments SET assignment_date = '10000-01-01' WHERE id = '<assignment>'"],
            &["<assignment>"],
        ),
        case(
            "assignments that were made and changed at no moment in time",
            &[
                "UPDATE resource_assignments SET created_at = '-infinity' WHERE id = '<assignment>'",
                "UPDATE resource_assignments SET updated_at = 'infinity' WHERE id = '<other assignment>'",
            ],
            &["<assignment>", "<other assignment>"],
        ),
        case(
            "assignments that were made before our era and changed after the year 9999",
            &[
                "UPDATE resource_assignments SET created_at = '0300-01-01 BC' WHERE id = '<assignment>'",
                "UPDATE resource_assignments SET updated_at = '12345-01-01' WHERE id = '<other assignment>'",
            ],
            &["<assignment>", "<other assignment>"],
        ),
    ]
}
