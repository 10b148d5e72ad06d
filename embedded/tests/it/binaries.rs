use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use phaseline_embedded::{BINDIR_VARIABLE, Binaries};

use crate::child_process::{self, ChildProcess};
use crate::probe;

/// The installation that a process with this `PATH` and this override finds.
fn found_with(path: &str, bindir: Option<&Path>) -> String {
    found_by("find", path, bindir)
}

/// The client programs for a server of version 17 that it finds.
fn clients_with(path: &str, bindir: Option<&Path>) -> String {
    found_by("find_clients", path, bindir)
}

fn found_by(mode: &str, path: &str, bindir: Option<&Path>) -> String {
    let mut command = child_process::command(mode, Path::new(""));
    command.env("PATH", path).env_remove(BINDIR_VARIABLE);
    if let Some(bindir) = bindir {
        command.env(BINDIR_VARIABLE, bindir);
    }
    ChildProcess::run(&mut command).read_line().unwrap()
}

/// A folder with programs that only print their version.
fn installation(version: &str) -> tempfile::TempDir {
    programs(&["initdb", "postgres", "pg_ctl"], version)
}

fn programs(names: &[&str], version: &str) -> tempfile::TempDir {
    let folder = probe::folder();
    for program in names {
        let path = folder.path().join(program);
        fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn a_missing_postgresql_is_reported_in_one_line_with_the_remedy() {
    let text = found_with("", Some(Path::new("/nowhere/bin")));
    assert!(!text.contains("\\n"), "{text}");
    let beginning =
        "PostgreSQL 15 or later was not found (searched: /nowhere/bin, which PHASELINE_PG_BINDIR names); ";
    let end = text.strip_prefix(beginning).unwrap_or_else(|| panic!("{text}"));
    assert!(end.contains("install") && end.ends_with("or give --database-url"), "{text}");
    if Path::new("/usr/bin/apt-get").exists() {
        assert!(end.starts_with("install it: apt-get install postgresql; "), "{text}");
    }
}

#[test]
fn the_override_replaces_the_installed_programs() {
    let folder = installation("18beta1");
    let found = found_with("/usr/bin:/bin", Some(folder.path()));
    assert_eq!(found, format!("18 in {}", folder.path().display()));
}

#[test]
fn a_version_that_is_too_old_is_named_and_not_taken() {
    let folder = installation("14.9 (Debian 14.9-1)");
    let text = found_with("/usr/bin:/bin", Some(folder.path()));
    assert!(text.contains("is version 14)"), "{text}");
}

#[test]
fn a_folder_without_pg_ctl_is_not_taken() {
    let folder = installation("17.1");
    fs::remove_file(folder.path().join("pg_ctl")).unwrap();
    assert!(found_with("", Some(folder.path())).starts_with("PostgreSQL 15 or later was not found"));
}

#[test]
fn path_has_precedence_over_the_distributions_folders() {
    let folder = installation("17.1");
    let found = found_with(&format!("/bin:{}", folder.path().display()), None);
    assert_eq!(found, format!("17 in {}", folder.path().display()));
}

#[test]
fn links_to_the_server_lead_to_its_client_programs() {
    let real = Binaries::find().unwrap();
    let folder = probe::folder();
    for program in ["initdb", "postgres", "pg_ctl"] {
        symlink(real.program(program), folder.path().join(program)).unwrap();
    }
    let found = found_with("", Some(folder.path()));
    assert_eq!(found, format!("{} in {}", real.major_version(), real.bindir().display()));
}

#[test]
fn the_distributions_installation_is_found_outside_of_path() {
    if !Path::new("/usr/lib/postgresql").exists() {
        return;
    }
    assert!(found_with("", None).contains(" in /usr/lib/postgresql/"));
}

#[test]
fn client_programs_need_no_server_beside_them() {
    let folder = programs(&["pg_dump", "psql"], "17.3");
    let expected = format!("17 in {}", folder.path().display());
    assert_eq!(clients_with("", Some(folder.path())), expected);
    assert_eq!(clients_with(&folder.path().display().to_string(), None), expected);
    // A server without client programs leaves them to PATH.
    let server = installation("17.1");
    assert_eq!(clients_with(&folder.path().display().to_string(), Some(server.path())), expected);
}

#[test]
fn client_programs_of_the_servers_version_win_over_later_ones() {
    let [older, same, later] = ["16.9", "17.1", "19beta1"].map(|version| programs(&["pg_dump"], version));
    let path = |folders: &[&tempfile::TempDir]| {
        folders.iter().map(|folder| folder.path().display().to_string()).collect::<Vec<_>>().join(":")
    };
    let found = clients_with(&path(&[&older, &later, &same]), None);
    assert_eq!(found, format!("17 in {}", same.path().display()));
    let found = clients_with(&path(&[&older, &later]), None);
    assert!(found == format!("19 in {}", later.path().display()) || found.starts_with("17 in "), "{found}");
    let found = clients_with("", Some(older.path()));
    assert!(found.contains("the server is PostgreSQL 17, but the installed pg_dump is 16"), "{found}");
}

#[test]
fn missing_client_programs_are_reported_with_the_places() {
    let found = clients_with("", Some(Path::new("/nowhere/bin")));
    assert_eq!(
        found,
        "a pg_dump that reads PostgreSQL 17 was not found (searched: /nowhere/bin, which PHASELINE_PG_BINDIR names, and PATH)"
    );
}
