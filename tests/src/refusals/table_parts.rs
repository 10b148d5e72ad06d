//! Objects on a dropped column whose definition needs it.

use super::{RefusalCase, case};
use crate::roles::OPERATOR;

/// A trigger function without effect.
const PASS: &str = "CREATE FUNCTION dba_pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";

pub(super) fn cases() -> Vec<RefusalCase> {
    vec![
        case(
            "a trigger of phase types",
            &[PASS, "CREATE TRIGGER dba_type BEFORE UPDATE OF phase_type ON project_phases
                FOR EACH ROW EXECUTE FUNCTION dba_pass()"],
            &["dba_type", "phase_type"],
        ),
        case(
            "a trigger of links, switched off",
            &[
                PASS,
                "CREATE TRIGGER dba_link BEFORE UPDATE OF assignment_date, project_phase_id ON resource_assignments
                    FOR EACH ROW EXECUTE FUNCTION dba_pass()",
                "ALTER TABLE resource_assignments DISABLE TRIGGER dba_link",
            ],
            &["dba_link", "project_phase_id"],
        ),
        case(
            "a trigger on a condition over phase types",
            &[PASS, "CREATE TRIGGER \"Dba when\" BEFORE UPDATE ON project_phases
                FOR EACH ROW WHEN (NEW.phase_type = 'PLANNING') EXECUTE FUNCTION dba_pass()"],
            &["Dba when", "phase_type"],
        ),
        case(
            "a trigger on a condition over links",
            &[PASS, "CREATE TRIGGER dba_moved BEFORE UPDATE ON resource_assignments FOR EACH ROW
                WHEN (OLD.project_phase_id IS DISTINCT FROM NEW.project_phase_id) EXECUTE FUNCTION dba_pass()"],
            &["dba_moved", "project_phase_id"],
        ),
        case(
            "a policy over phase types, row security off",
            &["CREATE POLICY dba_planners ON project_phases USING (phase_type = 'PLANNING')"],
            &["dba_planners", "phase_type"],
        ),
        case(
            "a policy that checks links",
            &[
                "ALTER TABLE resource_assignments ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY dba_linked ON resource_assignments FOR INSERT
                    WITH CHECK (project_phase_id IN (SELECT p.id FROM project_phases AS p))",
            ],
            &["dba_linked", "project_phase_id"],
        ),
        case(
            "phase types published by name",
            &["CREATE PUBLICATION dba_types FOR TABLE project_phases (id, phase_type)"],
            &["dba_types", "phase_type"],
        ),
        case(
            "links published by name",
            &["CREATE PUBLICATION dba_links FOR TABLE resource_assignments (id, project_phase_id)"],
            &["dba_links", "project_phase_id"],
        ),
        case(
            "rows published on a condition over links",
            &["CREATE PUBLICATION dba_linked FOR TABLE resource_assignments WHERE (project_phase_id <> project_id)
                WITH (publish = 'insert')"],
            &["dba_linked", "project_phase_id"],
        ),
        case(
            "a column generated from the link",
            &["ALTER TABLE resource_assignments ADD COLUMN dba_link_text text
                GENERATED ALWAYS AS (project_phase_id::text) STORED"],
            &["dba_link_text", "project_phase_id"],
        ),
        case(
            "a foreign key of another table on the link",
            &[
                "ALTER TABLE resource_assignments ADD CONSTRAINT dba_link_key UNIQUE (id, project_phase_id)",
                "CREATE TABLE dba_link_notes (assignment_id uuid, phase_id uuid, CONSTRAINT dba_link_fkey
                    FOREIGN KEY (assignment_id, phase_id) REFERENCES resource_assignments (id, project_phase_id))",
            ],
            &["dba_link_fkey", "dba_link_notes"],
        ),
        case(
            "a foreign key of the link to another table",
            &[
                "CREATE TABLE dba_phase_register (phase_id uuid PRIMARY KEY)",
                "INSERT INTO dba_phase_register SELECT id FROM project_phases",
                "ALTER TABLE resource_assignments ADD CONSTRAINT dba_registered FOREIGN KEY (project_phase_id)
                    REFERENCES dba_phase_register",
            ],
            &["dba_registered", "project_phase_id"],
        ),
        case(
            "an event trigger whose function belongs to another role",
            &[
                "CREATE FUNCTION dba_watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
                "ALTER FUNCTION dba_watch() OWNER TO phaseline_test_operator",
                "CREATE EVENT TRIGGER dba_watching ON ddl_command_end EXECUTE FUNCTION dba_watch()",
            ],
            &["dba_watching", "phaseline_test_operator"],
        ),
        case(
            "a role that owns nothing",
            &[
                "GRANT ALL ON ALL TABLES IN SCHEMA public TO phaseline_test_operator",
                "GRANT CREATE, USAGE ON SCHEMA public TO phaseline_test_operator",
            ],
            &["project_phases", "resource_assignments"],
        )
        .acting_as(OPERATOR),
        case(
            "a role that owns the tables and is no member of a grantor",
            &[
                "GRANT CREATE, USAGE ON SCHEMA public TO phaseline_test_operator",
                "GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO phaseline_test_operator",
                "ALTER TABLE project_phases OWNER TO phaseline_test_operator",
                "ALTER TABLE resource_assignments OWNER TO phaseline_test_operator",
                "ALTER TABLE alembic_version OWNER TO phaseline_test_operator",
                "GRANT SELECT ON project_phases TO phaseline_test_grantor WITH GRANT OPTION",
                "SET ROLE phaseline_test_grantor",
                "GRANT SELECT ON project_phases TO phaseline_test_reader",
                "RESET ROLE",
            ],
            &["project_phases", "phaseline_test_grantor"],
        )
        .acting_as(OPERATOR),
    ]
}
