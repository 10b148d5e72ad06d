//! Stops a server whose users were killed.
//!
//! A destructor does not run after `kill -9`, nor for a `static`. So a small shell process holds the reading end of a pipe: when this
//! process ends in any way, the kernel closes the writing end, and the shell continues. It has its own process group and ignores the
//! signals of a terminal, so that a Ctrl-C does not end it.

use std::env;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::account::Account;
use crate::cluster::Cluster;
use crate::locks::Locks;
use crate::{EmbeddedError, process};

const SHELL: &str = "/bin/sh";

/// Leaves a shared server as `Server`'s destructor does, by the protocol in `locks.rs`. It tries more than once: a process closes the
/// pipe before its lock file, and its `pg_ctl start` may outlive it and still be starting the server.
const LEAVE: &str = r#"
trap '' HUP INT QUIT TERM
IFS= read -r word
[ "$word" = done ] && exit 0
exec 9<>"$1" || exit 1
for again in 1 2 3; do
    if "$2" -n 9; then
        "$3" stop -w -s -t 300 -m fast -D "$4" && exit 0
        "$2" -u 9
    fi
    sleep 1
done
"#;

/// Stops a throw-away cluster.
const END: &str = r#"
trap '' HUP INT QUIT TERM
read -r word
"$1" stop -w -s -t 60 -m immediate -D "$2"
"#;

/// Removes a throw-away folder once the previous process has ended. The loop is for an `initdb` that still creates files.
const REMOVE: &str = r#"
trap '' HUP INT QUIT TERM
read -r word
for again in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf "$1"
    [ -e "$1" ] || exit 0
    sleep 0.5
done
"#;

/// Leaves the shared server if this process ends without doing so.
#[derive(Debug)]
pub(crate) struct LeaveGuard {
    child: Child,
    pipe: ChildStdin,
}

impl LeaveGuard {
    /// None without util-linux' (or busybox') `flock`: then a server whose users were killed runs until
    /// the next user ends.
    pub(crate) fn spawn(cluster: &Cluster, locks: &Locks) -> Result<Option<Self>, EmbeddedError> {
        let Some(flock) = flock() else { return Ok(None) };
        let mut command = shell(LEAVE);
        command.args([&locks.clients, &flock, &cluster.binaries.program("pg_ctl")]);
        command.arg(cluster.data_dir.cluster()).stdout(Stdio::null());
        let (child, pipe) = spawn(&mut command, &cluster.account)?;
        Ok(Some(Self { child, pipe }))
    }

    /// Signals that the guard has nothing left to do, and waits for its end.
    pub(crate) fn dismiss(mut self) {
        let _ = self.pipe.write_all(b"done\n");
        drop(self.pipe);
        let _ = self.child.wait();
    }
}

/// Stops a throw-away cluster and removes its folder, when dropped or when this process ends.
#[derive(Debug)]
pub(crate) struct EndGuard {
    pipe: Option<ChildStdin>,
    children: [Child; 2],
}

impl EndGuard {
    /// The second process waits for the end of the first, whose output is its input. There are two because
    /// the server is stopped by its user and the folder is removed by the current one.
    pub(crate) fn spawn(cluster: &Cluster) -> Result<Self, EmbeddedError> {
        let mut end = shell(END);
        end.arg(cluster.binaries.program("pg_ctl")).arg(cluster.data_dir.cluster()).stdout(Stdio::piped());
        let (mut ending, pipe) = spawn(&mut end, &cluster.account)?;
        let mut remove = shell(REMOVE);
        remove.arg(cluster.data_dir.path()).stdout(Stdio::null());
        remove.stdin(ending.stdout.take().map_or_else(Stdio::null, Stdio::from));
        let removing = remove.spawn().map_err(failed)?;
        Ok(Self { pipe: Some(pipe), children: [ending, removing] })
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        drop(self.pipe.take());
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

fn shell(script: &str) -> Command {
    let mut command = process::private(Path::new(SHELL));
    command.args(["-c", script, "phaseline-guard"]).stderr(Stdio::null()).process_group(0);
    command
}

fn spawn(command: &mut Command, account: &Account) -> Result<(Child, ChildStdin), EmbeddedError> {
    let mut child = account.run_by(command).stdin(Stdio::piped()).spawn().map_err(failed)?;
    let pipe = child.stdin.take().ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
    Ok((child, pipe))
}

fn failed(source: std::io::Error) -> EmbeddedError {
    EmbeddedError::Spawn { program: SHELL.into(), source }
}

fn flock() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/bin", "/bin"].map(PathBuf::from));
    folders.map(|folder| folder.join("flock")).find(|program| program.is_absolute() && program.is_file())
}
