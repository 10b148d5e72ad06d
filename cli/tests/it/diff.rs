//! `phaseline diff`: what changed between two moments.

use crate::program::{migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Value, json};

fn position(database: &TestDatabase) -> String {
    database.psql("SELECT max(position) FROM phaseline.events").trim().to_owned()
}

#[test]
fn a_difference_names_phases_days_money_and_who_did_it() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let before = position(&database);
    let old = database
        .psql(&format!("SELECT capital_budget, expense_budget FROM project_phases WHERE id = '{phase}'"));
    let reason = ["--actor", "grace", "--reason", "second offer", "--yes"];
    let change = |arguments: &[&str]| on(&database, &[arguments, &reason[..]].concat()).exits_with(0);
    change(&["phase", "rename", &phase, "Design"]);
    change(&["phase", "budget", &phase, "1234.50", "0"]);
    let between = position(&database);
    let shown = on(&database, &["diff", &before, "now", "--project", &project]).exits_with(0).stdout;
    for expected in [
        "changed: 'Design'",
        "name: Planning → Design",
        "capital budget: ",
        "→ 1,234.50",
        "by grace, position",
        "PhaseRenamed: second offer",
        "Budgets of the project",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let diff = on(&database, &["diff", &before, "--project", &project, "--json"]).exits_with(0);
    let diff = diff.object("phaseline.diff/1");
    assert_eq!((&diff["status"], &diff["to"]["position"].to_string()), (&json!("changed"), &between));
    let changed: Vec<&Value> =
        diff["phases"].as_array().unwrap().iter().filter(|phase| phase["status"] == "changed").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["changes"][0], json!({ "field": "name", "before": "Planning", "after": "Design" }));
    let event = database.psql(&format!(
        "SELECT version, position, event_id, encode(hash, 'hex') FROM phaseline.events
          WHERE stream_id = '{project}' ORDER BY version DESC LIMIT 1"
    ));
    let identity = |row: &Value| {
        let of = ["version", "position", "event_id", "hash"].map(|field| row[field].to_string());
        of.join("|").replace('"', "")
    };
    assert_eq!(identity(&diff), event.trim());
    let lines = on(&database, &["diff", &before, "--project", &project, "--output", "jsonl"]).exits_with(0);
    let row: Value = serde_json::from_str(lines.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((identity(&row), &row["project_id"]), (event.trim().to_owned(), &json!(project)));
    // Undone: nothing differs but the version.
    change(&["phase", "rename", &phase, "Planning"]);
    let (capital, expense) = old.trim().split_once('|').unwrap();
    change(&["phase", "budget", &phase, capital, expense]);
    let shown = on(&database, &["diff", &before, "--project", &project]).exits_with(0).stdout;
    assert!(shown.contains("Nothing differs; the 4 events between have no lasting effect."), "{shown}");
    let shown = on(&database, &["diff", &before, &before, "--project", &project]).exits_with(0).stdout;
    assert!(shown.contains("Nothing changed."), "{shown}");
    let shown = on(&database, &["diff", "0", &before, "--project", &project]).exits_with(0).stdout;
    assert!(shown.contains("The timeline was opened.") && shown.contains("new: 'Planning'"), "{shown}");
}

#[test]
fn wrong_moments_are_explained() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    let before = position(&database);
    let refused = |moments: &[&str], code| {
        let arguments = [&["diff"][..], moments, &["--project", &project]].concat();
        on(&database, &arguments).exits_with(code).stderr
    };
    assert!(refused(&[&before, "1"], 2).contains("exchange them"));
    // Both mean the same position.
    assert!(refused(&["2001-02-01", "2001-01-01", "--zone", "UTC"], 2).contains("exchange them"));
    assert!(refused(&["2001-02-01T00:00:00Z", "2001-01-01T00:00:00Z"], 2).contains("exchange them"));
    assert!(refused(&["3", "2"], 2).contains("exchange them"));
    assert!(refused(&["yesterday"], 2).contains("such as 4711"));
    assert!(refused(&["1", "--zone", "UTC"], 2).contains("--zone has no effect without a local time"));
    assert!(refused(&["2001-01-31"], 2).contains("--zone Europe/Berlin"));
    assert!(refused(&["1", "999999"], 3).contains("it ends at"));
    assert!(refused(&["999999"], 3).contains("it ends at"));
    assert!(refused(&["1", "2999-01-01T00:00:00Z"], 3).contains("is in the future"));
    let unknown = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let refused = on(&database, &["diff", "1", "--project", unknown]).exits_with(3).stderr;
    assert!(refused.contains("not found") || refused.contains("no project"), "{refused}");
}
