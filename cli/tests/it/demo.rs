//! The demo always stops its server and removes its files.

use crate::program::{ProgramOutput, eventually, phaseline, signal};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A folder for temporary files that other users can read.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("phaseline-cli-").tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    folder
}

pub(crate) fn demo(folder: &Path, args: &[&str]) -> Command {
    let mut command = phaseline(&[&["demo"], args].concat());
    command.env("TMPDIR", folder);
    command
}

/// Whether the folder is empty and no process uses it.
pub(crate) fn nothing_left(folder: &Path) -> bool {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let known = fs::read_dir("/proc").unwrap().flatten().any(|process| {
        fs::read(process.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(name))
    });
    !known && fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn the_demo_runs_every_step_and_leaves_nothing() {
    let folder = folder();
    let ran = ProgramOutput::of(demo(folder.path(), &[]).output().unwrap()).exits_with(0);
    for shown in [
        "▶ plan",
        "READY",
        "▶ migrate",
        "MIGRATED",
        "\nVERIFICATION COMPLETE",
        "▶ history",
        "adopted from the legacy planner",
        "▶ rollback",
        "\nROLLBACK VERIFICATION COMPLETE",
        "byte for byte",
    ] {
        assert!(ran.stdout.contains(shown), "{shown}: {}", ran.stdout);
    }
    assert!(nothing_left(folder.path()));
    let object = ProgramOutput::of(demo(folder.path(), &["--json"]).output().unwrap())
        .exits_with(0)
        .object("phaseline.demo/1");
    assert_eq!(object["identical"], true);
    let quiet = ProgramOutput::of(demo(folder.path(), &["--quiet"]).output().unwrap()).exits_with(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn a_demo_that_is_stopped_leaves_nothing_either() {
    for (name, code) in [("INT", Some(8)), ("TERM", Some(8)), ("KILL", None)] {
        let folder = folder();
        let mut child = demo(folder.path(), &[]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().contains("▶ sample")).unwrap().unwrap();
        signal(name, child.id());
        assert_eq!(child.wait().unwrap().code(), code, "{name}");
        if code.is_some() {
            assert!(nothing_left(folder.path()), "{name}");
        }
        eventually("nothing is left", || nothing_left(folder.path()));
    }
}

#[test]
fn a_demo_without_postgresql_ends_with_9_and_leaves_nothing() {
    let folder = folder();
    let mut command = demo(folder.path(), &[]);
    command.env(phaseline_embedded::BINDIR_VARIABLE, folder.path());
    let ran = ProgramOutput::of(command.output().unwrap()).exits_with(9);
    assert!(!ran.stdout.contains("has stopped"), "no server was started: {}", ran.stdout);
    assert!(nothing_left(folder.path()));
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let folder = folder();
    let mut child = demo(folder.path(), &[]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = ProgramOutput::of(child.wait_with_output().unwrap()).exits_with(0);
    assert_eq!(ran.stderr, "");
}
