//! All projects as they were, what changed of all, and tables of values separated by commas.

use crate::program::{ProgramOutput, migrated, on, project_and_phase};
use phaseline_embedded::testing::TestDatabase;
use serde_json::{Value, json};

fn tip(database: &TestDatabase) -> String {
    database.psql("SELECT max(position) FROM phaseline.events").trim().to_owned()
}

fn portfolio(database: &TestDatabase, args: &[&str]) -> Value {
    on(database, &[args, &["--json"]].concat()).exits_with(0).object("phaseline.portfolio/1")
}

/// The rows of a table; no test's value has a comma or a quote.
fn table(ran: &ProgramOutput) -> Vec<Vec<String>> {
    ran.stdout.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn projects_are_listed_as_they_were() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    database.psql(&format!("UPDATE projects SET name = 'aaa first' WHERE id = '{project}'"));
    let before = tip(&database);
    let list = portfolio(&database, &["projects", "--at", &before]);
    on(&database, &["phase", "budget", &phase, "1234.50", "0", "--yes"]).exits_with(0);
    assert_eq!(portfolio(&database, &["projects", "--at", &before]), list);
    let first = &list["projects"][0];
    assert_eq!((&first["project_id"], &first["name"]), (&json!(project), &json!("aaa first")));
    let total = database.psql("SELECT sum(total_budget) FROM project_phases").trim().to_owned();
    let now = portfolio(&database, &["projects", "--at", &tip(&database)]);
    assert_eq!(now["totals"]["budget"]["total"], json!(total));
    assert_ne!(now["totals"], list["totals"]);
    let event = database.psql(&format!(
        "SELECT event_id, encode(hash, 'hex') FROM phaseline.events WHERE stream_id = '{project}' ORDER BY version DESC LIMIT 1"
    ));
    let of = |name: &str| now["projects"][0][name].as_str().unwrap();
    assert_eq!(event.trim(), format!("{}|{}", of("event_id"), of("hash")));

    let shown = on(&database, &["projects", "--at", &before]).exits_with(0).stdout;
    assert!(shown.contains(&format!("Projects, at position {before}, 20")), "{shown}");
    assert!(shown.contains("aaa first") && shown.contains("8 projects, "), "{shown}");
    let limited = on(&database, &["projects", "--at", &before, "--limit", "2"]).exits_with(0).stdout;
    assert!(limited.contains("8 projects, 2 shown, "), "{limited}");
    let found = on(&database, &["projects", "FIRST", "--at", &before]).exits_with(0).stdout;
    assert!(found.contains(&project) && found.contains("1 project with 'FIRST', "), "{found}");
    for moment in [["--at", "0"], ["--as-of", "2001-01-01T00:00:00Z"]] {
        let empty = portfolio(&database, &[&["projects"][..], &moment].concat());
        assert_eq!((&empty["projects"], &empty["moment"]["position"]), (&json!([]), &json!(0)));
    }
    for (args, code, expected) in [
        (&["--at", "999999"][..], 3, "the log has no position 999999"),
        (&["--as-of", "2999-01-01T00:00:00Z"], 3, "is in the future"),
        (&["--as-of", "2026-01-31"], 2, "--zone"),
        (&["--on", "30.6.2024"], 2, "2026-01-31"),
        (&["--zone", "UTC"], 2, "--as-of"),
    ] {
        let refused = on(&database, &[&["projects"][..], args].concat()).exits_with(code);
        assert!(refused.stderr.contains(expected), "{args:?}: {refused:#?}");
    }
}

#[test]
fn a_day_lists_what_runs_on_it() {
    let database = migrated();
    let day = database.psql("SELECT min(end_date) FROM project_phases").trim().to_owned();
    let count = |table: &str| {
        database.psql(&format!("SELECT count(*) FROM {table} WHERE '{day}' BETWEEN start_date AND end_date"))
    };
    let list = portfolio(&database, &["projects", "--on", &day]);
    assert_eq!(list["totals"]["projects"].to_string(), count("projects").trim());
    assert_eq!(list["totals"]["phases"].to_string(), count("project_phases").trim());
    assert_eq!((&list["on"], &list["moment"]["position"].to_string()), (&json!(day), &tip(&database)));
    let shown = on(&database, &["projects", "--on", &day]).exits_with(0).stdout;
    assert!(shown.contains(&format!("Projects that run on {day}, at position")), "{shown}");
}

