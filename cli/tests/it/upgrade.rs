//! A log's schema of another version: every command refuses a newer one, and an older one is upgraded.

use crate::program::{ProgramOutput, eventually, migrated, on, phaseline, project_and_phase};
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_store::schema::version::VERSION;

/// Gives the schema a newer version.
fn newer(database: &TestDatabase) {
    database.psql(&format!(
        "DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA phaseline IS %L', regexp_replace(
             obj_description('phaseline'::regnamespace), 'schema version [0-9]+', 'schema version {}')); END $$",
        VERSION + 1
    ));
}

/// Turns the schema into one of the first version: without a version, and with another function.
fn older(database: &TestDatabase) {
    database.psql(
        "COMMENT ON SCHEMA phaseline IS 'Phaseline''s log. Installed: 0123456789abcdef';
         CREATE OR REPLACE FUNCTION phaseline.chain_hash(
             previous bytea, \"position\" bigint, recorded_at timestamptz, content bytea
         ) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT sha256(content)'",
    );
}

/// A database whose log a program of version 3 created: its events have no login, and hashes of version 1.
fn of_version_3() -> TestDatabase {
    let database = TestCluster::shared().database();
    database.psql(include_str!("../fixtures/log_version_3.sql"));
    database
}

#[test]
fn every_command_refuses_a_newer_schema_and_writes_nothing() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let unknown = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let backup = tempfile::tempdir().unwrap();
    let backup = backup.path().join("before.dump").display().to_string();
    newer(&database);
    let before = database.dump(&[]);
    for args in [
        &["plan"][..],
        &["migrate", "--yes"],
        &["migrate", "--yes", "--backup", &backup],
        &["rehearse"],
        &["verify"],
        &["rollback", "--dry-run"],
        &["rollback", "--yes"],
        &["status"],
        &["history", &project],
        &["history", &project, "--output", "jsonl"],
        &["timeline", "show", &project],
        &["timeline", "open", unknown],
        &["timeline", "reschedule", &project, "2026-01-01", "2026-12-31"],
        &["phase", "rename", &phase, "Design"],
        &["phase", "remove", &phase],
        &["adopt"],
        &["drift"],
        &["drift", "--repair", "all", "--yes"],
        &["sample"],
        &["doctor", "--repair"],
        &["upgrade"],
        &["upgrade", "--check"],
    ] {
        let refused = on(&database, args).exits_with(3);
        let words = format!(
            "the schema of Phaseline in this database is version {}, this program knows up to {VERSION}: use a newer phaseline",
            VERSION + 1
        );
        let (message, other_stream) = match args.contains(&"jsonl") {
            true => (&refused.stdout, &refused.stderr),
            false => (&refused.stderr, &refused.stdout),
        };
        assert!(message.contains(&words) && other_stream.is_empty(), "{args:?}: {refused:#?}");
    }
    assert_eq!(before, database.dump(&[]));
    assert!(!std::path::Path::new(&backup).exists());
    let error = on(&database, &["drift", "--json"]).exits_with(3).object("phaseline.error/1");
    assert_eq!(error["code"], "newer_schema");
    let report = on(&database, &["doctor"]).exits_with(1).stdout;
    assert!(report.contains("fail  log's schema") && report.contains("use a newer phaseline"), "{report}");
}

#[test]
fn an_older_schema_is_named_and_upgraded_and_stays_writable() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    let events = || database.psql("SELECT e::text FROM phaseline.events e ORDER BY position");
    older(&database);
    let before = events();
    assert!(on(&database, &["status"]).exits_with(0).stdout.contains("version 1; this program's is"));
    let doctor = on(&database, &["doctor"]).exits_with(0).stdout;
    assert!(doctor.contains("warn  log's schema") && doctor.contains("phaseline upgrade"), "{doctor}");
    let verification = on(&database, &["verify"]).exits_with(6).stdout;
    assert!(verification.contains("phaseline upgrade"), "{verification}");

    let check = on(&database, &["upgrade", "--check", "--json"]).exits_with(3).object("phaseline.upgrade/1");
    assert_eq!((&check["version"], &check["current"]), (&1.into(), &false.into()));
    assert!(on(&database, &["upgrade", "--check"]).exits_with(3).stdout.contains("Next: phaseline upgrade"));
    let done = on(&database, &["upgrade", "--json"]).exits_with(0).object("phaseline.upgrade/1");
    assert_eq!((&done["version"], &done["upgraded"]), (&1.into(), &true.into()));
    assert_eq!(before, events());

    on(&database, &["upgrade", "--check"]).exits_with(0);
    let again = on(&database, &["upgrade", "--json"]).exits_with(0).object("phaseline.upgrade/1");
    assert_eq!((&again["version"], &again["upgraded"]), (&VERSION.into(), &false.into()));
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    on(&database, &["doctor"]).exits_with(0);
}

