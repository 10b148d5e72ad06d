//! Finds an installed PostgreSQL.

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::path::{in_path, path_folders};
use super::{Binaries, OLDEST_MAJOR_VERSION, server_version, version_of};
use crate::EmbeddedError;
use crate::environment::BINDIR_VARIABLE;

/// The places of servers in distributions: the folder with one folder per version, the prefix of that folder's name, and the path of the
/// programs in it.
const INSTALLATIONS: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),          // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                   // packages of postgresql.org for Fedora, RHEL
    ("/usr/libexec", "postgresql", ""),          // Alpine
    ("/opt/homebrew/opt", "postgresql@", "bin"), // Homebrew
    ("/usr/local/opt", "postgresql@", "bin"),    // Homebrew on Intel
];

impl Binaries {
    /// Finds PostgreSQL: only in `PHASELINE_PG_BINDIR` if that is set, or else in the folders of `PATH`,
    /// then in the folder that `pg_config` names, then in the folders of distributions, the newest version first.
    ///
    /// # Errors
    /// [`EmbeddedError::NoBinaries`], whose one-line message names the command that installs it.
    pub fn find() -> Result<Self, EmbeddedError> {
        find(|_| true)
    }

    /// As [`Binaries::find`], but of this major version only.
    ///
    /// # Errors
    /// [`EmbeddedError::NoBinaries`].
    pub fn find_version(major_version: u32) -> Result<Self, EmbeddedError> {
        find(|found| found == major_version)
    }

    /// Finds client programs, without a server or with one, that read a server of this major version: of the same version, or else
    /// of a later one. Looks where [`Binaries::find`] looks; where the folder in `PHASELINE_PG_BINDIR` has no `pg_dump`, in `PATH`.
    ///
    /// # Errors
    /// [`EmbeddedError::NoClients`], [`EmbeddedError::OldClients`].
    pub fn find_clients(server: u32) -> Result<Self, EmbeddedError> {
        find_clients(server)
    }

    /// The programs in this folder.
    ///
    /// # Errors
    /// [`EmbeddedError::NoBinaries`] if it has no server of a supported version.
    pub fn in_folder(bindir: &Path) -> Result<Self, EmbeddedError> {
        in_folder(bindir, |_| true)
    }
}

/// The first installation, in the order of preference, that is new enough and has the wanted version.
fn find(wanted: impl Fn(u32) -> bool) -> Result<Binaries, EmbeddedError> {
    let mut search = Search { wanted, looked_in: Vec::new() };
    let found = match env::var_os(BINDIR_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from) {
        Some(folder) => {
            search.search_in(format!("{}, which {BINDIR_VARIABLE} names", folder.display()), &[folder])
        }
        None => search
            .search_in("PATH".to_owned(), &path_folders())
            .or_else(|| {
                search.search_in("pg_config --bindir".to_owned(), &Vec::from_iter(pg_config_bindir()))
            })
            .or_else(|| {
                search.search_in("/usr/lib/postgresql/*/bin and the like".to_owned(), &installations())
            }),
    };
    found.ok_or_else(|| search.not_found_error())
}

