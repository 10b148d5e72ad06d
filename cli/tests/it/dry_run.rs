//! `--dry-run` of every command that writes: it writes nothing, and shows what the command then does.

use crate::program::{legacy, migrated, on, project_and_phase};
use phaseline_embedded::testing::{TestCluster, TestDatabase};
use phaseline_tests::unreadable_events::{UnreadableKind, insert_unreadable_blocking};
use serde_json::{Value, json};

/// Everything in the database, and in its log.
fn contents(database: &TestDatabase) -> String {
    database.dump(&[])
}

#[test]
fn dry_runs_of_commands_on_timelines_write_nothing() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let bare = "00000000-0000-4000-8000-000000000001";
    database.psql(&format!(
        "INSERT INTO projects SELECT (jsonb_populate_record(p, '{{\"id\": \"{bare}\", \"name\": \"Bare\", \"cost_center_code\": \"BARE\"}}')).*
           FROM projects p WHERE id = '{project}'"
    ));
    let [start, end] = ["min(start_date)", "max(end_date)"].map(|date| {
        let of_project = format!("SELECT {date} FROM project_phases WHERE project_id = '{project}'");
        database.psql(&of_project).trim().to_owned()
    });
    let before = contents(&database);
    let tip = database.psql("SELECT max(position) FROM phaseline.events");
    for command in [
        &["phase", "create", &project, "Testing", &end, &end][..],
        &["phase", "resize", &phase, &start, &start],
        &["phase", "rename", &phase, "Design"],
        &["phase", "describe", &phase, "Until the authority has answered"],
        &["phase", "budget", &phase, "1", "2.50"],
        &["phase", "remove", &phase],
        &["timeline", "reschedule", &project, &start, "2099-12-31"],
        &["timeline", "restore", &project, "--at", tip.trim()],
        &["timeline", "open", bare],
        &["adopt", "--repair"],
    ] {
        let dry = on(&database, &[command, &["--dry-run", "--reason", "why", "--actor", "ada"]].concat());
        let shown = dry.exits_with(0).stdout;
        assert!(shown.contains("othing was written") || command[0] == "adopt", "{command:?}: {shown}");
        assert!(contents(&database) == before, "{command:?} wrote");
    }
    // Then the commands write.
    on(&database, &["timeline", "open", bare]).exits_with(0);
    assert!(contents(&database) != before);
}

#[test]
fn dry_runs_of_repairs_and_runs_write_nothing() {
    let database = migrated();
    let (project, _) = project_and_phase(&database);
    database.psql(&format!("UPDATE project_phases SET name = 'By hand' WHERE project_id = '{project}'"));
    let others = format!("SELECT project_id FROM project_phases WHERE project_id <> '{project}' LIMIT 1");
    let other = database.psql(&others).trim().to_owned();
    let bad = UnreadableKind::ALL[0];
    let position = insert_unreadable_blocking(database.url(), other.parse().unwrap(), bad).to_string();
    let (stream, position) = (other.as_str(), position.as_str());
    let before = contents(&database);
    for (command, code) in [
        (&["drift", "--repair", "all", "--dry-run", "--reason", "why"][..], 6),
        (&["rebuild", "--dry-run"], 6),
        (&["quarantine", "skip", stream, "--position", position, "--reason", "why", "--dry-run"], 0),
        (&["upgrade", "--dry-run"], 0),
        (&["doctor", "--repair", "--dry-run"], 1),
        (&["rollback", "--dry-run"], 3),
        (&["migrate", "--dry-run"], 0),
    ] {
        let ran = on(&database, command);
        assert_eq!(ran.code, Some(code), "{command:?}: {}{}", ran.stdout, ran.stderr);
        assert!(contents(&database) == before, "{command:?} wrote");
    }
    let skip = ["quarantine", "skip", stream, "--all", "--reason", "why"];
    let listed = on(&database, &[&skip[..], &["--dry-run", "--json"]].concat()).exits_with(0);
    let listed = listed.object("phaseline.quarantine.preview/1");
    assert_eq!(listed["events"][0]["position"].to_string(), position);
    on(&database, &skip).exits_with(0);
    on(&database, &[&skip[..], &["--dry-run"]].concat()).exits_with(3);
}

