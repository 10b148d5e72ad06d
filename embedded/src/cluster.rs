//! Creates, starts and stops one PostgreSQL cluster in a data folder.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::data_dir::DataDir;
use crate::{Binaries, EmbeddedError, process};

/// Settings that no configuration file may change: clients reach the server over loopback only, with the password.
/// There is no Unix socket, since its path would have to be short and private, without a benefit.
const CLOSED: [(&str, &str); 3] =
    [("listen_addresses", "127.0.0.1"), ("unix_socket_directories", ""), ("lc_messages", "C")];

/// The timeout of a start. Recovery after a crash replays some minutes of log; `pg_ctl` returns as soon as it is done.
const START_SECONDS: &str = "600";
const STOP_SECONDS: &str = "300";

/// A cluster, whether or not its server runs.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) binaries: Binaries,
    pub(crate) account: Account,
    pub(crate) data_dir: DataDir,
}

/// What a cluster is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Data that must survive a power cut, behind a password that is checked by SCRAM.
    Data,
    /// Tests. It is not synced, and its password is checked by MD5: they connect thousands of times, and SCRAM makes both sides hash
    /// each time on purpose (a tenth of the processor time of all tests).
    Tests,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StopMode {
    /// Connections are closed, and everything is written.
    Fast,
    /// As in a crash.
    Immediate,
}

impl Cluster {
    /// Creates the cluster if it is missing. It appears completely or not at all: it is created under another name.
    pub(crate) fn init(&self, purpose: Purpose) -> Result<(), EmbeddedError> {
        let cluster = self.data_dir.cluster();
        if cluster.exists() {
            return Ok(());
        }
        self.account.can_reach(self.binaries.bindir())?;
        self.remove_unfinished();
        let unfinished = self.data_dir.path().join(format!("init-{}", std::process::id()));
        // `C` orders by bytes, which is the same everywhere; `C.UTF-8` has upper and lower case of all letters.
        let result = self.initdb(&unfinished, &["--lc-collate=C", "--lc-ctype=C.UTF-8"], purpose);
        match result {
            Err(EmbeddedError::Program { stderr, .. }) if stderr.contains("locale") => {
                self.initdb(&unfinished, &[], purpose)?;
            }
            result => result?,
        }
        fs::rename(&unfinished, &cluster).map_err(EmbeddedError::io("rename", &unfinished))?;
        let data_dir = self.data_dir.path();
        fs::File::open(data_dir)
            .and_then(|folder| folder.sync_all())
            .map_err(EmbeddedError::io("sync", data_dir))
    }

    pub(crate) fn initdb(
        &self,
        folder: &Path,
        locale: &[&str],
        purpose: Purpose,
    ) -> Result<(), EmbeddedError> {
        let mut command = process::private(&self.binaries.program("initdb"));
        command
            .args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--no-instructions"])
            .arg(if purpose == Purpose::Data { "--auth=scram-sha-256" } else { "--auth=md5" })
            .arg("-D")
            .arg(folder)
            .arg("--pwfile")
            .arg(self.data_dir.password_file())
            .args(locale);
        if purpose == Purpose::Tests {
            command.arg("--no-sync");
        }
        process::run(self.account.run_by(&mut command), "making the cluster").map(|_| ())
    }

    /// Removes the files of a killed `initdb`. The caller holds the start lock. Files that cannot be removed yet, since that `initdb` is
    /// still ending, are left for the next call.
    fn remove_unfinished(&self) {
        for entry in fs::read_dir(self.data_dir.path()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("init-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Starts the server, on `preferred` if that port is free, and returns its port.
    pub(crate) fn start(
        &self,
        preferred: Option<u16>,
        settings: &[(&str, &str)],
    ) -> Result<u16, EmbeddedError> {
        self.account.can_reach(self.binaries.bindir())?;
        let patience = Instant::now() + Duration::from_secs(60);
        let mut preferred = preferred;
        loop {
            let port = match preferred.take().filter(|port| is_free(*port)) {
                Some(port) => port,
                None => free_port()?,
            };
            match self.start_on(port, settings) {
                Ok(()) => return Ok(port),
                Err(EmbeddedError::Start { tail, .. }) if will_pass(&tail) && Instant::now() < patience => {
                    thread::sleep(Duration::from_millis(200));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts the server on this port, or fails.
    pub(crate) fn start_on(&self, port: u16, settings: &[(&str, &str)]) -> Result<(), EmbeddedError> {
        self.data_dir.ready_log(&self.account)?;
        let log = self.data_dir.log();
        let before = fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let mut options = format!("-c port={port}");
        for (name, value) in settings.iter().chain(&CLOSED) {
            options.push_str(&format!(" -c '{name}={value}'"));
        }
        let mut command = process::private(&self.binaries.program("pg_ctl"));
        command.args(["start", "-w", "-s", "-t", START_SECONDS, "-D"]).arg(self.data_dir.cluster());
        command.arg("-l").arg(&log).arg("-o").arg(options);
        process::run(self.account.run_by(&mut command), "starting the server").map(|_| ()).map_err(|error| {
            let EmbeddedError::Program { stderr, .. } = error else {
                return error;
            };
            let tail = tail(&log, before);
            EmbeddedError::Start { data_dir: self.data_dir.path().to_owned(), reason: stderr, log, tail }
        })
    }

    /// Stops the server and waits for its end.
    pub(crate) fn stop(&self, how: StopMode) -> Result<(), EmbeddedError> {
        let mode = match how {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        let mut command = process::private(&self.binaries.program("pg_ctl"));
        command.args(["stop", "-w", "-s", "-t", STOP_SECONDS, "-m", mode, "-D"]).arg(self.data_dir.cluster());
        // In its own group, so that a second Ctrl-C does not interrupt it.
        command.process_group(0);
        process::run(self.account.run_by(&mut command), "stopping the server").map(|_| ())
    }

    /// Removes the file that a crashed server left.
    pub(crate) fn remove_stale_pid_file(&self) -> Result<(), EmbeddedError> {
        let path = self.data_dir.cluster().join("postmaster.pid");
        fs::remove_file(&path).map_err(EmbeddedError::io("remove", path))
    }

    /// The major version that created the cluster, if there is one.
    pub(crate) fn version_of(data_dir: &DataDir) -> Result<Option<String>, EmbeddedError> {
        let path: PathBuf = data_dir.cluster().join("PG_VERSION");
        if !data_dir.cluster().exists() {
            return Ok(None);
        }
        let version = fs::read_to_string(&path).map_err(EmbeddedError::io("read", path))?;
        Ok(Some(version.trim().to_owned()))
    }
}

/// The last lines of the log, from this place on.
pub(crate) fn tail(log: &Path, from: u64) -> String {
    const LINES: usize = 20;
    let mut bytes = Vec::new();
    let read = fs::File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        return format!("(cannot be read: {error})");
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Whether to repeat a failed start: another process took the chosen port before the server, or the last server was killed and its children
/// still run.
fn will_pass(log: &str) -> bool {
    log.contains("could not bind") || log.contains("pre-existing shared memory block")
}

pub(crate) fn free_port() -> Result<u16, EmbeddedError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(EmbeddedError::io("find a free port on", "127.0.0.1"))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
