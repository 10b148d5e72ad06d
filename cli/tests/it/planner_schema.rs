//! A planner with the schema of an unsupported revision: a newer one, or one rolled back by the planner's own migration.

use crate::program::{ProgramOutput, legacy, migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;

/// Changes of tables by later revisions of the planner.
const SPLIT: &str = "
    CREATE TABLE portfolios (id uuid PRIMARY KEY);
    ALTER TABLE resource_assignments DROP COLUMN allocation_percentage;
    ALTER TABLE project_phases ADD labor_capital_budget numeric(15,2) NOT NULL DEFAULT 0,
        DROP COLUMN capital_budget CASCADE, DROP COLUMN expense_budget CASCADE;
    UPDATE alembic_version SET version_num = '527d058114e2'";

/// Changes by a later revision that do not affect the tables.
const PORTFOLIOS: &str = "
    CREATE TABLE portfolios (id uuid PRIMARY KEY);
    UPDATE alembic_version SET version_num = '847b37d80156'";

/// The relevant statements of the planner's own migration.
const MIGRATED_BY_THE_PLANNER: &str = "
    ALTER TABLE project_phases ADD COLUMN name varchar(100) NOT NULL DEFAULT 'Phase', ADD COLUMN start_date date,
        ADD COLUMN end_date date, ADD COLUMN description varchar(500);
    ALTER TABLE project_phases ALTER name DROP DEFAULT;
    DELETE FROM actuals; DELETE FROM resource_assignments;
    DELETE FROM project_phases ph WHERE EXISTS (
        SELECT FROM project_phases o WHERE o.project_id = ph.project_id AND o.id < ph.id);
    UPDATE project_phases ph SET (start_date, end_date) = (SELECT p.start_date, p.end_date FROM projects p WHERE p.id = ph.project_id);
    ALTER TABLE project_phases ALTER start_date SET NOT NULL, ALTER end_date SET NOT NULL,
        ADD CONSTRAINT check_phase_dates CHECK (start_date <= end_date);
    CREATE INDEX ix_project_phases_start_date ON project_phases (start_date);
    CREATE INDEX ix_project_phases_end_date ON project_phases (end_date);
    ALTER TABLE resource_assignments DROP COLUMN project_phase_id;
    ALTER TABLE project_phases DROP COLUMN phase_type;
    UPDATE alembic_version SET version_num = '92023c163a26'";

/// Fails unless the run names the missing objects.
#[track_caller]
fn names_what_is_missing(ran: &ProgramOutput) {
    let text = format!("{}{}", ran.stdout, ran.stderr);
    for wanted in
        ["public.resource_assignments.allocation_percentage", "public.project_phases.capital_budget"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("SQLSTATE") && !text.contains("976e6adbac6f"), "{text}");
}

#[test]
fn every_command_names_columns_that_a_newer_planner_dropped() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    database.psql(SPLIT);
    let before = database.dump(&[]);
    for args in [
        &["plan"][..],
        &["plan", "--adopt-migrated"],
        &["migrate", "--yes"],
        &["verify"],
        &["drift"],
        &["rebuild", "--check"],
        &["phase", "budget", &phase, "5", "5"],
        &["timeline", "reschedule", &project, "--from-table"],
    ] {
        let ran = on(&database, args);
        assert_eq!(ran.code, Some(3), "{args:?}: {}{}", ran.stdout, ran.stderr);
        names_what_is_missing(&ran);
    }
    let plan = on(&database, &["plan"]).stdout;
    for wanted in [
        "REFUSED newer_revision",
        "holds 527d058114e2",
        "the last one that it knows is 92023c163a26",
        "alembic downgrade",
    ] {
        assert!(plan.contains(wanted), "{wanted}: {plan}");
    }
    names_what_is_missing(&on(&database, &["status"]).exits_with(0));
    names_what_is_missing(&on(&database, &["doctor"]).exits_with(1));
    let rollback = on(&database, &["rollback", "--dry-run"]).exits_with(3);
    assert!(rollback.stdout.contains("newer_revision"), "{}{}", rollback.stdout, rollback.stderr);
    assert!(database.dump(&[]) == before);

    // Setting back only the revision by hand does not change the result.
    database.psql("UPDATE alembic_version SET version_num = '92023c163a26'");
    let plan = on(&database, &["plan", "--adopt-migrated"]).exits_with(3);
    names_what_is_missing(&plan);
    assert!(plan.stdout.contains("planner_schema_changed"), "{}", plan.stdout);
}

#[test]
fn a_newer_planner_with_the_same_phases_is_taken_over_not_rolled_back() {
    let database = legacy();
    database.psql(MIGRATED_BY_THE_PLANNER);
    database.psql(PORTFOLIOS);
    let plan = on(&database, &["plan", "--adopt-migrated"]).exits_with(0).stdout;
    assert!(
        plan.contains("READY") && plan.contains("847b37d80156 is newer than this program knows"),
        "{plan}"
    );
    // Not with a column that the log would lack.
    database.psql("ALTER TABLE project_phases ADD version integer NOT NULL DEFAULT 1");
    let refused = on(&database, &["plan", "--adopt-migrated"]).exits_with(3).stdout;
    assert!(refused.contains("public.project_phases.version: is new"), "{refused}");
    database.psql("ALTER TABLE project_phases DROP COLUMN version");

    on(&database, &["migrate", "--yes", "--adopt-migrated"]).exits_with(0);
    assert_eq!(database.psql("SELECT version_num FROM alembic_version"), "847b37d80156");
    assert!(on(&database, &["plan"]).exits_with(0).stdout.contains("ALREADY MIGRATED"));
    let verified = on(&database, &["verify"]).exits_with(0).stdout;
    assert!(verified.contains("847b37d80156 is newer than this program knows"), "{verified}");
    on(&database, &["doctor"]).exits_with(0);
    let phase = database.psql("SELECT id FROM project_phases ORDER BY id LIMIT 1");
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);

    let before = database.dump(&[]);
    let refused = on(&database, &["rollback", "--yes"]).exits_with(3);
    assert!(refused.stderr.contains("newer_revision") || refused.stdout.contains("newer_revision"));
    assert!(database.dump(&[]) == before);
    // After the planner's downgrade the rollback is possible.
    database.psql("DROP TABLE portfolios; UPDATE alembic_version SET version_num = '92023c163a26'");
    let plan = on(&database, &["rollback", "--dry-run", "--json"]);
    assert!(!plan.stdout.contains("newer_revision"), "{}", plan.stdout);
}

