//! The programs of an installed PostgreSQL.

mod path;
mod search;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use crate::{Version, process};

/// The oldest major version of PostgreSQL that is used.
pub const OLDEST_MAJOR_VERSION: u32 = 15;

/// A folder with PostgreSQL's programs, of one version: at least `initdb`, `postgres` and `pg_ctl`, or only `pg_dump`, for callers
/// that need client programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    bindir: PathBuf,
    major_version: u32,
    knows_restrict_key: Arc<OnceLock<bool>>,
}

impl Binaries {
    fn new(bindir: PathBuf, major_version: u32) -> Self {
        Self { bindir, major_version, knows_restrict_key: Arc::default() }
    }

    /// The folder.
    pub fn bindir(&self) -> &Path {
        &self.bindir
    }

    /// The major version, such as 15.
    pub fn major_version(&self) -> u32 {
        self.major_version
    }

    /// The path of a program such as `pg_dump`. Some packages lack the client programs; then it is the one in `PATH`, if
    /// there is one.
    pub fn program(&self, name: &str) -> PathBuf {
        let own = self.bindir.join(name);
        if own.exists() {
            return own;
        }
        path::in_path(name).unwrap_or(own)
    }

    /// The version that a program such as `pg_dump` reports; `None` if it cannot be run. It may differ from the server's:
    /// see [`Binaries::program`].
    pub fn version_of(&self, program: &str) -> Option<Version> {
        version_of(&self.program(program))
    }

    /// Whether this `pg_dump` accepts the key that it prints as an option (since 15.14, 16.10 and 17.6).
    /// Without it two dumps of one database differ.
    pub fn pg_dump_has_restrict_key(&self) -> bool {
        *self.knows_restrict_key.get_or_init(|| {
            let help = Command::new(self.program("pg_dump")).arg("--help").output();
            help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("--restrict-key"))
        })
    }
}

/// The major version of the server in a folder, if there is one.
fn server_version(bindir: &Path) -> Option<u32> {
    if !["initdb", "pg_ctl"].iter().all(|program| bindir.join(program).is_file()) {
        return None;
    }
    version_of(&bindir.join("postgres")).map(|version| version.major)
}

fn version_of(program: &Path) -> Option<Version> {
    let output = process::private(program).arg("--version").output().ok()?;
    Version::of_program(&String::from_utf8_lossy(&output.stdout))
}
