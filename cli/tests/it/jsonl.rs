//! `--output jsonl`: the rows of a result line by line, and an end with their number.

use crate::json::documented;
use crate::program::{ProgramOutput, legacy, migrated, on, project_and_phase, run};
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Map, Value, json};

/// The rows of a result, and its end.
#[track_caller]
fn lines(ran: &ProgramOutput) -> (Vec<Map<String, Value>>, Map<String, Value>) {
    let mut lines: Vec<Map<String, Value>> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.pop().unwrap();
    assert_eq!((&end["kind"], &end["rows"]), (&json!("end"), &json!(lines.len())), "{ran:#?}");
    for row in &lines {
        let format = row["format"].as_str().unwrap();
        let fields = row.keys().filter(|key| *key != "project_name").cloned();
        assert_eq!(sorted(fields), sorted(documented_fields(format, row)), "{format}");
    }
    (lines, end)
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

/// The fields that the document lists for a row, without those in brackets that this one does not have.
fn documented_fields(format: &str, row: &Map<String, Value>) -> Vec<String> {
    let fields = documented(format).into_iter();
    fields
        .filter_map(|field| match field.strip_prefix('[') {
            Some(maybe) => {
                let field = maybe.trim_end_matches(']').to_owned();
                row.contains_key(&field).then_some(field)
            }
            None => Some(field),
        })
        .collect()
}

/// The end as the object of `--json` without its rows has it.
fn without_marks(mut end: Map<String, Value>) -> Value {
    end.remove("kind");
    end.remove("rows");
    Value::Object(end)
}

/// Rows of one format, without it.
fn object_of(rows: &[Map<String, Value>], format: &str) -> Value {
    let of = rows.iter().filter(|row| row["format"] == format).cloned().map(|mut row| {
        row.remove("format");
        Value::Object(row)
    });
    of.collect()
}

/// Both forms of a result that must be the same.
#[track_caller]
fn json_and_jsonl(
    database: &TestDatabase,
    args: &[&str],
    code: i32,
) -> (Value, Vec<Map<String, Value>>, Map<String, Value>) {
    let json = on(database, &[args, &["--output", "json"]].concat()).exits_with(code);
    let (rows, end) = lines(&on(database, &[args, &["--output", "jsonl"]].concat()).exits_with(code));
    (serde_json::from_str(&json.stdout).unwrap(), rows, end)
}

#[test]
fn rows_and_end_are_the_object_of_json() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    for (args, code, field, format) in [
        (&["history", &project][..], 0, "events", "phaseline.history.event/1"),
        (&["history", &project, "--phase", &phase], 0, "events", "phaseline.history.event/1"),
        (&["log"], 0, "events", "phaseline.log.event/1"),
        (&["log", "--project", &project], 0, "events", "phaseline.log.event/1"),
        (&["projects", "--at", "9"], 0, "projects", "phaseline.portfolio.project/1"),
        (&["projects", "--on", "2024-06-30"], 0, "projects", "phaseline.portfolio.project/1"),
        (&["diff", "9"], 0, "projects", "phaseline.portfolio.diff.project/1"),
        (&["diff", "9", "--project", &project], 0, "phases", "phaseline.diff.phase/1"),
        (&["timeline", "show", &project], 0, "phases", "phaseline.timeline.phase/1"),
        (&["status"], 0, "runs", "phaseline.status.run/1"),
        (&["rollback", "--dry-run"], 0, "edits", "phaseline.rollback.edit/1"),
        (&["adopt", "--dry-run"], 0, "projects", "phaseline.adopt.project/1"),
    ] {
        let (mut json, rows, end) = json_and_jsonl(&database, args, code);
        let mut wanted = json.as_object_mut().unwrap().remove(field).unwrap();
        // Each row names its timeline, and what proves it.
        let copied: &[&str] = match format {
            "phaseline.diff.phase/1" => {
                &["project_id", "project_name", "version", "position", "event_id", "hash"]
            }
            "phaseline.timeline.phase/1" => &["version", "position", "event_id", "hash"],
            "phaseline.history.event/1" => &["project_id", "project_name"],
            _ => &[],
        };
        for row in wanted.as_array_mut().unwrap() {
            for field in copied {
                row[*field] = json[*field].clone();
            }
        }
        assert_eq!(object_of(&rows, format), wanted, "{args:?}");
        let mut end = without_marks(end);
        if args[0] == "rollback" {
            // Four more kinds of rows, one of them under `loss`.
            let items = json["loss"].as_object_mut().unwrap().remove("items").unwrap();
            assert_eq!(object_of(&rows, "phaseline.rollback.loss/1"), items);
            assert!(!items.as_array().unwrap().is_empty());
            json.as_object_mut().unwrap().remove("drift");
            let phases = json.as_object_mut().unwrap().remove("legacy_phases").unwrap();
            assert_eq!(object_of(&rows, "phaseline.rollback.phase/1"), phases);
        }
        for object in [&mut json, &mut end] {
            object.as_object_mut().unwrap().remove("took_ms");
        }
        assert_eq!(end, json, "{args:?}");
    }
}

