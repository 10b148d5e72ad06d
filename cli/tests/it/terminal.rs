//! Questions on a terminal, which `script` provides.

use crate::program::{legacy, on, phaseline};
use phaseline_embedded::testing::TestDatabase;
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs the program on a terminal with a prepared answer. Returns its exit code and all that the terminal showed.
fn on_a_terminal(database: &TestDatabase, command: &str, answer: &str) -> (Option<i32>, String) {
    let program = phaseline(&[]).get_program().to_str().unwrap().to_owned();
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", &format!("{program} {command}"), "/dev/null"])
        .env("DATABASE_URL", database.url())
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_migration_shows_its_plan_and_only_yes_confirms_it() {
    let database = legacy();
    let before = database.dump(&[]);
    let (code, shown) = on_a_terminal(&database, "migrate", "n\n");
    assert_eq!(code, Some(8), "{shown}");
    assert!(shown.contains("Budgets") && shown.contains("Migrate now? [y/N]"), "{shown}");
    assert!(database.dump(&[]) == before);
    let (code, shown) = on_a_terminal(&database, "migrate", "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("MIGRATED"), "{shown}");
    let (code, shown) = on_a_terminal(&database, "rollback", "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Roll back now? [y/N]") && shown.contains("ROLLED BACK"), "{shown}");
    on(&database, &["verify"]).exits_with(0);
}
