//! The manual: a page for every command, readable by `man`.

use crate::help::commands;
use crate::program::run;
use std::path::Path;
use std::process::{Command, Stdio};

/// The names of the required pages: the program's, and those of every command.
fn expected_pages(path: &[&str]) -> Vec<String> {
    let help = run(&[path, &["--help"]].concat()).exits_with(0).stdout;
    let mut names = vec![[&["phaseline"], path].concat().join("-") + ".1"];
    for command in commands(&help) {
        names.extend(expected_pages(&[path, &[command.as_str()]].concat()));
    }
    names
}

/// The rendered text.
fn render_page(page: &Path) -> Option<String> {
    let ran = Command::new("man")
        .args(["--warnings", "-l"])
        .arg(page)
        .env("MANWIDTH", "200")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    assert!(ran.status.success(), "{}: {}", page.display(), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "", "{}", page.display());
    Some(String::from_utf8(ran.stdout).unwrap())
}

#[test]
fn every_command_has_a_page_with_examples_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("share/man1");
    let written = run(&["man", "--dir", folder.to_str().unwrap()]).exits_with(0).stdout;
    let mut pages: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut wanted = expected_pages(&[]);
    wanted.sort();
    pages.sort();
    assert_eq!(pages, wanted);
    assert_eq!(written.lines().count(), pages.len());
    for page in &pages {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH EXAMPLE"), "{page}");
    }
    let Some(page) = render_page(&folder.join("phaseline-history.1")) else {
        eprintln!("not rendered: there is no man");
        return;
    };
    let example = "       phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --as-of 2026-01-31 --zone Europe/Berlin";
    assert!(page.lines().any(|line| line.trim() == example.trim()), "{page}");
    for page in &pages {
        render_page(&folder.join(page));
    }
}

#[test]
fn the_page_of_the_program_goes_to_stdout_with_exit_codes_and_environment() {
    let page = run(&["man"]).exits_with(0).stdout;
    for part in
        [".TH phaseline 1", ".SH \"EXIT CODES\"", ".SH ENVIRONMENT", "DATABASE_URL", ".SH SUBCOMMANDS"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let object = run(&["man", "--json"]).exits_with(0).object("phaseline.man/1");
    assert!(object["page"].as_str().unwrap().contains(".SH NAME"));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside = file.path().join("man1");
    let failed = run(&["man", "--dir", inside.to_str().unwrap()]).exits_with(1);
    assert!(failed.stderr.contains(inside.to_str().unwrap()), "{}", failed.stderr);
}
