//! `phaseline export`: files that others can check with nothing but `docs/events.md`.

use crate::log::eventful;
use crate::program::{ProgramOutput, migrated, on, phaseline, project_and_phase};
use chrono::{DateTime, Utc};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable_blocking};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

type JsonRow = Map<String, Value>;

/// A folder for exports, and a new name in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    (folder, out)
}

/// Exports into a folder, and returns the manifest.
#[track_caller]
fn export(database: &TestDatabase, out: &Path, options: &[&str]) -> Value {
    let args = [&["export", "--out", out.to_str().unwrap(), "--json"], options].concat();
    let exported = on(database, &args).exits_with(0).object("phaseline.exported/1");
    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(exported["manifest"], named(manifest.clone(), &exported["manifest"]));
    manifest
}

/// The manifest with the name that the result has beside the project's id.
fn named(mut manifest: Value, shown: &Value) -> Value {
    if let Some(name) = shown.get("project_name") {
        manifest["project_name"] = name.clone();
    }
    manifest
}

/// The rows of a file.
fn rows(file: &Path) -> Vec<JsonRow> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// SHA-256 over parts, each behind its length in four bytes.
fn hash_of(parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(u32::try_from(part.len()).unwrap().to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

/// The hash of an event behind another hash, as `docs/events.md` describes it.
fn chained(previous: &[u8], event: &JsonRow) -> Vec<u8> {
    let text = |field: &str| event[field].as_str().unwrap().as_bytes().to_vec();
    let number = |field: &str| event[field].as_i64().unwrap().to_be_bytes();
    let id = |field: &str| unhex(&json!(event[field].as_str().unwrap().replace('-', "")));
    let metadata = hash_of(&[b"phaseline/metadata/v1", &unhex(&event["salt"]), &text("metadata")]);
    let schema_version = i32::try_from(event["schema_version"].as_i64().unwrap()).unwrap().to_be_bytes();
    let (tag, payload, login): (&[u8], _, _) = match event["login"].as_str() {
        Some(login) => (b"phaseline/content/v2", text("payload"), Some(login.as_bytes())),
        None => (b"phaseline/content/v1", Sha256::digest(text("payload")).to_vec(), None),
    };
    let (stream_type, stream_id, version) = (text("stream_type"), id("stream_id"), number("version"));
    let (event_id, event_type) = (id("event_id"), text("event_type"));
    let mut parts: Vec<&[u8]> = vec![
        tag,
        &stream_type,
        &stream_id,
        &version,
        &event_id,
        &event_type,
        &schema_version,
        &payload,
        &metadata,
    ];
    parts.extend(login);
    let content = hash_of(&parts);
    let recorded_at: DateTime<Utc> = event["recorded_at"].as_str().unwrap().parse().unwrap();
    let recorded_at = recorded_at.timestamp_micros().to_be_bytes();
    hash_of(&[b"phaseline/chain/v1", previous, &number("position"), &recorded_at, &content])
}

/// Fails unless the folder has the files of the manifest, with their sizes and digests, and no others.
#[track_caller]
fn check_files(out: &Path, manifest: &Value) {
    let mut names = vec!["manifest.json".to_owned()];
    for file in manifest["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let bytes = fs::read(out.join(name)).unwrap();
        assert_eq!(
            (json!(bytes.len()), json!(hex(&Sha256::digest(&bytes)))),
            (file["size"].clone(), file["sha256"].clone())
        );
        names.push(name.to_owned());
    }
    assert_eq!(entries(out), sorted(names));
}

fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    sorted(names.collect())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// The phases of the planner's table as the export has them.
fn stored_phases(database: &TestDatabase) -> Value {
    let rows = database.psql(
        "SELECT json_agg(json_build_array(ph.project_id, p.name, p.start_date, p.end_date, ph.id, ph.name, ph.start_date,
                ph.end_date, ph.description, ph.capital_budget::text, ph.expense_budget::text, ph.total_budget::text)
                ORDER BY ph.project_id, ph.start_date)
           FROM project_phases ph JOIN projects p ON p.id = ph.project_id",
    );
    serde_json::from_str(&rows).unwrap()
}

const PHASE_FIELDS: [&str; 12] = [
    "project_id",
    "project_name",
    "project_start_date",
    "project_end_date",
    "phase_id",
    "name",
    "start_date",
    "end_date",
    "description",
    "capital_budget",
    "expense_budget",
    "total_budget",
];

