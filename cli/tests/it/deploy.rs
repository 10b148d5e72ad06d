//! The files in `deploy/`: the program accepts their command lines, and systemd accepts its units.

use crate::program::{phaseline, run};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn deploy(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text after the program's name in a line; none if the line does not run it.
fn arguments(line: &str) -> Option<Vec<String>> {
    let line = line.split(" #").next().unwrap().trim_start_matches("ExecStart=");
    let mut words = line.split_whitespace().map(str::to_owned);
    words.find(|word| matches!(word.as_str(), "phaseline" | "/usr/local/bin/phaseline"))?;
    Some(words.collect())
}

/// Every command line of phaseline with its file.
fn command_lines() -> Vec<(&'static str, Vec<String>)> {
    let mut lines = Vec::new();
    for line in deploy("phaseline.service").lines().filter(|line| line.starts_with("ExecStart=")) {
        lines.push(("phaseline.service", arguments(line).unwrap()));
    }
    let readme = deploy("README.md");
    let mut shell = false;
    for line in readme.lines() {
        match line {
            "```sh" => shell = true,
            "```" => shell = false,
            line if shell && !line.contains(" build ") => {
                lines.extend(arguments(line).map(|arguments| ("README.md", arguments)));
            }
            _ => {}
        }
    }
    lines
}

/// There is no database, so a valid command line exits with 9.
#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let lines = command_lines();
    assert!(lines.len() >= 7, "{lines:?}");
    for (file, arguments) in lines {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = phaseline(&arguments);
        let ran = command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/planner").output().unwrap();
        let message = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(9), "{file}: phaseline {arguments:?}: {message}");
    }
    let container = deploy("Containerfile");
    let command = container.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    run(&command.iter().map(String::as_str).collect::<Vec<_>>()).exits_with(0);
}

/// All local users can read a command line, and all users of an image its layers.
#[test]
fn units_and_images_contain_no_connection_and_do_not_run_as_root() {
    for file in ["phaseline.service", "phaseline.timer", "Containerfile"] {
        let text = deploy(file);
        for secret in ["postgres://", "--database-url", "PGPASSWORD", "Environment=DATABASE_URL"] {
            assert!(!text.contains(secret), "{file}: {secret}");
        }
    }
    let unit = deploy("phaseline.service");
    assert!(unit.contains("\nEnvironmentFile=") && unit.contains("\nDynamicUser=yes\n"));
    let container = deploy("Containerfile");
    let (_, last) = container.rsplit_once("\nFROM ").unwrap();
    assert!(last.contains("\nUSER 10001:10001\n"), "{last}");
}

#[test]
fn systemd_accepts_the_units() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["phaseline.service", "phaseline.timer"] {
        // systemd checks that the program exists.
        let text = deploy(file).replace("/usr/local/bin/phaseline", env!("CARGO_BIN_EXE_phaseline"));
        fs::write(folder.path().join(file), text).unwrap();
    }
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(["phaseline.service", "phaseline.timer"].map(|file| folder.path().join(file)))
        .output();
    let Ok(verified) = verified else {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    };
    let message = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !message.contains("phaseline."), "{message}");
}
