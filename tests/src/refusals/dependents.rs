//! Objects that depend on one of the two tables, and would follow the old one or break.

use super::{RefusalCase, case};

pub(super) fn cases() -> Vec<RefusalCase> {
    vec![
        case(
            "a view of the types of phases",
            &["CREATE VIEW dba_overview AS SELECT phase_type, sum(total_budget) FROM project_phases GROUP BY 1"],
            &["dba_overview"],
        ),
        case(
            "a view of the links of assignments, in another schema",
            &[
                "CREATE SCHEMA dba",
                "CREATE VIEW dba.\"Tage\" AS SELECT assignment_date, project_phase_id FROM resource_assignments",
            ],
            &["Tage"],
        ),
        case(
            "a view of rows as a whole",
            &["CREATE VIEW dba_rows AS SELECT a FROM resource_assignments AS a"],
            &["dba_rows"],
        ),
        case(
            "a materialized view of the types of phases",
            &["CREATE MATERIALIZED VIEW dba_types AS SELECT DISTINCT phase_type FROM project_phases"],
            &["dba_types"],
        ),
        case(
            "a function over a materialized view of phases",
            &[
                "CREATE MATERIALIZED VIEW dba_budgets AS SELECT sum(total_budget) FROM project_phases",
                "CREATE FUNCTION dba_budget() RETURNS numeric LANGUAGE sql RETURN (SELECT sum FROM dba_budgets)",
            ],
            &["dba_budget()"],
        ),
        case(
            "several views, one of them on a view",
            &[
                "CREATE VIEW dba_first AS SELECT id, phase_type FROM project_phases",
                "CREATE VIEW dba_second AS SELECT count(*) FROM dba_first",
                "CREATE MATERIALIZED VIEW dba_third AS SELECT DISTINCT project_phase_id FROM resource_assignments",
            ],
            &["dba_first", "dba_third"],
        ),
        case(
            "a rule on phases",
            &["CREATE RULE dba_silent AS ON DELETE TO project_phases WHERE old.total_budget > 100 DO INSTEAD NOTHING"],
            &["dba_silent"],
        ),
        case(
            "a rule on assignments",
            &["CREATE RULE dba_told AS ON INSERT TO resource_assignments DO ALSO NOTIFY dba_assigned"],
            &["dba_told"],
        ),
        case(
            "a rule elsewhere that writes phases",
            &[
                "CREATE TABLE dba_requests (phase_id uuid)",
                "CREATE RULE dba_touch AS ON INSERT TO dba_requests DO ALSO
                    UPDATE project_phases SET updated_at = updated_at WHERE id = new.phase_id",
            ],
            &["dba_touch"],
        ),
        case(
            "a function with an SQL body over phases",
            &["CREATE FUNCTION dba_total() RETURNS numeric LANGUAGE sql
                RETURN (SELECT sum(p.total_budget) FROM project_phases AS p)"],
            &["dba_total"],
        ),
        case(
            "a procedure with an SQL body over assignments",
            &["CREATE PROCEDURE dba_clear(day date) LANGUAGE sql BEGIN ATOMIC
                DELETE FROM resource_assignments WHERE assignment_date = day; END"],
            &["dba_clear"],
        ),
        case(
            "a function that takes a phase",
            &["CREATE FUNCTION dba_is_large(phase project_phases) RETURNS boolean LANGUAGE plpgsql AS
                'BEGIN RETURN phase.total_budget > 100000; END'"],
            &["dba_is_large"],
        ),
        case(
            "a function that returns assignments",
            &["CREATE FUNCTION dba_all() RETURNS SETOF resource_assignments LANGUAGE plpgsql AS
                'BEGIN RETURN QUERY SELECT * FROM public.resource_assignments; END'"],
            &["dba_all"],
        ),
        case(
            "a table with a phase in a column",
            &["CREATE TABLE dba_archive (phase project_phases)"],
            &["dba_archive"],
        ),
        case(
            "a table with assignments in an array",
            &["CREATE TABLE dba_batches (rows resource_assignments[])"],
            &["dba_batches"],
        ),
        case(
            "a type made of phases",
            &["CREATE TYPE dba_pair AS (before project_phases, after project_phases)"],
            &["dba_pair"],
        ),
        case(
            "a table that inherits from phases",
            &["CREATE TABLE dba_old_phases () INHERITS (project_phases)"],
            &["dba_old_phases"],
        ),
        case(
            "assignments that inherit",
            &[
                "CREATE TABLE dba_stamped (created_at timestamp NOT NULL, updated_at timestamp NOT NULL)",
                "ALTER TABLE resource_assignments INHERIT dba_stamped",
            ],
            &["dba_stamped"],
        ),
        case(
            "a sequence owned by the column that goes",
            &["CREATE SEQUENCE dba_type_numbers OWNED BY project_phases.phase_type"],
            &["dba_type_numbers"],
        ),
        case(
            "a default elsewhere that draws from the sequence of an identity column",
            &[
                "ALTER TABLE resource_assignments ADD COLUMN dba_number int GENERATED BY DEFAULT AS IDENTITY",
                "CREATE TABLE dba_numbered (id bigint DEFAULT nextval('resource_assignments_dba_number_seq'))",
            ],
            &["dba_numbered"],
        ),
        case(
            "a policy on another table that reads phases",
            &["CREATE POLICY dba_planned ON projects USING (EXISTS
                (SELECT FROM project_phases AS p WHERE p.project_id = projects.id AND p.phase_type = 'PLANNING'))"],
            &["dba_planned"],
        ),
        case(
            "phases that belong to an extension",
            &["ALTER EXTENSION plpgsql ADD TABLE project_phases"],
            &["project_phases", "plpgsql"],
        ),
    ]
}
