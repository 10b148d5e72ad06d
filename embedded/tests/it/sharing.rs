//! One server, many processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use phaseline_embedded::{BINDIR_VARIABLE, Binaries, Server};
use tempfile::TempDir;

use crate::child_process::{self, ChildProcess};
use crate::probe::{self, eventually};

fn is_serving(url: &str) -> bool {
    Binaries::find().unwrap().psql(url, "SELECT 1").is_ok()
}

#[test]
fn two_processes_share_a_server_that_ends_with_the_last() {
    let folder = probe::folder();
    let (first, url) = ChildProcess::hold(folder.path());
    let (second, same_url) = ChildProcess::hold(folder.path());
    assert_eq!(url, same_url);
    let postmaster = probe::postmaster(folder.path()).unwrap();
    first.end();
    assert!(is_serving(&url));
    assert_eq!(probe::postmaster(folder.path()), Some(postmaster));
    second.end();
    assert_eq!(probe::postmaster(folder.path()), None);
    assert!(!probe::is_alive(postmaster));
}

#[test]
fn two_users_in_one_process_share_a_server_that_ends_with_the_last() {
    let folder = probe::folder();
    let first = Server::start(folder.path()).unwrap();
    let second = Server::start(folder.path()).unwrap();
    let url = first.url("postgres");
    drop(first);
    assert!(is_serving(&url));
    drop(second);
    assert_eq!(probe::postmaster(folder.path()), None);
}

#[test]
fn no_server_stays_when_its_only_user_is_killed() {
    let folder = probe::folder();
    let (mut other, _) = ChildProcess::hold(folder.path());
    let postmaster = probe::postmaster(folder.path()).unwrap();
    assert!(probe::is_alive(postmaster));
    other.kill();
    eventually("the server has stopped", || probe::postmaster(folder.path()).is_none());
    eventually("its process is gone", || !probe::is_alive(postmaster));
}

#[test]
fn a_server_outlives_one_killed_user_but_not_the_last() {
    let folder = probe::folder();
    let (mut killed, url) = ChildProcess::hold(folder.path());
    let (mut last, _) = ChildProcess::hold(folder.path());
    let guards = guards_of(killed.id());
    assert_eq!(guards.len(), 1);
    killed.kill();
    // The guard has decided by then.
    eventually("the guard has gone", || !probe::is_alive(guards[0]));
    assert!(is_serving(&url));
    last.kill();
    eventually("the server has stopped", || probe::postmaster(folder.path()).is_none());
}

#[test]
fn a_guard_ends_with_its_user() {
    let folder = probe::folder();
    let (other, _) = ChildProcess::hold(folder.path());
    let guards = guards_of(other.id());
    assert_eq!(guards.len(), 1);
    other.end();
    assert!(!probe::is_alive(guards[0]));
}

#[test]
fn a_ctrl_c_that_ends_the_user_stops_the_server() {
    let folder = probe::folder();
    let mut other = ChildProcess::run(child_process::command("hold", folder.path()).process_group(0));
    assert!(other.read_line().is_some());
    probe::signal("INT", &format!("-{}", other.id()));
    assert!(!other.wait());
    eventually("the server has stopped", || probe::postmaster(folder.path()).is_none());
    let log = folder.path().join("server.log");
    eventually("the log has the shutdown", || {
        fs::read_to_string(&log).unwrap().contains("database system is shut down")
    });
}

#[test]
fn a_ctrl_c_that_the_user_survives_does_not_touch_the_server() {
    let folder = probe::folder();
    let role = child_process::command("hold", folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"trap '' INT; exec "$@""#, "sh"]).arg(role.get_program()).args(role.get_args());
    shell.envs(role.get_envs().filter_map(|(name, value)| Some((name, value?)))).process_group(0);
    let mut other = ChildProcess::run(&mut shell);
    let url = other.read_line().unwrap();
    let guards = guards_of(other.id());
    probe::signal("INT", &format!("-{}", other.id()));
    probe::signal("INT", &guards[0].to_string());
    // No event can be awaited; a shutdown would begin within a second.
    thread::sleep(Duration::from_secs(1));
    assert!(is_serving(&url));
    assert!(probe::is_alive(guards[0]));
    other.end();
    assert_eq!(probe::postmaster(folder.path()), None);
}

#[test]
fn a_newcomer_waits_for_a_server_that_is_being_stopped() {
    let folder = probe::folder();
    let programs = slow_to_stop();
    let mut command = child_process::command("hold", folder.path());
    let mut last = ChildProcess::run(command.env(BINDIR_VARIABLE, programs.path()));
    assert!(last.read_line().is_some());
    last.release();
    eventually("it is about to stop the server", || programs.path().join("stopping").exists());
    let (newcomer, url) = ChildProcess::hold(folder.path());
    assert!(last.wait());
    assert!(is_serving(&url));
    newcomer.end();
}

/// PostgreSQL's programs, with a long delay before `pg_ctl stop` signals the server.
fn slow_to_stop() -> TempDir {
    let folder = probe::folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    let real = Binaries::find().unwrap();
    let stopping = folder.path().join("stopping");
    let slow = format!("[ \"$1\" = stop ] && touch {} && sleep 2", stopping.display());
    for (program, before) in [("initdb", ":"), ("postgres", ":"), ("pg_ctl", slow.as_str())] {
        let path = folder.path().join(program);
        fs::write(&path, format!("#!/bin/sh\n{before}\nexec {:?} \"$@\"\n", real.program(program))).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn processes_share_a_server_and_the_last_stops_it_even_if_killed() {
    let folder = probe::folder();
    let mut others: Vec<ChildProcess> = (0..6)
        .map(|_| ChildProcess::run(&mut child_process::command("come and go", folder.path())))
        .collect();
    let mut doomed: Vec<ChildProcess> = (0..2)
        .map(|_| ChildProcess::run(&mut child_process::command("come and go", folder.path())))
        .collect();
    for other in &mut doomed {
        assert_eq!(other.read_line().as_deref(), Some("round"));
        other.kill();
    }
    for other in &mut others {
        while let Some(line) = other.read_line() {
            assert!(["round", "through"].contains(&line.as_str()), "{line}");
        }
        assert!(other.wait(), "a process found no server, or one that was stopping");
    }
    eventually("the server has stopped", || probe::postmaster(folder.path()).is_none());
    drop(Server::start(folder.path()).unwrap());
}

/// The guards that are children of this process.
fn guards_of(process: u32) -> Vec<u32> {
    let output =
        Command::new("pgrep").args(["-P", &process.to_string(), "-f", "phaseline-guard"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}
