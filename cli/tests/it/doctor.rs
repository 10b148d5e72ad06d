//! `doctor` detects faults of an installation, and can repair the log's schema.

use crate::program::{legacy, migrated, on, project_and_phase, run};
use phaseline_embedded::testing::TestCluster;

#[test]
fn a_healthy_installation_passes_before_and_after_the_migration() {
    for database in [legacy(), migrated()] {
        let report = on(&database, &["doctor"]).exits_with(0).stdout;
        // The test cluster runs with fsync = off, which causes a warning, and warnings have their own verdict.
        assert!(report.ends_with("\n1 WARNING\n") && !report.contains("fail"), "{report}");
        let json = on(&database, &["doctor", "--json"]).exits_with(0).object("phaseline.doctor/1");
        assert!(json["passed"] == true && json["healthy"] == false, "{json:#}");
        assert!(report.contains("warn  durability") && report.contains("fsync"), "{report}");
    }
}

#[test]
fn a_damaged_schema_is_reported_and_repaired_from_the_events() {
    let database = migrated();
    database.psql(
        "DROP TABLE phaseline.head, phaseline._sqlx_migrations; DROP VIEW phaseline.postgres_es_events;
         DROP FUNCTION phaseline.append; DROP FUNCTION phaseline.project_inline;
         ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only",
    );
    let report = on(&database, &["doctor"]).exits_with(1).stdout;
    for named in
        ["phaseline.head", "phaseline.append", "project_inline", "postgres_es_events", "ALWAYS", "--repair"]
    {
        assert!(report.contains(named), "{named}: {report}");
    }
    on(&database, &["doctor", "--repair"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
}

#[test]
fn each_thing_that_is_missing_alone_is_made_again() {
    let database = migrated();
    for lost in [
        "INDEX phaseline.events_first_text_id_idx",
        "TABLE phaseline.idempotency_keys",
        "INDEX phaseline.idempotency_keys_recorded_at_idx",
        "TABLE phaseline.timeline_states",
        "TABLE phaseline.timeline_states_watermark",
        "TABLE phaseline._sqlx_migrations",
    ] {
        database.psql(&format!("DROP {lost}"));
        on(&database, &["upgrade", "--check"]).exits_with(3);
        on(&database, &["doctor", "--repair"]).exits_with(0);
        on(&database, &["doctor"]).exits_with(0);
        on(&database, &["upgrade", "--check"]).exits_with(0);
    }
}

#[test]
fn a_head_that_does_not_know_the_shape_is_found() {
    let database = migrated();
    database.psql("UPDATE phaseline.head SET accepts_commands = false");
    assert!(on(&database, &["doctor"]).exits_with(1).stdout.contains("refuses commands"));
    on(&database, &["doctor", "--repair"]).exits_with(0);
}

#[test]
fn without_events_there_is_no_source_for_a_repair() {
    let database = migrated();
    database.psql("DROP SCHEMA phaseline CASCADE");
    let report = on(&database, &["doctor"]).exits_with(1).stdout;
    assert!(report.contains("backup"), "{report}");
    on(&database, &["doctor", "--repair"]).exits_with(3);
    let empty = TestCluster::shared().database();
    assert!(on(&empty, &["doctor"]).exits_with(1).stdout.contains("phaseline sample"));
}

/// Tables that another program moved after a rollback must not be changed by commands: a repair leaves the log closed.
#[test]
fn a_repair_does_not_open_the_log_over_tables_that_something_else_moved() {
    let database = migrated();
    on(&database, &["rollback", "--yes"]).exits_with(0);
    database.psql(
        "ALTER TABLE project_phases ADD COLUMN name varchar(100), ADD COLUMN start_date date, ADD COLUMN end_date date,
            ADD COLUMN description varchar(500);
         ALTER TABLE resource_assignments DROP COLUMN project_phase_id;
         ALTER TABLE project_phases DROP COLUMN phase_type;
         UPDATE alembic_version SET version_num = '92023c163a26'",
    );
    on(&database, &["doctor", "--repair"]);
    assert_eq!(database.psql("SELECT accepts_commands FROM phaseline.head").trim(), "f");
    let plan = on(&database, &["plan"]).exits_with(3);
    assert!(plan.stdout.contains("--adopt-migrated"), "{}", plan.stdout);
}

/// An owner can disable the protection of the log without changing any name.
#[test]
fn replaced_functions_and_rules_make_doctor_fail() {
    let database = migrated();
    database.psql(
        "CREATE OR REPLACE FUNCTION phaseline.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'begin return null; end';
         ALTER FUNCTION phaseline.append SECURITY INVOKER",
    );
    let report = on(&database, &["doctor"]).exits_with(1).stdout;
    assert!(
        report.contains("fail  append-only       function phaseline.refuse_change has another body"),
        "{report}"
    );
    assert!(report.contains("function phaseline.append has another SECURITY"), "{report}");
    let verified = on(&database, &["verify"]).exits_with(6).stdout;
    assert!(verified.contains("function phaseline.refuse_change has another body"), "{verified}");
    on(&database, &["doctor", "--repair"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);

    database.psql("CREATE RULE quiet AS ON INSERT TO phaseline.events DO INSTEAD NOTHING");
    let report = on(&database, &["doctor", "--repair"]).exits_with(1).stdout;
    assert!(report.contains("fail  append-only       rule quiet on phaseline.events"), "{report}");
    assert!(report.contains("drop objects that this program does not create"), "{report}");
}

#[test]
fn a_damaged_event_is_found_at_the_end_of_the_log_and_with_deep_anywhere() {
    let database = migrated();
    let report = on(&database, &["doctor"]).exits_with(0).stdout;
    assert!(report.contains("ok    log's events      all "), "{report}");
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET payload = '{}' WHERE position = 5;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
    for flags in [&["doctor"][..], &["doctor", "--deep"]] {
        let report = on(&database, flags).exits_with(1).stdout;
        assert!(report.contains("fail  log's events      event at position 5"), "{report}");
        assert!(report.contains("phaseline verify lists everything"), "{report}");
    }
}

#[test]
fn a_clock_that_jumped_ahead_is_a_warning() {
    let database = migrated();
    assert!(!on(&database, &["doctor"]).exits_with(0).stdout.contains("clock"));
    database.psql(
        "INSERT INTO phaseline.events SELECT position + 1, stream_type, stream_id, version + 1, gen_random_uuid(), event_type,
                schema_version, payload, metadata, salt, now() + interval '2 days',
                phaseline.chain_hash(hash, position + 1, now() + interval '2 days', sha256(''))
           FROM phaseline.events ORDER BY position DESC LIMIT 1",
    );
    let report = on(&database, &["doctor"]).exits_with(1).stdout;
    assert!(report.contains("warn  clock") && report.contains("ahead of the database's clock"), "{report}");
}

#[test]
fn missing_grants_are_grouped_by_role_and_statements_named_once() {
    let database = migrated();
    let functions = database.psql(
        "SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p WHERE p.pronamespace = 'phaseline'::regnamespace",
    );
    database.psql(&format!("REVOKE EXECUTE ON FUNCTION {functions} FROM phaseline_writer"));
    let report = on(&database, &["doctor"]).exits_with(1).stdout;
    let line = report.lines().find(|line| line.contains("log's schema")).unwrap();
    assert_eq!(line.matches("role phaseline_writer has no EXECUTE on").count(), 1, "{line}");
    assert!(line.contains("append, ") && line.contains("which this program grants"), "{line}");

    let role = format!("visitor_of_{}", database.name());
    database.psql(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'visitor'; GRANT USAGE ON SCHEMA public TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let url =
        format!("postgres://{role}:visitor@127.0.0.1:{}/{}", database.cluster().port(), database.name());
    let report = run(&["doctor", "--database-url", &url]);
    let text = &report.stdout;
    for line in text.lines().filter(|line| line.contains("other steps") || line.contains("privileges ")) {
        assert!(!line.contains("GRANT ") && !line.contains("ALTER "), "{line}");
    }
    assert!(
        text.contains("other steps") && text.contains("An administrator of the database grants them: "),
        "{text}"
    );
    assert!(!text.contains("error returned from"), "{text}");
    assert!(text.contains("could not be checked: permission denied"), "{text}");
    database.psql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
