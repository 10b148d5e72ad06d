//! Runs PostgreSQL's programs on the database and on its copy.

use super::program_error::ProgramError;
use crate::database_url::DatabaseUrl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::target::Target;
use phaseline_embedded::{Binaries, Version};
use std::fs::File;
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, Command};

pub(super) struct Programs {
    binaries: Binaries,
}

impl Programs {
    /// Locates programs that can read the server.
    pub(super) fn locate(target: &Target, server_version: u32) -> Result<Self, Failure> {
        let binaries = target.binaries(server_version)?;
        for name in ["pg_dump", "pg_restore"] {
            let program = binaries.program(name);
            if !program.is_file() {
                return Err(not_run(name, &format!("{} is missing", program.display())));
            }
        }
        Ok(Self { binaries })
    }

    /// The version of `pg_dump`.
    pub(super) fn pg_dump_version(&self) -> Option<Version> {
        self.binaries.version_of("pg_dump")
    }

    fn command(&self, name: &str, url: &DatabaseUrl) -> Command {
        let mut command = Command::new(self.binaries.program(name));
        // For `ProgramError`.
        command.env("LC_ALL", "C").arg("--no-password").arg("--dbname").arg(url.bare());
        if let Some(password) = url.password() {
            command.env("PGPASSWORD", password);
        }
        // Only phaseline handles Ctrl-C: a program that it ends would seem to have failed.
        command.process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Pipes a dump into a restore. Leaves out subscriptions, which would connect to other servers.
    pub(super) async fn copy(
        &self,
        from: &DatabaseUrl,
        to: &DatabaseUrl,
        lock_timeout: u64,
    ) -> Result<(), Failure> {
        let mut dump = self.command("pg_dump", from);
        dump.args(["--format=custom", "--compress=0", "--no-subscriptions"]);
        dump.arg(format!(
            "--lock-wait-timeout={}",
            lock_timeout.saturating_mul(1000).min(i32::MAX.unsigned_abs().into())
        ));
        let mut dump = spawn(dump.stdout(Stdio::piped()), "pg_dump")?;
        let mut restore = self.command("pg_restore", to);
        restore.args(["--exit-on-error", "--no-subscriptions"]);
        let mut restore = spawn(restore.stdin(Stdio::piped()), "pg_restore")?;
        let from = dump.stdout.take().and_then(|pipe| pipe.into_owned_fd().ok()).map(File::from);
        let to = restore.stdin.take().and_then(|pipe| pipe.into_owned_fd().ok()).map(File::from);
        let (Some(mut from), Some(mut to)) = (from, to) else {
            return Err(Failure::unexpected("pg_dump and pg_restore have no pipe between them"));
        };
        // Through this process, so that both programs end if it is killed.
        let piping = tokio::task::spawn_blocking(move || std::io::copy(&mut from, &mut to));
        let (dumped, restored, _) = tokio::join!(dump.wait_with_output(), restore.wait_with_output(), piping);
        // The first failure breaks the pipe of the other program: report a failed dump first, unless the broken pipe ended it, by a
        // signal.
        let (dumped, restored) = (
            dumped.map_err(|error| not_run("pg_dump", &error.to_string()))?,
            restored.map_err(|error| not_run("pg_restore", &error.to_string()))?,
        );
        if !dumped.status.success() && dumped.status.code().is_some() {
            return Err(failed("pg_dump", dumped.status, &dumped.stderr));
        }
        if !restored.status.success() {
            return Err(failed("pg_restore", restored.status, &restored.stderr));
        }
        ended(dumped.status, "pg_dump", &dumped.stderr)
    }

    /// Starts a text dump of everything but the log. Two dumps of one state are identical.
    pub(super) fn dump(&self, url: &DatabaseUrl, into: Stdio) -> Result<Child, Failure> {
        let mut command = self.command("pg_dump", url);
        command.args(["--exclude-schema=phaseline", "--no-subscriptions"]);
        if self.binaries.pg_dump_has_restrict_key() {
            command.arg("--restrict-key=fixed");
        }
        spawn(command.stdout(into), "pg_dump")
    }
}

fn spawn(command: &mut Command, name: &str) -> Result<Child, Failure> {
    command.spawn().map_err(|error| not_run(name, &error.to_string()))
}

fn not_run(name: &str, error: &str) -> Failure {
    Failure::new(Exit::NoDatabase, "no_pg_dump", format!("{name} cannot be run: {error}"))
        .remedy("Install PostgreSQL's client programs, or set PHASELINE_PG_BINDIR to their folder.")
}

/// Fails unless the program succeeded.
pub(super) fn ended(status: ExitStatus, name: &str, stderr: &[u8]) -> Result<(), Failure> {
    if status.success() { Ok(()) } else { Err(failed(name, status, stderr)) }
}

fn failed(name: &str, status: ExitStatus, stderr: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(stderr).trim().to_owned();
    let message = format!("{name} failed ({status}): {text}");
    match ProgramError::of(stderr) {
        ProgramError::OutOfSpace => Failure::new(Exit::Unexpected, "out_of_space", message).remedy(
            "Free space at the place that the message names, then rehearse again; the copy needs as much as the database.",
        ),
        ProgramError::NoPassword => Failure::new(Exit::NoDatabase, "not_admitted", message)
            .remedy("The copy has another name than the database: the line in ~/.pgpass must match every database (*)."),
        ProgramError::MissingPrivilege => Failure::refused("missing_privilege", message).remedy(
            "Rehearse as the owner of the named object, or as a superuser; or with --method template.",
        ),
        ProgramError::LockTimeout => Failure::new(Exit::Interrupted, "lock_timeout", message).remedy(
            "Another session holds a table; rehearse again later, or wait longer with --lock-timeout SECONDS.",
        ),
        ProgramError::Other => Failure::unexpected(message),
    }
}
