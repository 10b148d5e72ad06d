//! Owners, grants, default privileges, row security.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object("phases: another owner", &["ALTER TABLE project_phases OWNER TO phaseline_test_owner"]),
    object("assignments: another owner", &["ALTER TABLE resource_assignments OWNER TO phaseline_test_owner"]),
    object(
        "assignments: an owner with an odd name",
        &[r#"ALTER TABLE resource_assignments OWNER TO "phaseline ""test"" Rôle""#],
    ),
    object("the enum type: another owner", &["ALTER TYPE phasetype OWNER TO phaseline_test_owner"]),
    object("the enum type: a grant", &["GRANT USAGE ON TYPE phasetype TO phaseline_test_reader"]),
    object(
        "phases: grants, one with grant option",
        &[
            "GRANT SELECT, INSERT ON project_phases TO phaseline_test_reader WITH GRANT OPTION",
            "GRANT SELECT ON project_phases TO PUBLIC",
        ],
    ),
    object(
        "assignments: grants in an order of their own",
        &[
            r#"GRANT UPDATE ON resource_assignments TO "phaseline ""test"" Rôle""#,
            "GRANT SELECT, DELETE, TRUNCATE, REFERENCES, TRIGGER ON resource_assignments TO phaseline_test_reader",
            "GRANT ALL ON resource_assignments TO phaseline_test_operator",
            "REVOKE INSERT ON resource_assignments FROM phaseline_test_operator",
        ],
    ),
    object(
        "phases: a grant by another grantor",
        &[
            "GRANT SELECT ON project_phases TO phaseline_test_grantor WITH GRANT OPTION",
            "SET ROLE phaseline_test_grantor",
            "GRANT SELECT ON project_phases TO phaseline_test_reader, phaseline_test_operator",
            "RESET ROLE",
        ],
    ),
    object(
        "assignments: a chain of grantors",
        &[
            "GRANT SELECT, UPDATE ON resource_assignments TO phaseline_test_grantor WITH GRANT OPTION",
            "SET ROLE phaseline_test_grantor",
            r#"GRANT SELECT ON resource_assignments TO "phaseline ""test"" Rôle" WITH GRANT OPTION"#,
            r#"SET ROLE "phaseline ""test"" Rôle""#,
            "GRANT SELECT ON resource_assignments TO phaseline_test_reader WITH GRANT OPTION",
            "RESET ROLE",
        ],
    ),
    object(
        "phases: grants on columns, one of them goes",
        &[
            "GRANT SELECT (id, project_id, phase_type), UPDATE (capital_budget) ON project_phases
                TO phaseline_test_reader",
            "GRANT SELECT (phase_type) ON project_phases TO phaseline_test_operator WITH GRANT OPTION",
        ],
    ),
    object(
        "assignments: grants on columns, one of them goes",
        &[
            "GRANT SELECT (id, project_phase_id), UPDATE (project_phase_id) ON resource_assignments
                TO phaseline_test_reader",
            "GRANT REFERENCES (id) ON resource_assignments TO PUBLIC",
        ],
    ),
    object(
        "assignments: a grant on the column that goes, by another grantor",
        &[
            "GRANT SELECT (project_phase_id) ON resource_assignments TO phaseline_test_grantor WITH GRANT OPTION",
            "SET ROLE phaseline_test_grantor",
            "GRANT SELECT (project_phase_id) ON resource_assignments TO phaseline_test_operator",
            "RESET ROLE",
        ],
    ),
    object(
        "phases: the owner may not truncate",
        &["REVOKE TRUNCATE, TRIGGER ON project_phases FROM postgres"],
    ),
    object(
        "default privileges in the schema",
        &[
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, UPDATE ON TABLES TO phaseline_test_reader",
            "ALTER DEFAULT PRIVILEGES FOR ROLE phaseline_test_owner IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC",
        ],
    ),
    object(
        "default privileges in the database",
        &[
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
            "ALTER DEFAULT PRIVILEGES REVOKE TRUNCATE ON TABLES FROM postgres",
        ],
    ),
    object(
        "phases: row security with policies",
        &[
            "ALTER TABLE project_phases ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY dba_read ON project_phases FOR SELECT TO phaseline_test_reader USING (capital_budget > 0)",
            "CREATE POLICY dba_write ON project_phases AS RESTRICTIVE FOR UPDATE
                USING (total_budget < 1000000) WITH CHECK (total_budget < 2000000)",
        ],
    ),
    object(
        "phases: a policy that reads another table, row security off",
        &["CREATE POLICY dba_of_projects ON project_phases FOR ALL
            USING (project_id IN (SELECT p.id FROM projects AS p WHERE p.cost_center_code <> ''))"],
    ),
    object(
        "assignments: forced row security, a policy with an odd name",
        &[
            "ALTER TABLE resource_assignments ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            r#"CREATE POLICY "Richtlinie ""eins""" ON resource_assignments FOR INSERT
                TO phaseline_test_reader, phaseline_test_operator WITH CHECK (allocation_percentage <= 50)"#,
            r#"COMMENT ON POLICY "Richtlinie ""eins""" ON resource_assignments IS 'no more than half'"#,
        ],
    ),
];
