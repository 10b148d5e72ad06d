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
        ("login = 'somebody'", 1),
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