#[test]
fn each_row_of_an_anomaly_is_one_line() {
    let database = legacy();
    database.psql("TRUNCATE project_phases CASCADE");
    let (json, rows, end) = json_and_jsonl(&database, &["plan"], 3);
    let anomalies = json["anomalies"].as_array().unwrap();
    let wanted: Vec<Value> = anomalies
        .iter()
        .flat_map(|anomaly| {
            anomaly["rows"].as_array().unwrap().iter().map(|row| {
                let mut row = row.clone();
                row["code"] = anomaly["code"].clone();
                row["refused"] = anomaly["refused"].clone();
                row
            })
        })
        .collect();
    assert!(wanted.len() >= 8, "{anomalies:?}");
    assert_eq!(object_of(&rows, "phaseline.plan.anomaly/1"), Value::Array(wanted));
    assert_eq!((&end["ready"], &end["anomalies"][0]["rows"]), (&json!(false), &Value::Null));
    assert_eq!(end["anomalies"][0]["remedy"], json["anomalies"][0]["remedy"]);

    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    database.psql(&format!("UPDATE project_phases SET name = 'by hand' WHERE id = '{phase}'"));
    let (json, rows, _) = json_and_jsonl(&database, &["drift"], 6);
    assert_eq!(object_of(&rows, "phaseline.drift.finding/1"), json["drift"]);
    let (json, rows, end) = json_and_jsonl(&database, &["rebuild", "--check"], 6);
    assert_eq!(object_of(&rows, "phaseline.rebuild.difference/1"), json["differences"]);
    assert_eq!(object_of(&rows, "phaseline.rebuild.left/1"), json["left"]);
    assert!(rows.len() == 2 && !end.contains_key("left"), "{rows:?}");
    let (_, rows, end) = json_and_jsonl(&database, &["verify"], 6);
    let details: Vec<&str> = rows.iter().filter_map(|row| row["detail"].as_str()).collect();
    assert!(details.iter().any(|detail| detail.contains("by hand")), "{details:?}");
    assert_eq!((&end["passed"], &end["checks"][0]["title"].is_string()), (&json!(false), &true));
    assert_eq!(end["checks"][0]["details"], Value::Null);
}

#[test]
fn a_project_of_a_plan_is_a_row() {
    let database = legacy();
    database.psql("TRUNCATE project_phases CASCADE");
    let (json, rows, _) = json_and_jsonl(&legacy(), &["plan"], 0);
    assert_eq!(object_of(&rows, "phaseline.plan.boundary/1"), json["boundary"]["projects"]);
    assert!(!json["boundary"]["projects"].as_array().unwrap().is_empty());
    let (json, rows, _) = json_and_jsonl(&database, &["plan", "--repair"], 0);
    assert_eq!(object_of(&rows, "phaseline.plan.project/1"), json["projects"]);
    assert!(!json["projects"].as_array().unwrap().is_empty());
}

/// The rows of a history are printed while they are read: those before the damage are printed, and no end.
#[test]
fn a_truncated_result_has_rows_and_an_error_but_no_end() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET version = version + 1 WHERE event_type = 'PhaseRenamed'",
    );
    let ran = on(&database, &["history", &project, "--output", "jsonl"]).exits_with(6);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (error, rows) = lines.split_last().unwrap();
    assert!(
        rows.len() > 1 && rows.iter().all(|row| row["format"] == "phaseline.history.event/1"),
        "{ran:#?}"
    );
    assert_eq!((&error["format"], &error["code"]), (&json!("phaseline.error/1"), &json!("log_damaged")));
}

#[test]
fn a_command_without_rows_prints_its_one_object_and_an_error_is_one_too() {
    let database = migrated();
    on(&database, &["doctor", "--output", "jsonl"]).exits_with(0).object("phaseline.doctor/1");
    let unknown = "00000000-0000-4000-8000-000000000000";
    for args in [
        &["history", unknown][..],
        &["history", &project_and_phase(&database).0, "--phase", unknown],
        &["timeline", "show", unknown],
    ] {
        let error = on(&database, &[args, &["--output", "jsonl"]].concat()).exits_with(3);
        assert_eq!(error.object("phaseline.error/1")["code"], "not_found");
    }
    for form in [&["--output", "jsonl"][..], &["--output=json"], &["--json"]] {
        run(&[&["plan", "--nope"][..], form].concat()).exits_with(2).object("phaseline.error/1");
    }
    let both = run(&["plan", "--json", "--output", "text"]).exits_with(2);
    assert!(both.object("phaseline.error/1")["error"].as_str().unwrap().contains("cannot be used with"));
    assert!(run(&["plan", "--output", "xml"]).exits_with(2).stderr.contains("jsonl"));
}