#[test]
fn a_reader_of_the_files_alone_recomputes_the_manifests_head() {
    let (database, _) = eventful();
    let (_folder, out) = place();
    let manifest = export(&database, &out, &[]);
    check_files(&out, &manifest);
    let events = rows(&out.join("events.jsonl"));
    let mut previous = vec![0; 32];
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event["position"], json!(position));
        previous = chained(&previous, event);
        assert_eq!(json!(hex(&previous)), event["hash"], "{event:?}");
    }
    assert_eq!(manifest["head_hash"], json!(hex(&previous)));
    let head = format!("{}:{}", events.len(), hex(&previous));
    assert_eq!(manifest["head"], json!(head));
    on(&database, &["verify", "--expect", &head]).exits_with(0);
    for (field, value) in [
        ("first_position", json!(1)),
        ("last_position", json!(events.len())),
        ("position", json!(events.len())),
        ("log_id", events[0]["stream_id"].clone()),
        ("project_id", Value::Null),
        ("quarantined", json!([])),
    ] {
        assert_eq!(manifest[field], value, "{field}");
    }
    let phases = rows(&out.join("timelines.jsonl"));
    let shown: Value = phases
        .iter()
        .map(|row| PHASE_FIELDS.iter().map(|field| row[*field].clone()).collect::<Value>())
        .collect();
    assert_eq!(shown, stored_phases(&database));
    assert_eq!(manifest["counts"], json!({"events": events.len(), "projects": 8, "phases": phases.len()}));
    // An altered row of the file is found.
    let mut altered = events[7].clone();
    altered["payload"] = json!(altered["payload"].as_str().unwrap().replace('2', "3"));
    assert_ne!(json!(hex(&chained(&unhex(&events[6]["hash"]), &altered))), altered["hash"]);
}

#[test]
fn an_export_ends_where_a_command_ends_and_is_the_same_every_time() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let shown = on(&database, &["timeline", "show", &project, "--json"]).object("phaseline.timeline/1");
    let end = shown["position"].to_string();
    let at = database.psql(&format!(
        "SELECT to_json(recorded_at) #>> '{{}}' FROM phaseline.events WHERE position = {end}"
    ));
    on(&database, &["phase", "rename", &phase, "Draft"]).exits_with(0);
    let (_folder, out) = place();
    let manifest = export(&database, &out, &["--until", &end]);
    assert_eq!(
        (manifest["position"].to_string(), manifest["counts"]["events"].to_string()),
        (end.clone(), end.clone())
    );
    let phases = rows(&out.join("timelines.jsonl"));
    let names: Vec<&Value> =
        phases.iter().filter(|row| row["phase_id"] == json!(phase)).map(|row| &row["name"]).collect();
    assert_eq!(names, ["Design"]);
    let (_other, again) = place();
    let by_time = export(&database, &again, &["--until", &at]);
    assert_eq!(by_time, manifest);
    // Both phases of the project change in one command; the first of its events means its end.
    let dates = database
        .psql(&format!("SELECT start_date || ' ' || end_date - 1 FROM project_phases WHERE id = '{phase}'"));
    let (first_day, last_day) = dates.split_once(' ').unwrap();
    on(&database, &["phase", "resize", &phase, first_day, last_day]).exits_with(0);
    let resized = database.psql(
        "SELECT min(position) || ' ' || max(position) FROM phaseline.events WHERE event_type = 'PhaseResized'",
    );
    let (first, last) = resized.split_once(' ').unwrap();
    assert_ne!(first, last);
    let (_third, inside) = place();
    assert_eq!(export(&database, &inside, &["--until", first])["position"].to_string(), last);
}

#[test]
fn one_projects_events_are_checked_one_by_one() {
    let (database, project) = eventful();
    let (_folder, out) = place();
    let manifest = export(&database, &out, &["--project", &project]);
    check_files(&out, &manifest);
    let events = rows(&out.join("events.jsonl"));
    for event in &events {
        assert_eq!(json!(hex(&chained(&unhex(&event["previous_hash"]), event))), event["hash"], "{event:?}");
    }
    let stored = database.psql(&format!(
        "SELECT json_agg(position ORDER BY position) FROM phaseline.events
          WHERE stream_id = '{project}' OR stream_type = 'DriftRepair'"
    ));
    let positions: Value = events.iter().map(|event| event["position"].clone()).collect();
    assert_eq!(positions, serde_json::from_str::<Value>(&stored).unwrap());
    assert_eq!(manifest["project_id"], json!(project));
    assert_eq!(manifest["counts"]["projects"], json!(1));
    assert!(rows(&out.join("timelines.jsonl")).iter().all(|row| row["project_id"] == json!(project)));
}

#[test]
fn an_unreadable_event_is_exported_and_its_phases_are_left_out() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    let position =
        insert_unreadable_blocking(database.url(), project.parse().unwrap(), UnreadableKind::Payload);
    let (_folder, out) = place();
    let args = ["export", "--out", out.to_str().unwrap()];
    let page = on(&database, &args).exits_with(6).stdout;
    assert!(page.contains("EXPORTED") && page.contains("left out: the phases of 1 project"), "{page}");
    assert!(page.contains(&project) && page.contains("quarantine list"), "{page}");
    let events = rows(&out.join("events.jsonl"));
    let last = events.last().unwrap();
    assert_eq!((&last["position"], &last["stream_id"]), (&json!(position), &json!(project)));
    let phases = rows(&out.join("timelines.jsonl"));
    assert!(!phases.is_empty() && phases.iter().all(|row| row["project_id"] != json!(project)));
    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["quarantined"], json!([project]));
}

