//! All projects as they were, what changed of all, and tables of values separated by commas.

use crate::program::{ProgramOutput, migrated, on, project_and_phase, run};
use phaseline_embedded::testing::TestDatabase;
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable_blocking};
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
    assert!(shown.contains(&format!("Projects at position {before}, 20")), "{shown}");
    assert!(shown.ends_with("\nNames and cost centres are those of now.\n"), "{shown}");
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

/// Resizes a phase by one command of two events: the position before it, and those of its events.
fn resized(database: &TestDatabase, phase: &str) -> [String; 3] {
    let before = tip(database).parse::<i64>().unwrap();
    let dates = database
        .psql(&format!("SELECT start_date, end_date - 7 FROM project_phases WHERE id = '{phase}'"))
        .replace('|', " ");
    let resize = [&["phase", "resize", phase][..], &dates.split_whitespace().collect::<Vec<_>>()].concat();
    on(database, &[&resize[..], &["--yes", "--reason", "late", "--actor", "grace"]].concat()).exits_with(0);
    [before, before + 1, before + 2].map(|position| position.to_string())
}

#[test]
fn another_moment_than_the_given_one_is_named() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let [_, inside, end] = resized(&database, &phase);
    let remark = format!("position {inside} is inside a command that ends at {end}: its end is meant\n");
    for args in [
        &["projects", "--at", &inside][..],
        &["projects", "--at", &inside, "--output", "csv"],
        &["diff", &inside],
        &["diff", &inside, "--project", &project, "--json"],
        &["timeline", "show", &project, "--at", &inside],
        &["timeline", "restore", &project, "--at", &inside, "--dry-run"],
    ] {
        let ran = on(&database, args).exits_with(0);
        assert!(ran.stderr.contains(&remark) && !ran.stdout.contains("is inside a command"), "{ran:#?}");
        let quiet = on(&database, &[args, &["--quiet"]].concat()).exits_with(0);
        assert!(!quiet.stderr.contains("is inside a command"), "{quiet:#?}");
    }
    let begin = database.psql(
        "SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM phaseline.events WHERE position = 1",
    );
    let remark = format!("the log begins at {begin}: what was before it is not in it\n");
    let early = "2001-01-31T00:00:00Z";
    for args in [
        &["projects", "--as-of", early][..],
        &["projects", "--as-of", early, "--json"],
        &["projects", "--as-of", early, "--output", "csv"],
        &["diff", early, "now"],
        &["log", "--until", early],
    ] {
        let ran = on(&database, args).exits_with(0);
        assert!(ran.stderr.contains(&remark), "{ran:#?}");
    }
    let heading = |args: &[&str]| on(&database, &[&["projects"], args].concat()).exits_with(0).stdout;
    assert!(heading(&["--as-of", early]).contains("\nProjects before the first event\n"));
    let on_day = heading(&["--at", "0", "--on", "2024-06-30"]);
    assert!(on_day.contains("\nProjects that run on 2024-06-30, before the first event\n"), "{on_day}");
    // A time of a heading has its own event.
    let page = heading(&["--at", &end]);
    let time = page.split(&format!("at position {end}, ")).nth(1).unwrap().lines().next().unwrap();
    assert_eq!(heading(&["--as-of", time]), page);
}

