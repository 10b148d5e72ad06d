//! An event that was altered behind the log's back: reads of its timeline name it, and commands on that timeline are refused.

use crate::program::{migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Value, json};

/// Changes the log as a superuser may, past the trigger.
fn tamper(database: &TestDatabase, statement: &str) {
    database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only; {statement};
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
    ));
}

/// A renamed phase with its project, and the position of the event.
fn renamed(database: &TestDatabase) -> (String, String, i64) {
    let (project, phase) = project_and_phase(database);
    for name in ["Design", "Detailed design"] {
        on(database, &["phase", "rename", &phase, name, "--actor", "ada"]).exits_with(0);
    }
    let position =
        database.psql("SELECT min(position) FROM phaseline.events WHERE event_type = 'PhaseRenamed'");
    (project, phase, position.parse().unwrap())
}

#[test]
fn an_altered_event_is_marked_and_its_timeline_takes_no_commands() {
    // Each part of an event, and the events that no longer fit.
    for (change, fitting) in [
        ("payload = replace(payload::text, 'Design', 'Desing')::json", 1),
        ("metadata = replace(metadata::text, 'ada', 'bob')::json", 1),
        ("recorded_at = recorded_at - interval '1 microsecond'", 1),
        ("login = 'mallory'", 1),
        ("salt = '\\x00112233445566778899aabbccddeeff'", 1),
        ("event_id = gen_random_uuid()", 1),
        ("hash = '\\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'", 2),
    ] {
        let database = migrated();
        let (project, phase, position) = renamed(&database);
        tamper(&database, &format!("UPDATE phaseline.events SET {change} WHERE position = {position}"));
        let damaged: Vec<i64> = (position..position + fitting).collect();
        let named = format!("position {position}");

        let history = on(&database, &["history", &project]).exits_with(6).stdout;
        let is_marked = |line: &&str| line.ends_with("  ALTERED");
        assert_eq!(history.lines().filter(is_marked).count(), damaged.len(), "{change}: {history}");
        assert!(history.lines().find(is_marked).unwrap().contains(&format!("{named},")), "{history}");
        assert!(history.contains("timeline opened") && history.contains("Detailed design"), "{history}");
        assert!(history.contains("hash") && history.contains("phaseline verify"), "{change}: {history}");
        let history =
            on(&database, &["history", &project, "--json"]).exits_with(6).object("phaseline.history/1");
        assert_eq!(history["altered_positions"], json!(damaged), "{change}");
        let marked = |event: &Value| event["altered"] == json!(true);
        let marked: Vec<&Value> =
            history["events"].as_array().unwrap().iter().filter(|event| marked(event)).collect();
        assert_eq!(
            marked.iter().map(|event| event["position"].as_i64().unwrap()).collect::<Vec<_>>(),
            damaged
        );
        // Also where a filter leaves the event out, since the values before an event follow from all events before it.
        on(&database, &["history", &project, "--actor", "postgres"]).exits_with(6);
        let rows = on(&database, &["history", &project, "--output", "jsonl"]).exits_with(6).stdout;
        assert_eq!(rows.matches("\"altered\":true").count(), damaged.len(), "{change}: {rows}");

        let position_before = (position - 1).to_string();
        on(&database, &["timeline", "show", &project, "--at", &position_before]).exits_with(0);
        for args in [
            &["timeline", "show", &project][..],
            &["phase", "rename", &phase, "Draft"],
            &["phase", "remove", &phase],
            &["timeline", "restore", &project, "--at", &position_before],
            &["rebuild", "--project", &project],
        ] {
            let tip = database.psql("SELECT max(position) FROM phaseline.events");
            let refused = on(&database, &[args, &["--json"]].concat()).exits_with(6);
            let refused = refused.object("phaseline.error/1");
            assert_eq!(refused["code"], "log_damaged", "{change}: {refused}");
            let message = refused["error"].as_str().unwrap();
            assert!(message.contains(&named) && message.contains(&project), "{change}: {message}");
            assert!(refused["remedy"].as_str().unwrap().contains("phaseline verify"), "{refused}");
            assert_eq!(
                database.psql("SELECT max(position) FROM phaseline.events"),
                tip,
                "{change}: {args:?}"
            );
        }
        on(&database, &["verify"]).exits_with(6);
    }
}

#[test]
fn other_timelines_take_commands_beside_an_altered_one() {
    let database = migrated();
    let (project, _, position) = renamed(&database);
    let payload = "payload = replace(payload::text, 'Design', 'Desing')::json";
    tamper(&database, &format!("UPDATE phaseline.events SET {payload} WHERE position = {position}"));
    let other =
        database.psql(&format!("SELECT id FROM project_phases WHERE project_id <> '{project}' LIMIT 1"));
    on(&database, &["phase", "rename", &other, "Draft"]).exits_with(0);
}

#[test]
fn an_event_without_the_one_before_it_is_altered() {
    let database = migrated();
    let (project, phase, position) = renamed(&database);
    tamper(&database, &format!("DELETE FROM phaseline.events WHERE position = {position}"));
    // Its stream lacks a version.
    let gap = on(&database, &["history", &project, "--json"]).exits_with(6).object("phaseline.error/1");
    assert_eq!(gap["code"], "log_damaged");
    on(&database, &["phase", "rename", &phase, "Draft"]).exits_with(6);

    let database = migrated();
    let (project, _, _) = renamed(&database);
    let opened =
        "SELECT min(position) - 1 FROM phaseline.events WHERE stream_type = 'Timeline' AND stream_id";
    tamper(&database, &format!("DELETE FROM phaseline.events WHERE position = ({opened} = '{project}')"));
    on(&database, &["history", &project]).exits_with(6);
}

