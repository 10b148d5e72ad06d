//! Runs PostgreSQL's programs.

use std::env;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::EmbeddedError;

/// A command for this program's own servers. It runs in `/`, which any user may read.
pub(crate) fn private(program: &Path) -> Command {
    let mut command = Command::new(program);
    forget_database(&mut command);
    // Messages are searched for known texts, so they have to be in English.
    command.current_dir("/").env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Removes settings of the user's environment (`PGSSLMODE`, `PGOPTIONS`, `PGDATA`, ...), which are for the user's database.
pub(crate) fn forget_database(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("PG")) {
            command.env_remove(name);
        }
    }
}

/// Runs the command to its end and fails unless it succeeded.
pub(crate) fn run(command: &mut Command, doing: &str) -> Result<Output, EmbeddedError> {
    let output = command
        .output()
        .map_err(|source| EmbeddedError::Spawn { program: command.get_program().into(), source })?;
    if output.status.success() {
        return Ok(output);
    }
    Err(EmbeddedError::Program {
        program: command.get_program().into(),
        doing: doing.to_owned(),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