#[test]
fn a_role_that_may_not_read_names_is_told_so() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    database.psql(&format!("UPDATE projects SET name = 'Alpha' WHERE id = '{project}'"));
    database.psql(
        "DO $$ BEGIN CREATE ROLE phaseline_test_reader_of_names LOGIN PASSWORD 'reader' IN ROLE phaseline_reader;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    let (_, place) = database.url().split_once('@').unwrap();
    let url = format!("postgres://phaseline_test_reader_of_names:reader@{place}");
    let reader = |args: &[&str]| run(&[&["--database-url", &url][..], args].concat());
    let privileges = "SELECT string_agg(role, ' ' ORDER BY role) FROM unnest('{phaseline_auditor,phaseline_reader,pg_monitor}'::text[]) role
          WHERE has_function_privilege(role, (SELECT oid FROM pg_proc WHERE proname = 'named_projects'), 'EXECUTE')";
    assert_eq!(database.psql(privileges), "phaseline_auditor phaseline_reader");
    let at = tip(&database);
    let listed = reader(&["projects", "alpha", "--at", &at]).exits_with(0).stdout;
    assert!(listed.contains("1 project with 'alpha'") && listed.contains(&project), "{listed}");
    let log = reader(&["log", "--project", "Alpha"]).exits_with(0).stdout;
    assert!(log.contains(&format!("project Alpha ({project})")), "{log}");
    let history = reader(&["history", "Alpha"]).exits_with(0).stdout;
    assert!(history.contains(&format!("project Alpha ({project})")), "{history}");
    let diff = reader(&["diff", "0", "--project", "Alpha"]).exits_with(0).stdout;
    assert!(diff.contains(&format!("project Alpha ({project})")), "{diff}");

    database.psql("REVOKE EXECUTE ON FUNCTION phaseline.named_projects FROM phaseline_reader");
    let refused = reader(&["projects", "alpha", "--at", &at]).exits_with(3).stderr;
    for expected in ["may not read the names", "\"alpha\"", "phaseline doctor --repair"] {
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    for args in
        [&["projects", "--at", &at][..], &["projects", "--at", &at, "--output", "csv"], &["diff", "0"]]
    {
        let listed = reader(args).exits_with(0);
        assert!(listed.stderr.contains("names and cost centres are not shown"), "{listed:#?}");
        assert!(listed.stdout.contains(&project) && !listed.stdout.contains("Alpha"), "{listed:#?}");
        assert!(!listed.stdout.contains("are those of now"), "{listed:#?}");
    }
    on(&database, &["doctor", "--repair"]).exits_with(0);
    reader(&["projects", "alpha", "--at", &at]).exits_with(0);
}

#[test]
fn projects_with_unreadable_events_are_named() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    let before = tip(&database);
    database.psql(&format!("UPDATE projects SET name = 'zzz last' WHERE id = '{project}'"));
    let phase =
        database.psql(&format!("SELECT id FROM project_phases WHERE project_id = '{project}' LIMIT 1"));
    on(&database, &["phase", "rename", phase.trim(), "Design"]).exits_with(0);
    let kind = UnreadableKind::ALL[0];
    let position = insert_unreadable_blocking(database.url(), project.parse().unwrap(), kind);
    let line = format!("project {project}: events that cannot be read are left out, at position {position}");
    let at = tip(&database);
    for args in [&["projects", "--at", &at, "--limit", "1"][..], &["diff", &before]] {
        let ran = on(&database, args).exits_with(6);
        assert!(ran.stdout.contains(&line), "{ran:#?}");
        for form in ["csv", "json", "jsonl"] {
            let rows = on(&database, &[args, &["--output", form, "--quiet"]].concat()).exits_with(6);
            assert!(rows.stderr.contains(&line) && !rows.stdout.contains("are left out"), "{rows:#?}");
        }
    }
}

#[test]
fn projects_with_altered_events_are_named() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let before = tip(&database);
    on(&database, &["phase", "rename", &phase, "Design"]).exits_with(0);
    let position = tip(&database);
    database.psql(&format!(
        "ALTER TABLE phaseline.events DISABLE TRIGGER events_append_only;
         UPDATE phaseline.events SET payload = replace(payload::text, 'Design', 'Forged')::json WHERE position = {position};
         ALTER TABLE phaseline.events ENABLE ALWAYS TRIGGER events_append_only"
    ));
    let expected = format!(
        "events were altered after they were recorded (run: phaseline verify), at position {position}"
    );
    for args in [
        &["projects", "--at", &position][..],
        &["projects", "--at", &position, "--limit", "1"],
        &["diff", &before],
    ] {
        let text = on(&database, args).exits_with(6).stdout;
        assert!(text.contains(&project) && text.contains(&expected), "{args:?}: {text}");
        let csv = on(&database, &[args, &["--output", "csv"]].concat()).exits_with(6);
        assert!(csv.stderr.contains(&expected), "{args:?}: {csv:#?}");
    }
    portfolio(&database, &["projects", "--at", &before]);
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
    on(&database, &["phase", "rename", &phase, "Planning"]).exits_with(0);
    let undone = on(&database, &["diff", &before]).exits_with(0).stdout;
    assert!(
        undone.contains("No project differs; the 2 positions between have no lasting effect."),
        "{undone}"
    );
    let all = on(&database, &["diff", "0"]).exits_with(0).stdout;
    assert!(all.contains("8 new projects, "), "{all}");
}

