//! Every answer, question and error names its database.

use crate::program::{legacy, migrated, on, phaseline, project_and_phase, run};
use phaseline_embedded::testing::TestDatabase;
use std::collections::BTreeSet;

/// Commands that use no database of the user.
const WITHOUT: [&str; 6] = ["token", "config", "demo", "completions", "man", "help"];

/// `database x at 127.0.0.1:5432 as postgres`
fn place(database: &TestDatabase) -> String {
    let (_, rest) = database.url().split_once('@').unwrap();
    let (at, _) = rest.split_once('/').unwrap();
    format!("database {} at {at} as postgres", database.name())
}

/// Runs it as text and as JSON. The end of a run changes the database, so JSON is an error or another result.
#[track_caller]
fn names(database: &TestDatabase, command: &[&str]) {
    let place = place(database);
    let text = on(database, command);
    let (shown, beside) = if text.code == Some(0) || text.code == Some(6) || text.stderr.is_empty() {
        (&text.stdout, &text.stderr)
    } else {
        (&text.stderr, &text.stdout)
    };
    assert!(shown.contains(&place), "{command:?}: {shown}\n{beside}");
    assert_eq!(shown.matches(&place).count(), 1, "{command:?} names it more than once: {shown}");
    let port: u16 = place.split([':', ' ']).find_map(|word| word.parse().ok()).unwrap();
    for form in ["json", "jsonl"] {
        let printed = on(database, &[command, &["--output", form]].concat()).stdout;
        let last = printed.lines().last().unwrap_or_else(|| panic!("{command:?}"));
        let object: serde_json::Value = serde_json::from_str(last).unwrap();
        let expected = serde_json::json!({
            "database": database.name(), "host": "127.0.0.1", "port": port, "user": "postgres", "private": false
        });
        assert_eq!(object["connection"], expected, "{command:?}: {last}");
    }
}

#[test]
fn every_command_names_its_database() {
    let (old, new) = (legacy(), migrated());
    let (project, phase) = project_and_phase(&new);
    let (project, phase) = (project.as_str(), phase.as_str());
    let exports = tempfile::tempdir().unwrap();
    let out = exports.path().join("out");
    let commands: Vec<(&TestDatabase, Vec<&str>)> = vec![
        (&old, vec!["plan"]),
        (&old, vec!["rehearse"]),
        (&old, vec!["sample"]),
        (&old, vec!["doctor"]),
        (&old, vec!["status"]),
        (&old, vec!["verify"]),
        (&old, vec!["projects"]),
        (&old, vec!["rollback", "--yes"]),
        (&old, vec!["drift"]),
        (&old, vec!["history", project]),
        (&old, vec!["migrate", "--yes"]),
        (&new, vec!["migrate", "--yes"]),
        (&new, vec!["verify"]),
        (&new, vec!["status"]),
        (&new, vec!["projects"]),
        (&new, vec!["doctor"]),
        (&new, vec!["history", project]),
        (&new, vec!["log"]),
        (&new, vec!["export", "--out", out.to_str().unwrap()]),
        (&new, vec!["timeline", "show", project]),
        (&new, vec!["timeline", "open", project]),
        (&new, vec!["timeline", "reschedule", project, "--from-table"]),
        (&new, vec!["phase", "rename", phase, "Design"]),
        (&new, vec!["phase", "remove", project]),
        (&new, vec!["adopt"]),
        (&new, vec!["drift"]),
        (&new, vec!["drift", "--repair", "all", "--yes"]),
        (&new, vec!["rebuild", "--check"]),
        (&new, vec!["quarantine", "list"]),
        (&new, vec!["quarantine", "skip", project, "--all", "--reason", "test"]),
        (&new, vec!["upgrade"]),
        (&new, vec!["serve", "--role", "no such role", "--no-auth", "--listen", "127.0.0.1:0"]),
        (&new, vec!["rollback", "--dry-run"]),
        (&new, vec!["rollback", "--yes"]),
    ];
    let walked: BTreeSet<&str> = commands.iter().map(|(_, command)| command[0]).chain(WITHOUT).collect();
    let help = run(&["--help"]).stdout;
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    for line in listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        assert!(walked.contains(name), "{name} is not in the list of this test");
    }
    for (database, command) in commands {
        names(database, &command);
    }
}

#[test]
fn the_private_server_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let status =
        crate::program::ProgramOutput::of(phaseline(&["status", "--data-dir", folder]).output().unwrap())
            .exits_with(0);
    let first = status.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("database phaseline at ") && first.ends_with(", on the private server"),
        "{first}"
    );
}
