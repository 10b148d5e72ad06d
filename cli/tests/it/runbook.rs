//! Runs every command in the ```` ```console ```` blocks of the runbook's pages, troubleshooting, the tour and the README, and
//! compares its output with theirs.
//!
//! - `$ ` begins a command, `> ` continues it; its output follows, stdout and stderr together.
//! - A command that fails must be followed by `$ echo $?`.
//! - `<!-- database: ARGUMENTS -->` starts with a new database of `phaseline sample ARGUMENTS`; `private` instead of
//!   arguments with none, so that phaseline runs its own server.
//! - `<!-- run: COMMAND -->`, or the lines of `<!-- run` … `-->`, run without being shown, and must succeed.
//! - Ids and hashes may differ from the document's, but consistently, in later commands too; times, sizes, versions, ports
//!   and process ids may be any. See [`masks`].
//!
//! `PHASELINE_BLESS=1 cargo test -p phaseline --test it runbook` writes the program's output into the documents.

mod document;
mod masks;
mod shell;

use document::{Document, Item};
use masks::{Names, masked};
use phaseline_embedded::testing::{TestCluster, TestOptions};
use shell::Shell;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

#[test]
fn the_page_on_migrating_shows_the_output_of_the_program() {
    check("docs/runbook/migrate.md");
}

#[test]
fn the_page_on_special_cases_shows_the_output_of_the_program() {
    check("docs/runbook/special-cases.md");
}

#[test]
fn the_page_on_rolling_back_shows_the_output_of_the_program() {
    check("docs/runbook/rollback.md");
}

#[test]
fn the_page_afterwards_shows_the_output_of_the_program() {
    check("docs/runbook/afterwards.md");
}

#[test]
fn the_page_on_troubleshooting_shows_the_output_of_the_program() {
    check("docs/troubleshooting.md");
}

#[test]
fn the_readme_shows_the_output_of_the_program() {
    check("README.md");
}

#[test]
fn the_tour_shows_the_output_of_the_program() {
    check("docs/tour.md");
}

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut document = Document::parse(&text);
    // Durable, as an operator's server: `doctor` prints that.
    let cluster = TestCluster::start(TestOptions::durable());
    let bless = std::env::var_os("PHASELINE_BLESS").is_some();
    let (wrong, names) = run(&cluster, &mut document);
    if bless {
        if !wrong.is_empty() {
            // Otherwise commands would keep ids that no output has any more.
            document.rename_ids(&names);
        }
        fs::write(&path, document.text()).unwrap();
    } else {
        assert!(
            wrong.is_empty(),
            "{name} does not show what the program prints (PHASELINE_BLESS=1 writes it):\n\n{}",
            wrong.join("\n")
        );
    }
}

/// Runs all commands. Describes each difference, and writes the output into the document.
fn run(cluster: &TestCluster, document: &mut Document) -> (Vec<String>, Names) {
    let (mut shell, mut names, mut wrong) = (None, Names::default(), Vec::new());
    // A command that failed, and the line where `echo $?` must follow.
    let mut unexplained = None;
    for item in &mut document.items {
        let (Item::Command { line, .. } | Item::Hidden { line, .. } | Item::Database { line, .. }) = item
        else {
            continue;
        };
        let line = *line;
        if let Some(failed) = unexplained.take()
            && !matches!(item, Item::Command { command, .. } if command == "echo $?")
        {
            wrong.push(format!("line {failed}: fails, and no `$ echo $?` follows"));
        }
        match item {
            Item::Database { arguments, .. } => shell = Some(Shell::start(cluster, arguments)),
            Item::Hidden { command, .. } => {
                let ran = shell.as_mut().unwrap().run(&names.translate(command));
                assert_eq!(ran.status, 0, "line {line}: {command}\n{}", ran.output.join("\n"));
            }
            Item::Command { command, output, .. } => {
                let translated = names.translate(command);
                let ran = shell.as_mut().unwrap().run(&translated);
                unexplained = (ran.status != 0).then_some(line);
                if let Err(why) = names.compare(output, &ran.output) {
                    let difference = format!(
                        "line {line}: $ {command}\n  {why}\n--- the document\n{}\n--- the program (ended with {})\n{}\n",
                        output.join("\n"),
                        ran.status,
                        ran.output.join("\n")
                    );
                    // At once too, and not held back until all tests ended, which a time limit may prevent.
                    let _ = writeln!(io::stderr(), "{difference}");
                    wrong.push(difference);
                    *command = translated;
                    *output = ran.output;
                }
            }
            Item::Text(_) => {}
        }
    }
    (wrong, names)
}

#[test]
fn a_line_is_compared_without_parts_that_differ_between_runs() {
    let same = |one: &str, other: &str| masked(one).text == masked(other).text;
    assert!(same("took   419 ms, tables locked 66 ms", "took 1.2 s, tables locked 100 ms"));
    assert!(same("backup: a.dump (34.1 kB); to", "backup: a.dump (1.0 MB); to"));
    assert!(same("  2026-11-22 21:08:14 UTC  migrate", "  2027-01-02 01:02:03 UTC  migrate"));
    assert!(same("position 7, 2026-11-22T21:08:14.000001Z", "position 7, 2027-01-02T01:02:03.123456Z"));
    assert!(same("PostgreSQL 15.18 (Debian 15.18-0+deb12u1)", "PostgreSQL 17.1"));
    assert!(same(
        "/usr/bin/pg_dump, version 15.20, the server's is 15.20",
        "/opt/pg/bin/pg_dump, version 17.2, the server's is 16.1"
    ));
    assert!(!same("phases   6", "phases   7"));
    assert!(!same("phases   6", "phases 6"));
    assert!(!same("2022-07-30 to 2023-01-29", "2022-07-30 to 2023-01-30"));
}

#[test]
fn an_id_of_the_page_maps_to_one_id() {
    let (one, other) = ("1663d77b-214c-44eb-ac41-1b65d4a027b6", "e01243af-1661-46ec-a4fc-696277020192");
    let lines = |id: &str| vec![format!("phase {id}, done")];
    let mut names = Names::default();
    assert_eq!(names.compare(&lines(one), &lines(other)), Ok(()));
    assert_eq!(names.translate(&format!("show {one}")), format!("show {other}"));
    assert!(names.compare(&lines(one), &lines(one)).is_err());
}