/// The columns that the document lists for a table.
fn documented_columns(printed_by: &str) -> Vec<String> {
    let page = include_str!("../../../docs/json.md");
    let tables = page.split("\n## Tables\n").nth(1).unwrap();
    let line = tables.lines().find_map(|line| line.strip_prefix(printed_by)).unwrap();
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn rows_are_a_table_of_values_separated_by_commas() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    database.psql("UPDATE projects SET name = replace(name, ',', '')");
    let before = tip(&database);
    let rename = ["phase", "rename", &phase, "Design", "--actor", "grace", "--reason", "=1+1"];
    on(&database, &rename).exits_with(0);
    let csv = |args: &[&str]| table(&on(&database, &[args, &["--output", "csv"]].concat()).exits_with(0));
    let now = csv(&["projects"]);
    assert_eq!((now[0][0].as_str(), now.len()), ("project_id", 9));
    let past = csv(&["projects", "--at", &before]);
    assert_eq!((past.len(), past[0].len()), (9, 15));
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
    let last = database.psql(&format!(
        "SELECT version, position, position, to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
                'grace', '', '=1+1', event_id, encode(hash, 'hex')
           FROM phaseline.events WHERE stream_id = '{project}' ORDER BY version DESC LIMIT 1"
    ));
    assert_eq!(whole[1][8..].join("|"), last.trim());
    assert_eq!(csv(&["diff", &before, "--project", &project]), whole);
    let log = csv(&["log", "--type", "PhaseRenamed"]);
    let event = database.psql(
        "SELECT position, event_id, encode(hash, 'hex') FROM phaseline.events WHERE event_type = 'PhaseRenamed'",
    );
    assert_eq!((log.len(), event.trim()), (2, [&*log[1][0], &*log[1][16], &*log[1][17]].join("|").as_str()));
    assert_eq!((&log[1][6], &log[1][8]), (&project, &phase));
    let values = on(&database, &["log", "--type", "PhaseRenamed", "--output", "csv"]).exits_with(0).stdout;
    let changes = r#""[{""field"":""name"",""before"":""Planning"",""after"":""Design""}]""#;
    assert!(values.contains(changes), "{values}");
    assert!(values.lines().next().unwrap().ends_with(",hash,changes,command_id,restored_from"), "{values}");
    let command = database
        .psql("SELECT metadata ->> 'command_id' FROM phaseline.events WHERE event_type = 'PhaseRenamed'");
    assert!(values.contains(&format!(",{},\n", command.trim())), "{values}");
    for (printed_by, args) in [
        ("| `projects` |", &["projects"][..]),
        ("| `projects` with a moment or a day |", &["projects", "--at", &before]),
        ("| `diff`: a row for each field that differs |", &["diff", &before]),
        ("| `log` |", &["log"]),
    ] {
        assert_eq!(csv(args)[0], documented_columns(printed_by), "{printed_by}");
    }
    // A command without rows has no table, and a failure is text.
    let refused = on(&database, &["status", "--output", "csv"]).exits_with(2);
    assert!(refused.stdout.is_empty() && refused.stderr.contains("json or jsonl"), "{refused:#?}");
    let other = on(&database, &["history", &project, "--output", "csv"]).exits_with(2).stderr;
    for expected in ["phaseline log --project PROJECT --output csv", "phaseline export --format csv"] {
        assert!(other.contains(expected), "{other}");
    }
    let failed = on(&database, &["projects", "--at", "999999", "--output", "csv"]).exits_with(3);
    assert!(failed.stdout.is_empty() && failed.stderr.starts_with("error: "), "{failed:#?}");
}
