//! Objects beside the two tables that a migration must not touch.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object(
        "projects: an added column, a view and an index",
        &[
            "ALTER TABLE projects ADD COLUMN dba_region text DEFAULT 'north'",
            "CREATE VIEW dba_projects AS SELECT id, name, end_date - start_date + 1 AS days FROM projects",
            "CREATE INDEX dba_projects_dates ON projects (start_date, end_date)",
        ],
    ),
    object(
        "projects: another owner and forced row security",
        &[
            "ALTER TABLE projects OWNER TO phaseline_test_owner",
            "ALTER TABLE projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            "CREATE POLICY dba_projects_read ON projects FOR SELECT USING (true)",
        ],
    ),
    object(
        "a function whose body, as text, speaks of both tables",
        &["CREATE FUNCTION dba_links() RETURNS bigint LANGUAGE plpgsql AS
            'BEGIN RETURN (SELECT count(*) FROM project_phases p JOIN resource_assignments a
             ON a.project_phase_id = p.id WHERE p.phase_type = ''PLANNING''); END'"],
    ),
    object(
        "a table that uses the enum type",
        &[
            "CREATE TABLE dba_phase_kinds (kind phasetype PRIMARY KEY, label text)",
            "INSERT INTO dba_phase_kinds VALUES ('EXECUTION', 'doing'), ('PLANNING', 'thinking')",
        ],
    ),
    object(
        "a table with the name of a new column, and one with an odd name",
        &[
            "CREATE TABLE start_date (name varchar(100))",
            r#"CREATE TABLE "Project ""Phases""" (phase_type int, project_phase_id int)"#,
            r#"INSERT INTO "Project ""Phases""" VALUES (1, 2)"#,
        ],
    ),
    object(
        "an event trigger that is switched off",
        &[
            "CREATE FUNCTION dba_no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS
                'BEGIN RAISE EXCEPTION ''no DDL today''; END'",
            "CREATE EVENT TRIGGER dba_frozen ON ddl_command_start EXECUTE FUNCTION dba_no_ddl()",
            "ALTER EVENT TRIGGER dba_frozen DISABLE",
        ],
    ),
    object(
        "event triggers that announce every DDL",
        &[
            "CREATE FUNCTION dba_announce() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NOTIFY dba_ddl; END'",
            "CREATE EVENT TRIGGER dba_announcing ON ddl_command_end EXECUTE FUNCTION dba_announce()",
            "CREATE EVENT TRIGGER dba_announcing_drops ON sql_drop EXECUTE FUNCTION dba_announce()",
        ],
    ),
    object(
        "a schema with tables of the same names",
        &[
            "CREATE SCHEMA dba_archive",
            "CREATE TABLE dba_archive.project_phases (phase_type text, name text)",
            "CREATE TABLE dba_archive.resource_assignments (project_phase_id uuid)",
        ],
    ),
];
