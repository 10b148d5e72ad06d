//! Triggers. Those on rows write into a separate table, so that the dump shows one that fired during a migration. They are created after
//! the rows, so that nothing else fires them.

use super::{TableObject, object};

/// The table that fired triggers write into; several objects create it.
// Triggers run with the rights of the table's current owner.
const FIRED_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS dba_fired (what text); GRANT INSERT ON dba_fired TO PUBLIC";
/// Writes into it.
const RECORD_FIRING: &str = "CREATE OR REPLACE FUNCTION dba_tell() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO public.dba_fired VALUES (TG_NAME || '' '' || TG_OP); RETURN NULL; END'";
/// A trigger function without effect.
const PASS: &str = "CREATE OR REPLACE FUNCTION dba_pass() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RETURN NEW; END'";

pub(super) const OBJECTS: &[TableObject] = &[
    object("phases: a trigger on rows", &[
        FIRED_TABLE,
        RECORD_FIRING,
        "CREATE TRIGGER dba_rows AFTER INSERT OR UPDATE OR DELETE ON project_phases
            FOR EACH ROW EXECUTE FUNCTION dba_tell()",
        "COMMENT ON TRIGGER dba_rows ON project_phases IS 'tells'",
    ]),
    object("assignments: a trigger on rows", &[
        FIRED_TABLE,
        RECORD_FIRING,
        "CREATE TRIGGER dba_rows AFTER INSERT OR UPDATE OR DELETE ON resource_assignments
            FOR EACH ROW EXECUTE FUNCTION dba_tell()",
    ]),
    object("phases: triggers on statements, with the rows as tables", &[
        FIRED_TABLE,
        RECORD_FIRING,
        "CREATE TRIGGER dba_statements AFTER UPDATE ON project_phases
            REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION dba_tell()",
        "CREATE TRIGGER dba_truncate BEFORE TRUNCATE ON project_phases EXECUTE FUNCTION dba_tell()",
    ]),
    object("assignments: triggers that are always, never and only in a replica fired", &[
        FIRED_TABLE,
        RECORD_FIRING,
        "CREATE TRIGGER dba_always AFTER UPDATE ON resource_assignments FOR EACH ROW EXECUTE FUNCTION dba_tell()",
        "CREATE TRIGGER dba_never AFTER UPDATE ON resource_assignments FOR EACH ROW EXECUTE FUNCTION dba_tell()",
        "CREATE TRIGGER dba_replica AFTER UPDATE ON resource_assignments FOR EACH ROW EXECUTE FUNCTION dba_tell()",
        "ALTER TABLE resource_assignments ENABLE ALWAYS TRIGGER dba_always",
        "ALTER TABLE resource_assignments DISABLE TRIGGER dba_never",
        "ALTER TABLE resource_assignments ENABLE REPLICA TRIGGER dba_replica",
    ]),
    object("phases: triggers that are always, never and only in a replica fired", &[
        FIRED_TABLE,
        RECORD_FIRING,
        "CREATE TRIGGER dba_always BEFORE INSERT ON project_phases FOR EACH STATEMENT EXECUTE FUNCTION dba_tell()",
        "CREATE TRIGGER dba_never AFTER DELETE ON project_phases FOR EACH ROW EXECUTE FUNCTION dba_tell()",
        "CREATE TRIGGER dba_replica AFTER INSERT ON project_phases FOR EACH ROW EXECUTE FUNCTION dba_tell()",
        "ALTER TABLE project_phases ENABLE ALWAYS TRIGGER dba_always",
        "ALTER TABLE project_phases DISABLE TRIGGER dba_never",
        "ALTER TABLE project_phases ENABLE REPLICA TRIGGER dba_replica",
    ]),
    object("phases: a trigger of columns that stay, and on a condition", &[
        PASS,
        "CREATE TRIGGER dba_budget BEFORE UPDATE OF capital_budget, expense_budget ON project_phases
            FOR EACH ROW WHEN (NEW.total_budget > 1000) EXECUTE FUNCTION dba_pass('a', 'it''s', '')",
    ]),
    object("assignments: a trigger of columns that stay, and on a condition", &[
        PASS,
        "CREATE TRIGGER \"Dba ''Tag''\" BEFORE INSERT OR UPDATE OF assignment_date ON resource_assignments
            FOR EACH ROW WHEN (NEW.assignment_date > '2024-01-01') EXECUTE FUNCTION dba_pass()",
    ]),
    object("assignments: a constraint trigger, deferred", &[
        FIRED_TABLE,
        RECORD_FIRING,
        "CREATE CONSTRAINT TRIGGER dba_later AFTER INSERT OR UPDATE ON resource_assignments FROM projects
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dba_tell()",
    ]),
    object("phases: a constraint trigger", &[
        FIRED_TABLE,
        RECORD_FIRING,
        "CREATE CONSTRAINT TRIGGER dba_at_once AFTER DELETE ON project_phases
            FOR EACH ROW EXECUTE FUNCTION dba_tell()",
    ]),
];