/// The state after the planner's own rollback: text for the type, and two columns at the end.
fn taken_back(database: &TestDatabase) {
    database.psql(
        "ALTER TABLE project_phases ADD COLUMN moved varchar(50);
         UPDATE project_phases SET moved = phase_type::text;
         ALTER TABLE project_phases ALTER moved SET NOT NULL;
         ALTER TABLE project_phases DROP COLUMN phase_type;
         ALTER TABLE project_phases RENAME moved TO phase_type;
         ALTER TABLE resource_assignments ADD COLUMN moved uuid REFERENCES project_phases (id);
         UPDATE resource_assignments SET moved = project_phase_id;
         ALTER TABLE resource_assignments ALTER moved SET NOT NULL;
         ALTER TABLE resource_assignments DROP COLUMN project_phase_id;
         ALTER TABLE resource_assignments RENAME moved TO project_phase_id;",
    );
}

#[test]
fn the_statement_of_the_plan_repairs_an_undone_original_migration() {
    let database = legacy();
    taken_back(&database);
    database.psql("UPDATE project_phases SET phase_type = 'Planning' WHERE id = (SELECT max(id::text)::uuid FROM project_phases)");
    let plan = on(&database, &["plan", "--json"]).exits_with(3).object("phaseline.plan/1");
    let anomalies = plan["anomalies"].as_array().unwrap();
    assert_eq!(anomalies.len(), 1, "{plan}");
    assert_eq!(anomalies[0]["code"], "phase_type_is_text");
    assert!(anomalies[0]["rows"][0]["detail"].as_str().unwrap().contains("first correct 1 rows"), "{plan}");
    database.psql("UPDATE project_phases SET phase_type = upper(phase_type)");
    let cure = anomalies[0]["remedy"].as_str().unwrap().strip_prefix("Run: ").unwrap();
    database.psql(cure);
    let links = "SELECT string_agg(id || ' ' || project_phase_id, ',' ORDER BY id) FROM resource_assignments";
    let types = "SELECT string_agg(id || ' ' || phase_type, ',' ORDER BY id) FROM project_phases";
    let before = (database.psql(links), database.psql(types), database.dump(&["--schema=public"]));
    assert!(on(&database, &["plan"]).exits_with(0).stdout.contains("READY"));
    on(&database, &["migrate", "--yes"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    on(&database, &["rollback", "--yes"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    assert!((database.psql(links), database.psql(types), database.dump(&["--schema=public"])) == before);
}

#[test]
fn a_deleted_project_is_noted_and_adopt_closes_its_timeline() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    database.psql(&format!(
        "DELETE FROM actuals WHERE resource_assignment_id IN (SELECT id FROM resource_assignments WHERE project_id = '{project}');
         DELETE FROM resource_assignments WHERE project_id = '{project}';
         DELETE FROM project_phases WHERE project_id = '{project}';
         DELETE FROM projects WHERE id = '{project}'"
    ));
    let verified = on(&database, &["verify"]).exits_with(0).stdout;
    assert!(verified.contains("The planner deleted 1 projects") && verified.contains(&project), "{verified}");
    let drift = on(&database, &["drift"]).exits_with(0).stdout;
    assert!(drift.contains(&project) && drift.contains("NO DRIFT"), "{drift}");
    let drift = on(&database, &["drift", "--json"]).exits_with(0).object("phaseline.drift/1");
    assert_eq!(
        (&drift["left"], &drift["notes"], &drift["drift"][0]["cure"]),
        (&0.into(), &1.into(), &"close".into())
    );
    let dry = on(&database, &["adopt", "--dry-run"]).exits_with(0).stdout;
    assert!(dry.contains("timeline to be closed"), "{dry}");
    let closings = format!(
        "SELECT metadata ->> 'source' FROM phaseline.events WHERE stream_id = '{project}' AND event_type = 'TimelineClosed'"
    );
    assert_eq!(database.psql(&closings), "");
    let adopted = on(&database, &["adopt"]).exits_with(0).stdout;
    assert!(adopted.contains(&format!("project {project}: timeline closed")), "{adopted}");
    assert_eq!(database.psql(&closings), "planner");
    let history = on(&database, &["history", &project]).exits_with(0).stdout;
    assert!(
        history.contains("(planner)") && history.contains("why: the planner deleted the project"),
        "{history}"
    );
    assert!(on(&database, &["drift"]).exits_with(0).stdout.contains("NO DRIFT. The tables equal the log."));
    assert!(!on(&database, &["verify"]).exits_with(0).stdout.contains("deleted"));
    assert!(on(&database, &["adopt"]).exits_with(0).stdout.contains("NOTHING TO ADOPT"));
    // Rows that remain despite the foreign key are drift.
    let other = database.psql("SELECT id FROM projects ORDER BY id LIMIT 1");
    database
        .psql(&format!("SET session_replication_role = replica; DELETE FROM projects WHERE id = '{other}'"));
    on(&database, &["drift"]).exits_with(6);
    on(&database, &["verify"]).exits_with(6);
}