/// Folders whose `pg_dump` reads a server of this major version.
fn find_clients(server: u32) -> Result<Binaries, EmbeddedError> {
    let named = env::var_os(BINDIR_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folders = match &named {
        Some(folder) if folder.join("pg_dump").is_file() => vec![folder.clone()],
        Some(_) => path_folders(),
        None => [path_folders(), Vec::from_iter(pg_config_bindir()), installations()].concat(),
    };
    let mut newest: Option<Binaries> = None;
    let mut later: Option<Binaries> = None;
    for folder in folders.iter().filter(|folder| folder.join("pg_dump").is_file()) {
        let Some(version) = version_of(&folder.join("pg_dump")) else { continue };
        let found = Binaries::new(folder.clone(), version.major);
        if version.major == server {
            return Ok(found);
        }
        if version.major > server {
            later.get_or_insert(found);
        } else if newest.as_ref().is_none_or(|newest| newest.major_version < version.major) {
            newest = Some(found);
        }
    }
    later.ok_or_else(|| match newest {
        Some(found) => EmbeddedError::OldClients { server, found: found.major_version, bindir: found.bindir },
        None => EmbeddedError::NoClients {
            server,
            looked_in: named.map_or_else(
                || "PATH and the folders of distributions".to_owned(),
                |folder| format!("{}, which {BINDIR_VARIABLE} names, and PATH", folder.display()),
            ),
        },
    })
}

/// The installation in this folder, if it is new enough and has the wanted version.
fn in_folder(folder: &Path, wanted: impl Fn(u32) -> bool) -> Result<Binaries, EmbeddedError> {
    let mut search = Search { wanted, looked_in: Vec::new() };
    let found = search.search_in(folder.display().to_string(), &[folder.to_owned()]);
    found.ok_or_else(|| search.not_found_error())
}

struct Search<Wanted> {
    wanted: Wanted,
    /// The message if nothing is found.
    looked_in: Vec<String>,
}

impl<Wanted: Fn(u32) -> bool> Search<Wanted> {
    fn search_in(&mut self, place: String, folders: &[PathBuf]) -> Option<Binaries> {
        self.looked_in.push(place);
        for folder in folders.iter().map(|folder| real(folder)) {
            match server_version(&folder) {
                Some(version) if version >= OLDEST_MAJOR_VERSION && (self.wanted)(version) => {
                    return Some(Binaries::new(folder, version));
                }
                Some(version) => self.looked_in.push(format!("{} is version {version}", folder.display())),
                None => {}
            }
        }
        None
    }

    fn not_found_error(self) -> EmbeddedError {
        EmbeddedError::NoBinaries {
            oldest: OLDEST_MAJOR_VERSION,
            looked_in: self.looked_in,
            remedy: remedy(),
        }
    }
}

/// The real folder of the programs: links to the server in `/usr/local/bin` lack its client programs, and Debian's `/usr/bin/psql` is a
/// script that searches for the real one.
fn real(folder: &Path) -> PathBuf {
    let real = fs::canonicalize(folder.join("postgres")).ok();
    let real = real.as_deref().and_then(Path::parent).filter(|real| real.join("initdb").exists());
    real.unwrap_or(folder).to_owned()
}

fn pg_config_bindir() -> Option<PathBuf> {
    let output = Command::new(in_path("pg_config")?).arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(folder.trim())).filter(|folder| folder.is_absolute())
}

/// The folders of the distributions that exist here, the newest version first.
fn installations() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix, programs) in INSTALLATIONS {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok());
            versions.extend(number.map(|number| (number, entry.path().join(programs))));
        }
    }
    versions.sort_by_key(|(number, _)| Reverse(*number));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// The command to install a server: that of the available package manager.
fn remedy() -> String {
    const COMMANDS: [(&str, &str); 6] = [
        ("apt-get", "apt-get install postgresql"),
        ("dnf", "dnf install postgresql-server postgresql"),
        ("apk", "apk add postgresql postgresql-client"),
        ("zypper", "zypper install postgresql-server postgresql"),
        ("pacman", "pacman -S postgresql"),
        ("brew", "brew install postgresql"),
    ];
    // Also the usual folders: the PATH of a cron job or a service may lack them.
    let folders =
        path_folders().into_iter().chain(["/usr/bin", "/sbin", "/opt/homebrew/bin"].map(PathBuf::from));
    let folders: Vec<PathBuf> = folders.collect();
    let here =
        COMMANDS.iter().find(|(program, _)| folders.iter().any(|folder| folder.join(program).is_file()));
    match here {
        Some((_, command)) => format!("install it: {command}; or give --database-url"),
        None => {
            "install PostgreSQL from https://www.postgresql.org/download/; or give --database-url".to_owned()
        }
    }
}
