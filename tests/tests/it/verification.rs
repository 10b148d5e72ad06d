//! Each check of a verification fails when its invariant is violated, and names the place.

use crate::fixture::{assert_verified, migrated_sample, rolled_back_sample, verified_by_several};

/// Damages a separate database, and returns the titles of the failed checks with their details.
async fn failures(back: bool, statement: &str) -> String {
    let database = if back { rolled_back_sample(6, 60, 61) } else { migrated_sample(6, 60, 61) };
    assert_verified(database.url()).await;
    database.psql(statement);
    let found = verified_by_several(database.url()).await;
    assert!(!found.passed, "nothing noticed: {statement}");
    found
        .checks
        .iter()
        .filter(|check| !check.passed)
        .map(|check| format!("{} {} {}\n", check.title, check.lines[0].text, check.details.join("; ")))
        .collect()
}

async fn assert_each_fails(back: bool, cases: &[(&str, &[&str])]) {
    for (statement, expected) in cases {
        let text = failures(back, statement).await;
        for part in *expected {
            assert!(text.contains(part), "{statement}: {part:?} is not in\n{text}");
        }
    }
}

const FIRST: &str = "(SELECT id FROM public.project_phases ORDER BY id LIMIT 1)";

#[tokio::test]
async fn every_check_of_the_timeline_shape_can_fail() {
    let one = |sql: &str| sql.replace("FIRST", FIRST);
    let cases: Vec<(String, &[&str])> = vec![
        (
            one("ALTER TABLE public.project_phases ALTER name DROP NOT NULL;
                 UPDATE public.project_phases SET name = NULL WHERE id = FIRST"),
            &["required fields", "phase names", "equals the fold"],
        ),
        ("ALTER TABLE public.project_phases ADD phase_type text".to_owned(), &["phase_type column is still there"]),
        (
            "ALTER TABLE public.resource_assignments ADD project_phase_id uuid".to_owned(),
            &["project_phase_id column is still there"],
        ),
        (
            one("ALTER TABLE public.project_phases DROP CONSTRAINT check_phase_dates;
                 UPDATE public.project_phases SET end_date = start_date - 1 WHERE id = FIRST"),
            &["start_date <= end_date", "equals the fold"],
        ),
        (one("UPDATE public.project_phases SET name = ' ' WHERE id = FIRST"), &["phase names"]),
        (
            one("UPDATE public.project_phases SET start_date = start_date + 1
                  WHERE (project_id, start_date) IN (SELECT project_id, min(start_date) FROM public.project_phases GROUP BY 1)"),
            &["cover project date ranges", "day by day", "start_date"],
        ),
        (
            one("UPDATE public.project_phases SET capital_budget = capital_budget + 0.01,
                        total_budget = total_budget + 0.01 WHERE id = FIRST"),
            &["budget data preserved", "to the cent", "capital_budget"],
        ),
        (
            // The sum is the same, but not the projects' shares.
            "WITH two AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM public.project_phases
                           WHERE project_id IN (SELECT project_id FROM public.project_phases GROUP BY 1 LIMIT 2))
             UPDATE public.project_phases ph
                SET expense_budget = expense_budget + 1000 - 2000 * (n % 2) , total_budget = total_budget + 1000 - 2000 * (n % 2)
               FROM two WHERE two.id = ph.id AND n <= 2"
                .to_owned(),
            &["equals the fold", "expense_budget"],
        ),
        ("DROP INDEX public.ix_project_phases_end_date".to_owned(), &["missing: ix_project_phases_end_date"]),
        (
            one("INSERT INTO public.project_phases SELECT project_id, 0, 0, 0, gen_random_uuid(), created_at, updated_at,
                        'twice', start_date, end_date, NULL FROM public.project_phases"),
            &["lie in several phases", "overlap", "in project_phases, but not in the log"],
        ),
        (
            one("DELETE FROM public.project_phases WHERE id = FIRST"),
            &["in the log, but not in project_phases", "to the cent", "day by day"],
        ),
        (one("UPDATE public.project_phases SET updated_at = updated_at - interval '1 us' WHERE id = FIRST"), &["updated_at"]),
        (one("UPDATE public.project_phases SET description = '' WHERE id = FIRST"), &["description is  in", "NULL in the log"]),
        (
            // No phase but the first is left within the project.
            "UPDATE public.projects SET end_date = start_date + 1
              WHERE id = (SELECT project_id FROM public.project_phases GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1)".to_owned(),
            &["dates are the timelines'", "its phases cannot follow", "day by day"],
        ),
        (
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             UPDATE phaseline.events SET metadata = '{}' WHERE position = 5"
                .to_owned(),
            &["hash chain", "position 5"],
        ),
        (
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             DELETE FROM phaseline.events WHERE position = 3"
                .to_owned(),
            &["position 3 is missing"],
        ),
        (
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             DELETE FROM phaseline.events WHERE position = (SELECT max(position) FROM phaseline.events);
             ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
                .to_owned(),
            &["the log holds no completed run"],
        ),
        (
            "UPDATE public.alembic_version SET version_num = '976e6adbac6f'".to_owned(),
            &["alembic_version holds 976e6adbac6f"],
        ),
        (
            "ALTER TABLE public.project_phases ADD stage text NOT NULL DEFAULT '';
             ALTER TABLE public.project_phases ALTER stage DROP DEFAULT".to_owned(),
            &["public.project_phases.stage is NOT NULL without a default"],
        ),
        ("ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only".to_owned(), &["doctor --repair"]),
        ("DELETE FROM phaseline.head".to_owned(), &["doctor --repair"]),
        ("UPDATE phaseline.head SET accepts_commands = false".to_owned(), &["takes no commands"]),
        ("UPDATE phaseline.head SET log_id = gen_random_uuid()".to_owned(), &["another log's id"]),
        ("ALTER TABLE public.project_phases DROP CONSTRAINT check_phase_dates".to_owned(), &["check_phase_dates is missing"]),
        ("ALTER TABLE public.project_phases ALTER name DROP NOT NULL".to_owned(), &["column name is not"]),
        ("ALTER TABLE public.project_phases DROP CONSTRAINT project_phases_pkey".to_owned(), &["primary key on id"]),
    ];
    let cases: Vec<(&str, &[&str])> = cases.iter().map(|(sql, expected)| (sql.as_str(), *expected)).collect();
    assert_each_fails(false, &cases).await;
}

#[tokio::test]
async fn every_check_of_the_legacy_shape_can_fail() {
    let one = |sql: &str| sql.replace("FIRST", FIRST);
    let cases: Vec<(String, &[&str])> = vec![
        ("ALTER TABLE public.project_phases ALTER phase_type TYPE varchar(20)".to_owned(), &["not the enum"]),
        ("ALTER TABLE public.project_phases ADD name varchar(100)".to_owned(), &["name column is still there"]),
        (
            one("ALTER TABLE public.project_phases ALTER phase_type DROP NOT NULL;
                 UPDATE public.project_phases SET phase_type = NULL WHERE id = FIRST"),
            &["have no type", "phase_type is NULL"],
        ),
        (
            one("UPDATE public.project_phases SET phase_type = CASE phase_type WHEN 'PLANNING'
                        THEN 'EXECUTION'::public.phasetype ELSE 'PLANNING' END WHERE id = FIRST"),
            &["phase_type is"],
        ),
        (
            one("UPDATE public.project_phases SET created_at = created_at - interval '1 us' WHERE id = FIRST"),
            &["created_at is"],
        ),
        (
            "UPDATE public.project_phases SET id = id WHERE ctid = (SELECT min(ctid) FROM public.project_phases)".to_owned(),
            &["has another position in the table"],
        ),
        (
            "UPDATE public.resource_assignments ra SET project_phase_id =
                    (SELECT id FROM public.project_phases ph WHERE ph.id <> ra.project_phase_id ORDER BY id LIMIT 1)
              WHERE id = (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 1)"
                .to_owned(),
            &["points at phase"],
        ),
        (
            one("ALTER TABLE public.resource_assignments DROP CONSTRAINT resource_assignments_project_phase_id_fkey;
                 DELETE FROM public.project_phases WHERE id = FIRST"),
            &["in the log, not in the table"],
        ),
        (
            "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
             UPDATE phaseline.events SET recorded_at = recorded_at - interval '1 s' WHERE position = 9"
                .to_owned(),
            &["hash chain", "position 9"],
        ),
        (
            "DELETE FROM public.actuals; DELETE FROM public.resource_assignments
              WHERE id IN (SELECT id FROM public.resource_assignments ORDER BY id LIMIT 3)"
                .to_owned(),
            &["57 assignments, the rollback left 60"],
        ),
        (
            "ALTER TABLE public.resource_assignments DROP CONSTRAINT resource_assignments_project_phase_id_fkey".to_owned(),
            &["resource_assignments_project_phase_id_fkey is missing"],
        ),
        ("DROP INDEX public.ix_resource_assignments_project_phase_id".to_owned(), &["is missing"]),
        ("UPDATE public.alembic_version SET version_num = 'x'".to_owned(), &["alembic_version holds x"]),
        ("UPDATE phaseline.head SET accepts_commands = true".to_owned(), &["takes commands"]),
        (
            "ALTER TABLE public.resource_assignments ALTER project_phase_id DROP NOT NULL".to_owned(),
            &["column project_phase_id is not defined as it was"],
        ),
    ];
    let cases: Vec<(&str, &[&str])> = cases.iter().map(|(sql, expected)| (sql.as_str(), *expected)).collect();
    assert_each_fails(true, &cases).await;
}
