//! The legacy database that every case starts from: three projects that migrate without an anomaly.

use crate::roles;
use phaseline_migrator::sample::legacy_schema;

/// Short names and their ids.
const IDS: &[(&str, &str)] = &[
    ("program", "10000000-0000-4000-8000-000000000001"),
    ("spring", "20000000-0000-4000-8000-000000000001"),
    ("weekend", "20000000-0000-4000-8000-000000000002"),
    ("summer", "20000000-0000-4000-8000-000000000003"),
    ("spring planning", "30000000-0000-4000-8000-000000000001"),
    ("spring execution", "30000000-0000-4000-8000-000000000002"),
    ("weekend planning", "30000000-0000-4000-8000-000000000003"),
    ("weekend execution", "30000000-0000-4000-8000-000000000004"),
    ("summer execution", "30000000-0000-4000-8000-000000000005"),
    ("new phase", "30000000-0000-4000-8000-00000000000a"),
    ("engineer", "40000000-0000-4000-8000-000000000001"),
    ("analyst", "40000000-0000-4000-8000-000000000002"),
    ("assignment", "50000000-0000-4000-8000-000000000001"),
    ("other assignment", "50000000-0000-4000-8000-000000000002"),
    ("assignment outside", "50000000-0000-4000-8000-000000000003"),
    ("summer assignment", "50000000-0000-4000-8000-000000000004"),
    ("new assignment", "50000000-0000-4000-8000-00000000000a"),
    ("actual", "60000000-0000-4000-8000-000000000001"),
    ("new actual", "60000000-0000-4000-8000-00000000000a"),
    ("missing", "99999999-0000-4000-8000-000000000009"),
];

const ROWS: &[&str] = &[
    "INSERT INTO public.alembic_version VALUES ('976e6adbac6f')",
    "INSERT INTO public.programs VALUES ('Programme', 'Sponsor', 'Manager', 'Lead', '2024-01-01', '2024-12-31', NULL,
        '<program>', '2024-01-01', '2024-01-01')",
    "INSERT INTO public.projects VALUES
        ('<program>', 'Spring', 'Sponsor', 'Manager', 'Lead', '2024-03-01', '2024-05-31', 'CC-1', NULL, '<spring>',
         '2024-01-02 08:00:00.000001', '2024-01-02 08:00:00.000002'),
        ('<program>', 'Weekend', 'Sponsor', 'Manager', 'Lead', '2024-06-01', '2024-06-02', 'CC-2', NULL, '<weekend>',
         '2024-01-02 08:00:00.000003', '2024-01-02 08:00:00.000004'),
        ('<program>', 'Summer', 'Sponsor', 'Manager', 'Lead', '2024-06-21', '2024-09-21', 'CC-3', NULL, '<summer>',
         '2024-01-02 08:00:00.000005', '2024-01-02 08:00:00.000006')",
    "INSERT INTO public.project_phases VALUES
        ('<spring>', 'PLANNING', 10, 20.50, 30.50, '<spring planning>', '2024-01-03 09:00:00.1', '2024-01-03 09:00:00.1'),
        ('<spring>', 'EXECUTION', 0, 5, 5, '<spring execution>', '2024-01-03 09:00:00.2', '2024-01-04 09:00:00'),
        ('<weekend>', 'PLANNING', 1, 1, 2, '<weekend planning>', '2024-01-03 09:00:00.3', '2024-01-03 09:00:00.3'),
        ('<weekend>', 'EXECUTION', 2, 2, 4, '<weekend execution>', '2024-01-03 09:00:00.4', '2024-01-03 09:00:00.4'),
        ('<summer>', 'EXECUTION', 7, 0, 7, '<summer execution>', '2024-01-03 09:00:00.5', '2024-01-03 09:00:00.5')",
    "INSERT INTO public.resources VALUES
        ('Engineer', 'LABOR', NULL, '<engineer>', '2024-01-01', '2024-01-01'),
        ('Analyst', 'LABOR', NULL, '<analyst>', '2024-01-01', '2024-01-01')",
    "INSERT INTO public.resource_assignments VALUES
        ('<engineer>', '<spring>', '<spring planning>', '2024-03-05', 50, 60, 40, '<assignment>',
         '2024-02-01 08:00:00.000001', '2024-02-01 08:00:00.000001'),
        ('<engineer>', '<spring>', '<spring execution>', '2024-03-05', 50, 60, 40, '<other assignment>',
         '2024-02-01 08:00:00.000002', '2024-02-01 08:00:00.000002'),
        ('<analyst>', '<spring>', '<spring execution>', '2025-01-01', 100, 0, 100, '<assignment outside>',
         '2024-02-01 08:00:00.000003', '2024-02-01 08:00:00.000003'),
        ('<analyst>', '<summer>', '<summer execution>', '2024-07-01', 100, 0, 100, '<summer assignment>',
         '2024-02-01 08:00:00.000004', '2024-02-01 08:00:00.000004')",
    "INSERT INTO public.actuals VALUES
        ('<spring>', '<assignment>', 'EMP1', 'Worker 1', '2024-03-05', 50, 100, 60, 40, '<actual>', '2024-03-06',
         '2024-03-06')",
];

/// The statements that create it in an empty database.
pub fn base_database() -> Vec<String> {
    let before = [roles::create(), legacy_schema().to_owned()];
    before.into_iter().chain(ROWS.iter().map(|sql| resolve(sql))).collect()
}

/// The id of a short name, such as `spring`, `summer execution` or `missing` (a missing row).
///
/// # Panics
/// If the name is unknown.
pub fn id(name: &str) -> &'static str {
    match IDS.iter().find(|(short, _)| *short == name) {
        Some((_, id)) => id,
        None => panic!("the base database has no {name:?}"),
    }
}

/// The text with the ids in place of the short names.
pub(super) fn resolve(text: &str) -> String {
    IDS.iter().fold(text.to_owned(), |text, (short, id)| text.replace(&format!("<{short}>"), id))
}
