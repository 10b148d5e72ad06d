//! The doctor finds what is wrong with an installation, and can make the log's schema whole.

use crate::program::{legacy, migrated, on, project_and_phase};
use phaseline_embedded::testing::TestCluster;

#[test]
fn a_healthy_installation_is_well_before_and_after_the_migration() {
    for database in [legacy(), migrated()] {
        let report = on(&database, &["doctor"]).ends_with(0).stdout;
        assert!(report.ends_with("\nWELL\n") && !report.contains("fail"), "{report}");
        // The test cluster does not wait for the disk, which is worth a warning.
        assert!(report.contains("warn  durability") && report.contains("fsync"), "{report}");
    }
}

#[test]
fn a_damaged_log_is_named_with_its_remedy_and_repaired_from_the_events_alone() {
    let database = migrated();
    database.psql(
        "DROP TABLE phaseline.head, phaseline._sqlx_migrations; DROP VIEW phaseline.postgres_es_events;
         DROP FUNCTION phaseline.append; DROP FUNCTION phaseline.project_inline;
         ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only",
    );
    let report = on(&database, &["doctor"]).ends_with(1).stdout;
    for named in
        ["phaseline.head", "phaseline.append", "project_inline", "postgres_es_events", "ALWAYS", "--repair"]
    {
        assert!(report.contains(named), "{named}: {report}");
    }
    on(&database, &["doctor", "--repair"]).ends_with(0);
    on(&database, &["verify"]).ends_with(0);
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).ends_with(0);
}

#[test]
fn each_thing_that_is_missing_alone_is_made_again() {
    let database = migrated();
    for lost in [
        "INDEX phaseline.events_first_text_id_idx",
        "TABLE phaseline.idempotency_keys",
        "INDEX phaseline.idempotency_keys_recorded_at_idx",
        "TABLE phaseline._sqlx_migrations",
    ] {
        database.psql(&format!("DROP {lost}"));
        on(&database, &["upgrade", "--check"]).ends_with(3);
        on(&database, &["doctor", "--repair"]).ends_with(0);
        on(&database, &["doctor"]).ends_with(0);
        on(&database, &["upgrade", "--check"]).ends_with(0);
    }
}

#[test]
fn a_head_that_does_not_know_the_shape_is_found() {
    let database = migrated();
    database.psql("UPDATE phaseline.head SET accepts_commands = false");
    assert!(on(&database, &["doctor"]).ends_with(1).stdout.contains("takes no commands"));
    on(&database, &["doctor", "--repair"]).ends_with(0);
}

#[test]
fn without_events_there_is_nothing_to_repair_from() {
    let database = migrated();
    database.psql("DROP SCHEMA phaseline CASCADE");
    let report = on(&database, &["doctor"]).ends_with(1).stdout;
    assert!(report.contains("backup"), "{report}");
    on(&database, &["doctor", "--repair"]).ends_with(3);
    let empty = TestCluster::shared().database();
    assert!(on(&empty, &["doctor"]).ends_with(1).stdout.contains("phaseline sample"));
}

/// Tables that something else moved after a rollback are none that commands may work on: a repair leaves the log closed.
#[test]
fn a_repair_does_not_open_the_log_over_tables_that_something_else_moved() {
    let database = migrated();
    on(&database, &["rollback", "--yes"]).ends_with(0);
    database.psql(
        "ALTER TABLE project_phases ADD COLUMN name varchar(100), ADD COLUMN start_date date, ADD COLUMN end_date date,
            ADD COLUMN description varchar(500);
         ALTER TABLE resource_assignments DROP COLUMN project_phase_id;
         ALTER TABLE project_phases DROP COLUMN phase_type;
         UPDATE alembic_version SET version_num = '92023c163a26'",
    );
    on(&database, &["doctor", "--repair"]);
    assert_eq!(database.psql("SELECT accepts_commands FROM phaseline.head").trim(), "f");
    let plan = on(&database, &["plan"]).ends_with(3);
    assert!(plan.stdout.contains("--adopt-migrated"), "{}", plan.stdout);
}