#[test]
fn changes_of_all_projects_are_summed() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let before = tip(&database);
    let none = on(&database, &["diff", &before]).exits_with(0).stdout;
    assert!(none.contains("No project differs."), "{none}");
    on(&database, &["phase", "rename", &phase, "Design", "--reason", "second offer"]).exits_with(0);
    let diff = on(&database, &["diff", &before, "--json"]).exits_with(0).object("phaseline.portfolio.diff/1");
    assert_eq!(diff["totals"]["projects"], json!({ "added": 0, "removed": 0, "changed": 1 }));
    let row = &diff["projects"][0];
    let one = on(&database, &["diff", &before, "--project", &project, "--json"]).object("phaseline.diff/1");
    assert_eq!((&row["project_id"], &row["phases"]), (&one["project_id"], &one["phases"]));
    let changed = row["phases"].as_array().unwrap().iter().find(|row| row["status"] == "changed").unwrap();
    assert_eq!(changed["events"][0]["reason"], "second offer");
    let shown = on(&database, &["diff", &before]).exits_with(0).stdout;
    assert!(shown.contains("1 changed project, 1 changed phase; budget 0.00."), "{shown}");
    assert!(shown.contains(&project) && shown.contains("1 changed"), "{shown}");
    let all = on(&database, &["diff", "0"]).exits_with(0).stdout;
    assert!(all.contains("8 new projects, "), "{all}");
}

#[test]
fn rows_are_a_table_of_values_separated_by_commas() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    database.psql("UPDATE projects SET name = replace(name, ',', '')");
    let before = tip(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let csv = |args: &[&str]| table(&on(&database, &[args, &["--output", "csv"]].concat()).exits_with(0));
    let now = csv(&["projects"]);
    assert_eq!((now[0][0].as_str(), now.len()), ("project_id", 9));
    let past = csv(&["projects", "--at", &before]);
    assert_eq!((past.len(), past[0].len()), (9, 14));
    let list = portfolio(&database, &["projects", "--at", &before]);
    for (row, project) in past[1..].iter().zip(list["projects"].as_array().unwrap()) {
        assert_eq!((&json!(row[0]), &json!(row[12])), (&project["project_id"], &project["hash"]));
        assert_eq!(row[5], project["phases"].as_array().unwrap().len().to_string());
        assert_eq!(json!(row[8]), project["budget"]["total"]);
    }
    let whole = csv(&["diff", &before]);
    assert_eq!(whole[0][4..8], ["status", "field", "before", "after"]);
    assert_eq!(
        whole[1..].iter().map(|row| row[4..8].to_vec()).collect::<Vec<_>>(),
        [["changed", "name", "Planning", "Design"]]
    );
    assert_eq!((&whole[1][0], &whole[1][2]), (&project, &phase));
    assert_eq!(csv(&["diff", &before, "--project", &project]), whole);
    let log = csv(&["log", "--type", "PhaseRenamed"]);
    let event = database.psql(
        "SELECT position, event_id, encode(hash, 'hex') FROM phaseline.events WHERE event_type = 'PhaseRenamed'",
    );
    assert_eq!((log.len(), event.trim()), (2, [&*log[1][0], &*log[1][16], &*log[1][17]].join("|").as_str()));
    assert_eq!((&log[1][6], &log[1][8]), (&project, &phase));
    // A command without rows has no table, and a failure is text.
    let refused = on(&database, &["status", "--output", "csv"]).exits_with(2);
    assert!(refused.stdout.is_empty() && refused.stderr.contains("json or jsonl"), "{refused:#?}");
    let failed = on(&database, &["projects", "--at", "999999", "--output", "csv"]).exits_with(3);
    assert!(failed.stdout.is_empty() && failed.stderr.starts_with("error: "), "{failed:#?}");
}