#[test]
fn dry_runs_on_a_legacy_and_an_empty_database_write_nothing() {
    let database = legacy();
    let before = contents(&database);
    for command in [
        &["migrate", "--dry-run", "--yes", "--reason", "why", "--backup", "/nowhere/x"][..],
        &["rehearse", "--dry-run"],
    ] {
        on(&database, command).exits_with(0);
        assert!(contents(&database) == before, "{command:?} wrote");
    }
    let plan = on(&database, &["migrate", "--dry-run", "--json"]).exits_with(0).object("phaseline.plan/1");
    assert_eq!(plan, on(&database, &["plan", "--json"]).exits_with(0).object("phaseline.plan/1"));
    on(&database, &["sample", "--dry-run"]).exits_with(3);
    let empty = TestCluster::shared().database();
    on(&empty, &["sample", "--dry-run"]).exits_with(0);
    let preview = on(&empty, &["sample", "--projects", "7", "--dry-run", "--json"]).exits_with(0);
    assert_eq!(preview.object("phaseline.sample.preview/1")["projects"], 7);
    on(&empty, &["sample", "--projects", "7"]).exits_with(0);
}

#[test]
fn a_preview_shows_phases_budgets_and_assignments_of_the_command() {
    let database = migrated();
    let (project, phase) = project_and_phase(&database);
    let of = |select: &str| {
        database
            .psql(&format!("SELECT {select} FROM project_phases WHERE project_id = '{project}'"))
            .trim()
            .to_owned()
    };
    let (sum, own) = (
        of("sum(total_budget)"),
        database.psql(&format!("SELECT total_budget FROM project_phases WHERE id = '{phase}'")),
    );
    let remove = ["phase", "remove", &phase];
    let preview = on(&database, &[&remove[..], &["--dry-run", "--json"]].concat()).exits_with(0);
    let preview = preview.object("phaseline.command.preview/1");
    let phases = preview["phases"].as_array().unwrap();
    assert_eq!((&phases[0]["phase_id"], &phases[0]["after"]), (&json!(phase), &Value::Null));
    assert_eq!(phases[0]["before"]["total_budget"], own.trim());
    // The phase behind it takes its dates.
    assert_eq!(phases[1]["after"]["start_date"], phases[0]["before"]["start_date"]);
    let text = on(&database, &[&remove[..], &["--dry-run"]].concat()).exits_with(0).stdout;
    for shown in [
        "  removed: 'Planning' (",
        "  changed: 'Execution'",
        " more\n",
        "Budgets of the project",
        "Assignments: ",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    on(&database, &remove).exits_with(0);
    assert_eq!(preview["budgets"]["before"]["total"], sum);
    assert_eq!(preview["budgets"]["after"]["total"], of("sum(total_budget)"));
    assert_eq!(phases[1]["after"]["start_date"], of("min(start_date)"));
    // A command that a rule refuses is refused in the same way.
    let remaining = of("id");
    for words in [&["phase", "remove", &remaining][..], &["phase", "rename", &remaining, ""]] {
        let refused = on(&database, words).exits_with(3).stderr;
        assert_eq!(on(&database, &[words, &["--dry-run"]].concat()).exits_with(3).stderr, refused);
    }
    let same = on(&database, &["phase", "rename", &remaining, "Execution", "--dry-run"]).exits_with(0).stdout;
    assert!(same.contains("Nothing to change"), "{same}");
    // Blanks are no description.
    let blank = on(&database, &["phase", "describe", &remaining, "   ", "--dry-run"]).exits_with(0).stdout;
    assert!(blank.contains("Nothing to change"), "{blank}");
}
