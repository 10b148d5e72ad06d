//! Where the original migration is correct, Phaseline's creates the same tables.

use crate::fixture::{database_from, migrated, rolled_back, sample};
use phaseline_embedded::testing::TestDatabase;

fn columns(database: &TestDatabase, table: &str) -> String {
    database.psql(&format!(
        "SELECT string_agg(format('%s %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum)
           FROM pg_attribute a WHERE a.attrelid = 'public.{table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped"
    ))
}

#[tokio::test]
async fn the_new_tables_are_those_that_the_original_makes() {
    let database = sample(5, 50, 1);
    migrated(database.url()).await;
    assert_eq!(
        columns(&database, "project_phases").trim(),
        "project_id uuid NOT NULL, capital_budget numeric(15,2) NOT NULL, expense_budget numeric(15,2) NOT NULL, \
         total_budget numeric(15,2) NOT NULL, id uuid NOT NULL, created_at timestamp without time zone NOT NULL, \
         updated_at timestamp without time zone NOT NULL, name character varying(100) NOT NULL, \
         start_date date NOT NULL, end_date date NOT NULL, description character varying(500)"
    );
    assert!(!columns(&database, "resource_assignments").contains("project_phase_id"));
    let indexes = database.psql(
        "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'project_phases'",
    );
    assert_eq!(
        indexes.trim(),
        "ix_project_phases_end_date ix_project_phases_id ix_project_phases_project_id \
         ix_project_phases_start_date project_phases_pkey"
    );
    let constraints = database.psql(
        "SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint
          WHERE conrelid = 'public.project_phases'::regclass AND contype <> 'n'",
    );
    assert_eq!(
        constraints.trim(),
        "check_budget_sum check_capital_budget_positive check_expense_budget_positive check_phase_dates \
         check_total_budget_positive project_phases_pkey project_phases_project_id_fkey"
    );
    assert_eq!(database.psql("SELECT version_num FROM public.alembic_version").trim(), "92023c163a26");
    rolled_back(database.url()).await;
    assert_eq!(database.psql("SELECT version_num FROM public.alembic_version").trim(), "976e6adbac6f");
}

/// The original's own rule in SQL: both types share the project at start + floor((end - start) / 2), one type gets all.
#[tokio::test]
async fn ids_names_days_budgets_and_times_are_the_originals() {
    let database = sample(300, 0, 3);
    database.psql(
        "CREATE TABLE public.expected AS
         SELECT ph.id, ph.project_id, initcap(ph.phase_type::text) AS name, ph.capital_budget, ph.expense_budget,
                ph.total_budget, ph.created_at, ph.updated_at,
                CASE WHEN n.types = 2 AND ph.phase_type = 'EXECUTION'
                     THEN p.start_date + (p.end_date - p.start_date) / 2 + 1 ELSE p.start_date END AS start_date,
                CASE WHEN n.types = 2 AND ph.phase_type = 'PLANNING'
                     THEN p.start_date + (p.end_date - p.start_date) / 2 ELSE p.end_date END AS end_date
           FROM public.project_phases ph JOIN public.projects p ON p.id = ph.project_id
           JOIN (SELECT project_id, count(*) AS phases, count(DISTINCT phase_type) AS types
                   FROM public.project_phases GROUP BY project_id) n ON n.project_id = p.id
          WHERE n.phases = n.types",
    );
    let rows: i64 = database.psql("SELECT count(*) FROM public.expected").trim().parse().unwrap();
    assert!(rows > 300, "{rows}");
    migrated(database.url()).await;
    let same = database.psql(
        "SELECT count(*) FROM public.expected e JOIN public.project_phases ph USING (id, project_id, name,
            capital_budget, expense_budget, total_budget, created_at, updated_at, start_date, end_date)",
    );
    assert_eq!(same.trim(), rows.to_string());
}

#[tokio::test]
async fn many_phases_share_the_days_by_type_time_and_id() {
    let database = database_from(&format!(
        "{}; {}",
        phaseline_migrator::sample::legacy_schema(),
        "INSERT INTO public.alembic_version VALUES ('976e6adbac6f');
         INSERT INTO public.programs SELECT 'p','b','m','t','2024-01-01','2025-01-01',NULL,
                '00000000-0000-0000-0000-000000000001', now(), now();
         INSERT INTO public.projects SELECT '00000000-0000-0000-0000-000000000001','n','b','m','t','2024-01-01',
                '2024-01-11','CC',NULL,'00000000-0000-0000-0000-0000000000aa', now(), now();
         INSERT INTO public.project_phases
         SELECT '00000000-0000-0000-0000-0000000000aa', t::public.phasetype, 1, 2, 3, i::uuid, c::timestamp, c::timestamp
           FROM (VALUES ('EXECUTION', '00000000-0000-0000-0000-000000000004', '2024-01-02'),
                        ('PLANNING',  '00000000-0000-0000-0000-000000000003', '2024-01-02'),
                        ('PLANNING',  '00000000-0000-0000-0000-000000000002', '2024-01-02'),
                        ('PLANNING',  '00000000-0000-0000-0000-000000000009', '2024-01-01')) x(t, i, c)"
    ));
    migrated(database.url()).await;
    let phases = database.psql(
        "SELECT string_agg(right(id::text, 1) || ' ' || name || ' ' || to_char(start_date, 'DD') || '-'
                || to_char(end_date, 'DD'), ', ' ORDER BY start_date) FROM public.project_phases",
    );
    assert_eq!(phases.trim(), "9 Planning 01-03, 2 Planning 04-06, 3 Planning 07-09, 4 Execution 10-11");
}