#[test]
fn a_log_of_version_3_is_readable_and_writable_after_an_upgrade_only() {
    let database = of_version_3();
    let (project, phase) = project_and_phase(&database);
    let before = database.dump(&["--schema=phaseline"]);
    assert!(on(&database, &["status"]).exits_with(0).stdout.contains("version 3; this program's is"));
    let doctor = on(&database, &["doctor"]).exits_with(0).stdout;
    assert!(doctor.contains("warn  log's schema") && doctor.contains("phaseline upgrade"), "{doctor}");
    let history = on(&database, &["history", &project, "--json"]).exits_with(0).object("phaseline.history/1");
    assert_eq!(history["events"][0]["login"], serde_json::Value::Null);
    assert!(!on(&database, &["history", &project]).exits_with(0).stdout.contains("login"));
    assert_eq!(on(&database, &["drift"]).exits_with(0).code, Some(0));
    database.psql(&format!("UPDATE public.project_phases SET name = 'by hand' WHERE id = '{phase}'"));
    for args in [&["phase", "rename", &phase, "Design"][..], &["drift", "--repair", "all", "--yes"]] {
        let refused = on(&database, args).exits_with(3).stderr;
        let words = format!("is version 3, this program writes version {VERSION}: nothing was written");
        assert!(refused.contains(&words) && refused.contains("phaseline upgrade"), "{args:?}: {refused}");
    }
    let name = database.psql(&format!("SELECT name FROM public.project_phases WHERE id = '{phase}'"));
    assert_eq!(name.trim(), "by hand");
    assert!(before == database.dump(&["--schema=phaseline"]), "something was written");
}

#[test]
fn an_upgrade_keeps_events_and_keys_and_later_events_have_a_login() {
    let database = of_version_3();
    let (project, phase) = project_and_phase(&database);
    let events =
        || database.psql("SELECT to_jsonb(e) - 'login' FROM phaseline.events e ORDER BY position LIMIT 12");
    let before = events();
    database.psql("UPDATE phaseline.idempotency_keys SET recorded_at = now()");
    on(&database, &["upgrade"]).exits_with(0);
    assert_eq!(before, events());
    on(&database, &["verify"]).exits_with(0);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    let logins = database.psql("SELECT DISTINCT login FROM phaseline.events WHERE position > 12");
    assert_eq!(logins.trim(), database.psql("SELECT session_user").trim());
    let history = on(&database, &["history", &project, "--json"]).exits_with(0).object("phaseline.history/1");
    let logins: Vec<_> = history["events"].as_array().unwrap().iter().map(|event| &event["login"]).collect();
    assert!(logins[0].is_null() && logins.last().unwrap().is_string(), "{logins:?}");
    assert!(on(&database, &["history", &project]).exits_with(0).stdout.contains(", login "));
    // A request that was executed before the upgrade is not executed again.
    let again = database.psql(&format!(
        "SELECT verdict, stream_version FROM phaseline.append(ARRAY['Timeline'], ARRAY['{project}'::uuid], ARRAY[5::bigint],
             ARRAY[0], ARRAY['{{}}'], NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY['ann'], ARRAY['k3'], ARRAY[sha256('x')])"
    ));
    assert_eq!(again.trim(), "repeated|4");
    // The hash covers the login, so its removal is detected.
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET login = NULL WHERE position = 13;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
    let found = on(&database, &["verify"]).exits_with(6).stdout;
    assert!(found.contains("position 13 does not match"), "{found}");
}

