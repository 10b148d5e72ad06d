use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Errors of a private server or of PostgreSQL's programs. Every message states the failure, the location and the remedy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// No usable PostgreSQL is installed.
    #[error("PostgreSQL {oldest} or later was not found (searched: {}); {remedy}", looked_in.join(", "))]
    NoBinaries {
        /// The oldest supported major version.
        oldest: u32,
        /// The searched folders, each with the reason if a server there was not used.
        looked_in: Vec<String>,
        /// The command to install a server on this machine.
        remedy: String,
    },
    /// No client programs are installed.
    #[error("a pg_dump that reads PostgreSQL {server} was not found (searched: {looked_in})")]
    NoClients {
        /// The server's major version.
        server: u32,
        /// The searched folders.
        looked_in: String,
    },
    /// The client programs cannot read the server.
    #[error(
        "the server is PostgreSQL {server}, but the installed pg_dump is {found} ({}), and cannot read newer servers",
        bindir.display()
    )]
    OldClients {
        /// The server's major version.
        server: u32,
        /// The newest major version that is installed.
        found: u32,
        /// The folder of that version.
        bindir: PathBuf,
    },
    /// The data folder was created by a major version of PostgreSQL that is not installed.
    #[error(
        "the data in {} was made by PostgreSQL {theirs}, but only PostgreSQL {ours} was found ({}); \
         install PostgreSQL {theirs} again, or carry the data over with pg_upgrade or pg_dump",
        data_dir.display(),
        bindir.display()
    )]
    OtherVersion {
        /// The data folder.
        data_dir: PathBuf,
        /// The major version that created it.
        theirs: String,
        /// The major version that is installed.
        ours: u32,
        /// The folder of the installed version.
        bindir: PathBuf,
    },
    /// The folder has files of other programs, so it is not used.
    #[error("{} holds other files and no Phaseline data; name an empty or a new folder", .0.display())]
    ForeignFolder(PathBuf),
    /// The folder's name cannot be passed to `pg_ctl`, which puts it into a shell command unquoted.
    #[error(
        "the folder {} has a quote, a backslash, a dollar sign or a line break in its name, which pg_ctl \
         cannot read; choose another name",
        .0.display()
    )]
    FolderName(PathBuf),
    /// Started by root, the server runs as another user, who cannot access a folder.
    #[error(
        "PostgreSQL does not run as root, so it runs as the user {user:?}, who may not enter {}; \
         run `chmod o+x {}`, or choose a folder other than {}",
        directory.display(),
        directory.display(),
        wanted.display()
    )]
    Unreachable {
        /// The server's user.
        user: String,
        /// The first folder of the path that the user may not enter.
        directory: PathBuf,
        /// The needed path.
        wanted: PathBuf,
    },
    /// Started by root, and there is no other user to run the server.
    #[error(
        "PostgreSQL does not run as root, and /etc/passwd has neither a user `postgres` nor `nobody`; \
         create one, or run as another user"
    )]
    NoAccount,
    /// The data exists, but its password is missing.
    #[error("the cluster in {} exists, but its password file {} is missing; restore that file", cluster.display(), password.display())]
    PasswordLost {
        /// The cluster.
        cluster: PathBuf,
        /// The path of its password.
        password: PathBuf,
    },
    /// The server did not start.
    #[error("the PostgreSQL server in {} did not start: {reason}\nthe end of its log, {}:\n{tail}", data_dir.display(), log.display())]
    Start {
        /// The data folder.
        data_dir: PathBuf,
        /// The output of `pg_ctl`, or the time waited.
        reason: String,
        /// The log file.
        log: PathBuf,
        /// The last lines of the log that belong to this start.
        tail: String,
    },
    /// One of PostgreSQL's programs is not installed or may not be run.
    #[error("cannot run {} ({source}); install PostgreSQL's client programs, or set {} to a folder that has them", program.display(), crate::environment::BINDIR_VARIABLE)]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// One of PostgreSQL's programs failed.
    #[error("{} failed ({status}) while {doing}: {stderr}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Its task.
        doing: String,
        /// How it ended.
        status: String,
        /// Its error output.
        stderr: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// There is no home folder for the data.
    #[error("neither XDG_DATA_HOME nor HOME is set, so there is no place for the data; name a data folder")]
    NoHome,
    /// Not a database URL.
    #[error("not a PostgreSQL URL (expected postgres://user:password@host:port/database)")]
    BadUrl,
}

impl EmbeddedError {
    /// For `map_err`: adds the path to an I/O error.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