/// The records of a CSV file; none for a value that is empty without quotes.
fn csv(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut records, mut record, mut value, mut quoted) = (Vec::new(), Vec::new(), None::<String>, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                value.get_or_insert_default().push(characters.next().unwrap());
            }
            '"' => {
                quoted = !quoted;
                value.get_or_insert_default();
            }
            ',' if !quoted => record.push(value.take()),
            '\r' if !quoted => {
                assert_eq!(characters.next(), Some('\n'));
                record.push(value.take());
                records.push(std::mem::take(&mut record));
            }
            other => value.get_or_insert_default().push(other),
        }
    }
    assert!(record.is_empty() && value.is_none() && !quoted);
    records
}

#[test]
fn csv_has_the_same_values_as_json_lines() {
    let (database, _) = eventful();
    let (_folder, out) = place();
    export(&database, &out, &[]);
    let (_other, second) = place();
    let manifest = export(&database, &second, &["--format", "csv"]);
    check_files(&second, &manifest);
    for table in ["events", "timelines"] {
        let text = fs::read_to_string(second.join(format!("{table}.csv"))).unwrap();
        let mut records = csv(&text).into_iter();
        let columns: Vec<String> = records.next().unwrap().into_iter().flatten().collect();
        let rows = rows(&out.join(format!("{table}.jsonl")));
        assert_eq!(records.len(), rows.len());
        for (record, row) in records.zip(rows) {
            assert_eq!(row.keys().len(), record.len());
            for (column, value) in columns.iter().zip(record) {
                let text = match &row[column] {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    number => Some(number.to_string()),
                };
                assert_eq!(value, text, "{column}");
            }
        }
    }
}

#[test]
fn a_folder_that_is_not_new_or_empty_is_refused_and_stays() {
    let database = migrated();
    let (folder, out) = place();
    export(&database, &out, &[]);
    let before = entries(&out);
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    for (wrong, message) in [
        (out.clone(), "is not empty"),
        (file.clone(), "is no folder"),
        (folder.path().join("none/out"), "does not exist"),
        (file.join("out"), "cannot be made"),
    ] {
        let refused = on(&database, &["export", "--out", wrong.to_str().unwrap()]).exits_with(2);
        assert!(refused.stderr.contains(message) && refused.stderr.contains("--out"), "{}", refused.stderr);
    }
    assert_eq!((entries(&out), entries(folder.path())), (before, vec!["file".to_owned(), "out".to_owned()]));
    assert_eq!(fs::read_to_string(file).unwrap(), "kept");
}

#[test]
fn a_failed_export_leaves_nothing_behind() {
    let database = migrated();
    let (folder, out) = place();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let tip = database.psql("SELECT max(position) FROM phaseline.events").parse::<i64>().unwrap();
    let beyond = (tip + 1).to_string();
    for (options, code, word) in [
        (&["--until", &beyond][..], 3, "no_such_position"),
        (&["--until", "2999-01-01T00:00:00Z"], 3, "in_the_future"),
        (&["--until", "2001-01-01T00:00:00Z"], 3, "not_found"),
        (&["--until", "2026-01-31"], 2, "usage"),
        (&["--project", "no such project"], 3, "not_found"),
    ] {
        for folder in [&out, &empty] {
            let args = [&["export", "--json", "--out", folder.to_str().unwrap()], options].concat();
            let refused = on(&database, &args).exits_with(code).object("phaseline.error/1");
            assert_eq!(refused["code"], word, "{options:?}");
        }
    }
    // A full disk: no file may be larger than 8 blocks of 512 bytes.
    let program = phaseline(&[]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" export --json --out \"$1\""]);
    limited.arg(program.get_program()).arg(&out).env("DATABASE_URL", database.url());
    let full = limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let full = ProgramOutput::of(full).exits_with(1).object("phaseline.error/1");
    assert_eq!(full["code"], "out_of_space", "{full}");
    assert!(full["error"].as_str().unwrap().contains("nothing is left of it"), "{full}");
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET login = 'mallory' WHERE position = 9;
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
    let damaged = on(&database, &["export", "--json", "--out", out.to_str().unwrap()]).exits_with(6);
    let damaged = damaged.object("phaseline.error/1");
    assert_eq!(damaged["code"], "log_damaged");
    assert!(damaged["error"].as_str().unwrap().contains("position 9 "), "{damaged}");
    assert_eq!((entries(folder.path()), entries(&empty)), (vec!["empty".to_owned()], Vec::<String>::new()));
}