#[test]
fn a_rollback_upgrades_a_log_of_version_3() {
    let database = of_version_3();
    let edits = on(&database, &["rollback", "--yes", "--json"]).exits_with(7).stdout;
    let digest = edits.split_once("\"digest\":\"").unwrap().1.split_once('"').unwrap().0;
    on(&database, &["rollback", "--yes", "--accept-loss", digest]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
    on(&database, &["migrate", "--yes"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
}

/// An upgrade adds missing objects of this version, and a rollback upgrades an older schema by itself.
#[test]
fn a_run_upgrades_by_itself() {
    let database = migrated();
    older(&database);
    on(&database, &["rollback", "--yes"]).exits_with(0);
    on(&database, &["upgrade", "--check"]).exits_with(0);
    on(&database, &["verify"]).exits_with(0);
}

/// A log with the tables of the first step only gets the others, and keeps its events.
#[test]
fn an_upgrade_runs_every_missing_step() {
    let database = migrated();
    older(&database);
    database.psql(
        "DROP TABLE phaseline.idempotency_keys;
         DROP INDEX phaseline.events_first_text_id_idx;
         CREATE INDEX events_timeline_text_id_idx
             ON phaseline.events ((stream_id::text), version) WHERE stream_type = 'Timeline';
         DELETE FROM phaseline._sqlx_migrations WHERE version > 1",
    );
    on(&database, &["upgrade", "--check"]).exits_with(3);
    on(&database, &["upgrade"]).exits_with(0);
    on(&database, &["upgrade", "--check"]).exits_with(0);
    assert!(!on(&database, &["doctor"]).exits_with(0).stdout.contains("fail"));
    let old = database.psql("SELECT to_regclass('phaseline.events_timeline_text_id_idx') IS NULL");
    assert_eq!(old.trim(), "t", "the old index is still there");
    let plan = database.psql(
        "SET enable_seqscan = off; EXPLAIN SELECT * FROM phaseline.postgres_es_events
          WHERE aggregate_type = 'Timeline' AND aggregate_id = '6f9619ff-8b86-d011-b42d-00c04fc964ff' ORDER BY sequence",
    );
    assert!(plan.contains("events_first_text_id_idx"), "{plan}");
    on(&database, &["verify"]).exits_with(0);
    let (_, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
}

#[test]
fn without_a_log_there_is_nothing_to_upgrade_and_damage_is_refused() {
    let empty = TestCluster::shared().database();
    let nothing = on(&empty, &["upgrade", "--check", "--json"]).exits_with(0).object("phaseline.upgrade/1");
    assert_eq!((&nothing["version"], &nothing["current"]), (&serde_json::Value::Null, &true.into()));
    on(&empty, &["upgrade"]).exits_with(0);
    assert_eq!(empty.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'phaseline'").trim(), "0");

    let database = migrated();
    database.psql("DROP TABLE phaseline.head");
    assert!(on(&database, &["upgrade"]).exits_with(3).stderr.contains("phaseline doctor --repair"));
}

/// An upgrade waits until writers have committed: it does not replace functions during a command.
#[test]
fn an_upgrade_waits_for_the_head_of_the_log() {
    let database = migrated();
    older(&database);
    let mut held = std::process::Command::new(TestCluster::shared().binaries().program("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", database.url()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut statements = held.stdin.take().unwrap();
    let mut say = |sql: &str| std::io::Write::write_all(&mut statements, sql.as_bytes()).unwrap();
    say("BEGIN; SELECT 1 FROM phaseline.head FOR UPDATE;\n");
    let waiting = |application: &str| {
        database.psql(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND application_name = '{application}' AND wait_event_type = 'Lock'"
        )) != "0"
    };
    eventually("the head is held", || {
        database.psql("SELECT count(*) FROM pg_locks WHERE relation = 'phaseline.head'::regclass AND mode = 'RowShareLock'") != "0"
    });
    let upgrade = phaseline(&["upgrade"]).env("DATABASE_URL", database.url()).spawn().unwrap();
    eventually("the upgrade waits", || waiting("phaseline upgrade"));
    assert!(database.psql("SELECT obj_description('phaseline'::regnamespace)").contains("0123456789abcdef"));
    say("COMMIT;\n");
    ProgramOutput::of(upgrade.wait_with_output().unwrap()).exits_with(0);
    drop(statements);
    held.wait().unwrap();
    on(&database, &["upgrade", "--check"]).exits_with(0);
}
