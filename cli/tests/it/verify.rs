//! `verify --expect`: the log still has the heads that somebody noted down.

use crate::program::{migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Value, json};

/// The log's head as `status` shows it.
fn head(database: &TestDatabase) -> String {
    let status = on(database, &["status", "--json"]).exits_with(0).object("phaseline.status/1");
    status["log"]["head"].as_str().unwrap().to_owned()
}

/// The check of noted heads in a verification.
fn check(verification: &Value) -> Option<&Value> {
    let checks = verification["checks"].as_array().unwrap();
    checks.iter().find(|check| check["title"].as_str().unwrap().contains("expected hashes"))
}

#[test]
fn a_noted_head_is_found_again_after_later_commands() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    let first = head(&database);
    let stored = database.psql(
        "SELECT position || ':' || encode(hash, 'hex') FROM phaseline.events ORDER BY position DESC LIMIT 1",
    );
    assert_eq!(first, stored);
    assert!(on(&database, &["status"]).exits_with(0).stdout.contains(&first));
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let second = head(&database);
    let both = ["verify", "--expect", &first, "--expect", &second];
    let verified =
        on(&database, &[&both[..], &["--json"]].concat()).exits_with(0).object("phaseline.verify/1");
    assert_eq!(verified["head"], json!(second));
    assert_eq!(check(&verified).unwrap()["passed"], true);
    let page = on(&database, &both).exits_with(0).stdout;
    assert!(page.contains(&format!("(head {second})")) && page.contains("all 2 expected hashes"), "{page}");
    let plain = on(&database, &["verify", "--json"]).exits_with(0).object("phaseline.verify/1");
    assert_eq!(check(&plain), None);
}

#[test]
fn a_log_that_was_cut_off_does_not_have_the_noted_head() {
    let database = migrated();
    let (_, phase) = project_and_phase(&database);
    let before = head(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let noted = head(&database);
    database.psql(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         DELETE FROM phaseline.events WHERE event_type = 'PhaseRenamed';
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only",
    );
    let page = on(&database, &["verify", "--expect", &noted]).exits_with(6).stdout;
    let line = format!("expected {noted}, the log has no such position and ends with {before}");
    assert!(page.contains(&line), "{page}");
    // With rows made to fit what is left, only the noted head reveals it.
    on(&database, &["rebuild"]).exits_with(0);
    on(&database, &["verify", "--expect", &before]).exits_with(0);
    let other = head(&database);
    assert_ne!(other, noted);
    let verified =
        on(&database, &["verify", "--expect", &noted, "--json"]).exits_with(6).object("phaseline.verify/1");
    let found = check(&verified).unwrap();
    assert_eq!(found["details"], json!([format!("expected {noted}, the log has {other}")]));
    assert_eq!((&verified["passed"], &verified["head"]), (&json!(false), &json!(other)));
}

#[test]
fn a_head_without_its_whole_hash_is_refused() {
    let database = migrated();
    let noted = head(&database);
    for wrong in [&noted[..noted.len() - 1], "17", "latest", noted.split_once(':').unwrap().1] {
        let refused = on(&database, &["verify", "--expect", wrong]).exits_with(2);
        assert!(refused.stderr.contains("not a head of a log"), "{wrong}: {}", refused.stderr);
    }
}