#[test]
fn a_mark_frees_a_timeline_from_an_altered_event_that_cannot_be_read() {
    let database = migrated();
    let (project, phase, position) = renamed(&database);
    tamper(&database, &format!("UPDATE phaseline.events SET payload = '{{}}' WHERE position = {position}"));
    on(&database, &["phase", "rename", &phase, "Draft"]).exits_with(6);
    let position = position.to_string();
    let skip = ["quarantine", "skip", &project, "--position", &position, "--reason", "no backup"];
    on(&database, &skip).exits_with(0);
    on(&database, &["phase", "rename", &phase, "Draft"]).exits_with(0);
    let history = on(&database, &["history", &project]).exits_with(6).stdout;
    let marked = history.lines().find(|line| line.ends_with("  ALTERED")).unwrap();
    assert!(marked.contains(&format!("position {position},")), "{history}");
}

#[test]
fn an_altered_event_is_not_written_into_the_table() {
    let database = migrated();
    let project = database.psql("SELECT min(project_id::text) FROM project_phases");
    let rows = "SELECT count(*) || md5(string_agg(p::text, ',' ORDER BY p.id)) FROM project_phases p";
    let before = database.psql(rows);
    let payload =
        "payload = regexp_replace(payload::text, '\"name\":\"[^\"]*\"', '\"name\":\"Forged\"')::json";
    let adopted = format!("stream_id = '{project}' AND event_type = 'LegacyPhaseAdopted'");
    let position = database.psql(&format!("SELECT min(position) FROM phaseline.events WHERE {adopted}"));
    tamper(&database, &format!("UPDATE phaseline.events SET {payload} WHERE position = {position}"));
    refused_by_all(&database, &project, &position, &before, rows);
    // The rest of the log can still be written.
    let other = format!("WHERE project_id <> '{project}'");
    let other_project = database.psql(&format!("SELECT min(project_id::text) FROM project_phases {other}"));
    database.psql(&format!("UPDATE project_phases SET name = 'Odd' WHERE project_id = '{other_project}'"));
    on(&database, &["drift", "--repair", &other_project, "--yes"]).exits_with(0);
    assert_eq!(database.psql(rows), before);
}

/// Every command that compares the table with the log, or writes it from the log, names the event and changes nothing.
fn refused_by_all(database: &TestDatabase, project: &str, position: &str, before: &str, rows: &str) {
    let tip = database.psql("SELECT max(position) FROM phaseline.events");
    for args in [
        &["drift"][..],
        &["drift", project],
        &["drift", "--repair", "all", "--yes"],
        &["drift", "--repair", project, "--yes"],
        &["rebuild", "--check"],
        &["rebuild", "--yes"],
        &["rebuild", "--project", project, "--check"],
        &["rebuild", "--project", project, "--yes"],
    ] {
        let refused = on(database, &[args, &["--json"]].concat()).exits_with(6).object("phaseline.error/1");
        assert_eq!(refused["code"], "log_damaged", "{args:?}: {refused}");
        let message = refused["error"].as_str().unwrap();
        assert!(message.contains(&format!("position {position} ")), "{args:?}: {message}");
        assert!(message.contains(project), "{args:?}: {message}");
        assert_eq!(database.psql(rows), before, "{args:?}");
        assert_eq!(database.psql("SELECT max(position) FROM phaseline.events"), tip, "{args:?}");
    }
}

#[test]
fn an_altered_event_is_found_among_very_many_differences() {
    let database = migrated();
    // More projects with differences than streams are read one by one.
    database.psql(
        "INSERT INTO projects
         SELECT r.* FROM (SELECT * FROM projects LIMIT 1) p, generate_series(1, 120) n,
             jsonb_populate_record(NULL::projects, to_jsonb(p) || jsonb_build_object('id', gen_random_uuid(),
                 'name', 'Many ' || n, 'cost_center_code', 'M' || n, 'start_date', '2031-01-01',
                 'end_date', '2031-12-31')) r",
    );
    on(&database, &["adopt", "--repair"]).exits_with(0);
    let project = database.psql("SELECT id FROM projects WHERE name = 'Many 77'");
    let of_project = format!("stream_id = '{project}' AND event_type = 'DefaultPhaseSupplied'");
    let position = database.psql(&format!("SELECT position FROM phaseline.events WHERE {of_project}"));
    database.psql("UPDATE project_phases SET name = 'Odd'");
    on(&database, &["rebuild", "--check", "--json"]).exits_with(6).object("phaseline.rebuild/1");
    let forged = "payload = replace(payload::text, '2031-12-31', '2031-12-30')::json";
    tamper(&database, &format!("UPDATE phaseline.events SET {forged} WHERE position = {position}"));
    let rows = "SELECT count(*) || md5(string_agg(p::text, ',' ORDER BY p.id)) FROM project_phases p";
    let before = database.psql(rows);
    for args in [&["drift", "--repair", "all", "--yes"][..], &["rebuild", "--yes"], &["rebuild", "--check"]] {
        let refused = on(&database, &[args, &["--json"]].concat()).exits_with(6).object("phaseline.error/1");
        assert_eq!(refused["code"], "log_damaged", "{args:?}: {refused}");
        assert!(refused["error"].as_str().unwrap().contains(&format!("position {position} ")), "{refused}");
        assert_eq!(database.psql(rows), before, "{args:?}");
    }
}
