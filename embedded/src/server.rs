//! The durable server that several processes share.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::account::{self, Account};
use crate::cluster::{self, Cluster, Purpose, StopMode};
use crate::data_dir::DataDir;
use crate::guard::LeaveGuard;
use crate::locks::{ClientLock, Locks};
use crate::postmaster::{self, Postmaster};
use crate::{Binaries, EmbeddedError, psql, url};

/// A committed transaction survives a power cut. These settings are on the command line, so that no configuration file overrides them.
const DURABLE_SETTINGS: [(&str, &str); 3] =
    [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")];

/// How long to wait for a server that another process starts or stops.
const START_TIMEOUT: Duration = Duration::from_secs(600);

/// A private, durable PostgreSQL server on 127.0.0.1, in a data folder of its own.
///
/// All processes that start it with the same folder share one server. It stops when the last of them drops
/// its `Server`, or ends in any other way, even by `kill -9` if the program `flock` is installed, as on any Linux.
///
/// A connection needs the password, which only the server's user (and root) can read. Started by
/// root, the server runs as the user `postgres`, or else `nobody`.
pub struct Server {
    handle: ServerHandle,
    password: String,
    port: u16,
}

impl Server {
    /// Starts the server of this data folder, or joins it if it runs. A missing folder is created.
    ///
    /// # Errors
    /// [`EmbeddedError`]; for example if no PostgreSQL is installed, if the folder was created by another
    /// major version that is not installed, or if it has other files.
    pub fn start(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let binaries = Binaries::find()?;
        let account = Account::detect(&DataDir::cluster_in(data_dir))?;
        let data_dir = DataDir::prepare(data_dir, &account)?;
        let locks = Locks::in_folder(data_dir.path());
        locks.create(&account)?;
        let held = locks.start()?;
        let binaries = matching(binaries, &data_dir)?;
        let cluster = Cluster { binaries, account, data_dir };
        let password = cluster.data_dir.password(&cluster.account)?;
        let client = locks.join(&held)?;
        // Before the server starts: if this process is killed meanwhile, the guard stops the server.
        let guard = LeaveGuard::spawn(&cluster, &locks)?;
        let handle = ServerHandle { cluster, client, guard };
        let port = handle.start_if_stopped()?;
        drop(held);
        Ok(Self { handle, password, port })
    }

    /// The URL of a database on this server, password included: `postgres://postgres:...@127.0.0.1:port/name`.
    pub fn url(&self, database: &str) -> String {
        url::loopback(&self.password, self.port, database)
    }

    /// The port on 127.0.0.1. It stays the same from start to start unless another process took it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        self.handle.cluster.data_dir.path()
    }

    /// The programs of this server's version.
    pub fn binaries(&self) -> &Binaries {
        &self.handle.cluster.binaries
    }

    /// Renames a database, unless it is missing or one of the new name exists. Sessions on it prevent that.
    ///
    /// # Errors
    /// [`EmbeddedError`] with PostgreSQL's message.
    pub fn rename_database_if_present(&self, from: &str, to: &str) -> Result<(), EmbeddedError> {
        let admin = self.url("postgres");
        let sql = format!(
            "SELECT count(*) FILTER (WHERE datname = {}) = 1 AND count(*) FILTER (WHERE datname = {}) = 0 FROM pg_database",
            psql::literal(from),
            psql::literal(to)
        );
        let due = || Ok::<_, EmbeddedError>(self.binaries().psql_on_ours(&admin, &sql)? == "t");
        if !due()? {
            return Ok(());
        }
        let rename = format!("ALTER DATABASE {} RENAME TO {}", psql::identifier(from), psql::identifier(to));
        match self.binaries().psql_on_ours(&admin, &rename) {
            // Another process was faster.
            Err(_) if !due()? => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// Creates the database unless there is one of this name.
    ///
    /// # Errors
    /// [`EmbeddedError::Program`] with PostgreSQL's output.
    pub fn create_database_if_missing(&self, name: &str) -> Result<(), EmbeddedError> {
        let admin = self.url("postgres");
        let exists = || {
            let sql = format!("SELECT 1 FROM pg_database WHERE datname = {}", psql::literal(name));
            Ok::<_, EmbeddedError>(self.binaries().psql_on_ours(&admin, &sql)? == "1")
        };
        if exists()? {
            return Ok(());
        }
        match self.binaries().psql_on_ours(&admin, &format!("CREATE DATABASE {}", psql::identifier(name))) {
            // Another process was faster.
            Err(_) if exists()? => Ok(()),
            result => result.map(|_| ()),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("data_dir", &self.data_dir())
            .field("port", &self.port)
            .finish()
    }
}

/// The right to use the server; dropping the last one stops it.
struct ServerHandle {
    cluster: Cluster,
    client: ClientLock,
    guard: Option<LeaveGuard>,
}

impl ServerHandle {
    /// The port of the server, which is started if none runs.
    fn start_if_stopped(&self) -> Result<u16, EmbeddedError> {
        let patience = Instant::now() + START_TIMEOUT;
        let cluster = &self.cluster;
        cluster.init(Purpose::Data)?;
        loop {
            match postmaster::read(&cluster.data_dir.cluster())? {
                Postmaster::Ready(port) => return Ok(port),
                Postmaster::Stale => cluster.remove_stale_pid_file()?,
                Postmaster::Gone => {
                    let port = cluster.start(cluster.data_dir.last_port(), &DURABLE_SETTINGS)?;
                    cluster.data_dir.remember_port(port)?;
                    return Ok(port);
                }
                // This process holds the start lock: a user runs pg_ctl, or a process of this program was killed.
                Postmaster::Busy if Instant::now() < patience => thread::sleep(Duration::from_millis(50)),
                Postmaster::Busy => {
                    let log = cluster.data_dir.log();
                    return Err(EmbeddedError::Start {
                        data_dir: cluster.data_dir.path().to_owned(),
                        reason: format!(
                            "a server that runs there is not ready after {} s",
                            START_TIMEOUT.as_secs()
                        ),
                        tail: cluster::tail(&log, 0),
                        log,
                    });
                }
            }
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        let left =
            self.client.leave().and_then(|last| match postmaster::read(&self.cluster.data_dir.cluster())? {
                Postmaster::Ready(_) | Postmaster::Busy if last => self.cluster.stop(StopMode::Fast),
                _ => Ok(()),
            });
        // If that failed, the guard tries again when the pipe closes.
        if let (Ok(()), Some(guard)) = (left, self.guard.take()) {
            guard.dismiss();
        }
    }
}

/// The programs of the version that created the data, if there is data.
fn matching(found: Binaries, data_dir: &DataDir) -> Result<Binaries, EmbeddedError> {
    let Some(theirs) = Cluster::version_of(data_dir)? else {
        return Ok(found);
    };
    let version: Option<u32> = theirs.parse().ok();
    if version == Some(found.major_version()) {
        return Ok(found);
    }
    version.and_then(|version| Binaries::find_version(version).ok()).ok_or_else(|| {
        EmbeddedError::OtherVersion {
            data_dir: data_dir.path().to_owned(),
            theirs,
            ours: found.major_version(),
            bindir: found.bindir().to_owned(),
        }
    })
}

/// The default data folder: `/var/lib/phaseline` for root, else
/// `$XDG_DATA_HOME/phaseline` or `~/.local/share/phaseline`.
///
/// # Errors
/// [`EmbeddedError::NoHome`].
pub fn default_data_dir() -> Result<PathBuf, EmbeddedError> {
    if account::is_root()? {
        return Ok(PathBuf::from("/var/lib/phaseline"));
    }
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|path| path.join("phaseline"))
        .ok_or(EmbeddedError::NoHome)
}
