//! Checks whether a server runs in a cluster: reads `postmaster.pid` and checks its process.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::{EmbeddedError, process};

/// State of a cluster according to its `postmaster.pid`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Postmaster {
    /// No server.
    Gone,
    /// No server, but the file of a crashed one.
    Stale,
    /// A server that is starting, recovering or stopping.
    Busy,
    /// A server that takes connections on this port.
    Ready(u16),
}

/// Reads `postmaster.pid`. A living process with its id is not enough: since a crash or a reboot the id may belong to another process, even
/// to another PostgreSQL, and PostgreSQL itself would then refuse to start. So the process must name this cluster on its command line.
pub(crate) fn read(cluster: &Path) -> Result<Postmaster, EmbeddedError> {
    let Some(text) = pid_file(cluster)? else { return Ok(Postmaster::Gone) };
    let Some(_) = running_process(&text, cluster) else { return Ok(Postmaster::Stale) };
    // The lines: process, folder, start time, port, socket folder, address, shared memory, status.
    let lines: Vec<&str> = text.lines().collect();
    let port = lines.get(3).and_then(|line| line.trim().parse().ok());
    let ready = lines.get(7).is_some_and(|status| status.trim() == "ready");
    Ok(port.filter(|_| ready).map_or(Postmaster::Busy, Postmaster::Ready))
}

/// The server's process, if one runs.
pub(crate) fn process_id(cluster: &Path) -> Result<Option<u32>, EmbeddedError> {
    Ok(pid_file(cluster)?.and_then(|text| running_process(&text, cluster)))
}

fn pid_file(cluster: &Path) -> Result<Option<String>, EmbeddedError> {
    let path = cluster.join("postmaster.pid");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EmbeddedError::io("read", path)(error)),
    }
}

fn running_process(pid_file: &str, cluster: &Path) -> Option<u32> {
    let process = pid_file.lines().next()?.trim().parse().ok()?;
    is_postmaster(process, cluster).then_some(process)
}

fn is_postmaster(process: u32, cluster: &Path) -> bool {
    let Some(cluster) = cluster.to_str() else {
        return false;
    };
    if Path::new("/proc/self/cmdline").exists() {
        let Ok(line) = fs::read(format!("/proc/{process}/cmdline")) else {
            return false;
        };
        return line.split(|byte| *byte == 0).any(|argument| argument == cluster.as_bytes());
    }
    let mut ps = process::private(Path::new("ps"));
    let output = ps.args(["-ww", "-o", "command=", "-p", &process.to_string()]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(cluster))
}
