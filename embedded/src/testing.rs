//! Throw-away clusters and databases for tests.
//!
//! [`TestCluster::shared`] is one server per test process, [`TestCluster::database`] an empty database on
//! it. All files are removed, even if the process is killed.
#![expect(clippy::panic, reason = "a test that gets no database can only fail, and should state why")]

mod database;
mod options;
mod pgbouncer;
mod standby;
mod upgrade;

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use database::TestDatabase;
pub use options::TestOptions;
pub use pgbouncer::{PgBouncer, PoolMode};

use crate::account::Account;
use crate::cluster::{Cluster, Purpose, StopMode};
use crate::data_dir::DataDir;
use crate::guard::EndGuard;
use crate::{Binaries, EmbeddedError, Version, postmaster, psql, url};

/// A throw-away cluster: fast, not durable, and gone with the process or with its last handle.
///
/// All methods panic on failure, since they serve tests.
#[derive(Clone)]
pub struct TestCluster {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    password: String,
    port: u16,
    options: TestOptions,
    databases: AtomicU32,
    templates: Mutex<HashMap<String, Arc<OnceLock<()>>>>,
    /// Stops the cluster when dropped.
    _guard: EndGuard,
}

impl TestCluster {
    /// The cluster of this process, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<TestCluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(TestOptions::default()))
    }

    /// A separate cluster, for tests that restart it or need other settings.
    pub fn start(options: TestOptions) -> Self {
        match Inner::start(options) {
            Ok(inner) => Self { inner: Arc::new(inner) },
            Err(error) => panic!("no test cluster: {error}"),
        }
    }

    /// Creates the template database `name` once per cluster; `build` gets its URL. Concurrent callers
    /// wait. It accepts no connections afterwards, so that it can be copied at any time.
    pub fn template(&self, name: &str, build: impl FnOnce(&str)) {
        let once = {
            let mut templates = self.inner.templates.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(templates.entry(name.to_owned()).or_default())
        };
        once.get_or_init(|| {
            let quoted = psql::identifier(name);
            // An incomplete one may exist, if an earlier `build` panicked.
            self.inner.admin(&format!("DROP DATABASE IF EXISTS {quoted} WITH (FORCE)"));
            self.inner.admin(&format!("CREATE DATABASE {quoted} TEMPLATE template0"));
            build(&self.url(name));
            self.inner.admin(&format!(
                "ALTER DATABASE {quoted} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false;
                 SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}",
                psql::literal(name)
            ));
        });
    }

    /// Crashes the server and starts it again on the same port. Committed data is not lost.
    pub fn restart_immediate(&self) {
        self.stop_immediate();
        self.start_again();
    }

    /// Crashes the server; [`TestCluster::start_again`] starts it again.
    pub fn stop_immediate(&self) {
        if let Err(error) = self.inner.cluster.stop(StopMode::Immediate) {
            panic!("the test cluster does not stop: {error}");
        }
    }

    /// Starts the stopped server on its former port.
    pub fn start_again(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        // Another process may have the port for a moment, as the local end of a connection.
        while let Err(error) = self.inner.cluster.start_on(self.inner.port, &self.inner.options.pairs()) {
            assert!(Instant::now() < patience, "the test cluster does not start again: {error}");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Stops the server, and starts the programs of another version on the same port: an upgrade in place, to another major version
    /// by `pg_upgrade`.
    pub fn upgrade_to(&mut self, binaries: &Binaries) {
        if let Err(error) = self.inner.cluster.stop(StopMode::Fast) {
            panic!("the test cluster does not stop: {error}");
        }
        let Some(inner) = Arc::get_mut(&mut self.inner) else {
            panic!("the test cluster is in use: drop its databases and other handles before the upgrade");
        };
        if inner.cluster.binaries.major_version() != binaries.major_version()
            && let Err(error) = upgrade::to_major(&inner.cluster, binaries, &inner.password)
        {
            panic!("the test cluster is not upgraded: {error}");
        }
        inner.cluster.binaries = binaries.clone();
        self.start_again();
    }

    /// The URL of a database on this cluster.
    pub fn url(&self, database: &str) -> String {
        url::loopback(&self.inner.password, self.inner.port, database)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// The server's first process, of which all others are descendants.
    pub fn process_id(&self) -> u32 {
        match postmaster::process_id(&self.inner.cluster.data_dir.cluster()) {
            Ok(Some(process)) => process,
            Ok(None) => panic!("the test cluster does not run"),
            Err(error) => panic!("{error}"),
        }
    }

    /// The programs of this server's version.
    pub fn binaries(&self) -> &Binaries {
        &self.inner.cluster.binaries
    }
}

impl fmt::Debug for TestCluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TestCluster").field("port", &self.inner.port).finish_non_exhaustive()
    }
}

/// An older minor version of the same major version as `binaries`, from before columns had a version in the catalogue: 15.19, which
/// `scripts/setup.sh test` puts beside the build. `None`, and a line on stderr, if the tests run on another major version, or if it
/// is not available for this machine.
///
/// Panics in CI if it is missing.
pub fn older_minor(binaries: &Binaries) -> Option<Binaries> {
    if binaries.major_version() != OLDER.major {
        report(&format!(
            "SKIPPED: the tests run on PostgreSQL {}, not {}",
            binaries.major_version(),
            OLDER.major
        ));
        return None;
    }
    let found = beside_the_build();
    assert!(
        found.is_some() || std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "PostgreSQL {OLDER} is missing"
    );
    found
}

/// PostgreSQL 15.19, if the tests run on a later major version and it is beside the build, where `make test PG=…` puts it. If not,
/// prints that the calling test is skipped.
pub fn older_major(binaries: &Binaries) -> Option<Binaries> {
    if binaries.major_version() == OLDER.major {
        report(&format!("SKIPPED: the tests run on PostgreSQL {}", OLDER.major));
        return None;
    }
    beside_the_build()
}

/// The older version that `scripts/setup.sh test` puts beside the build.
const OLDER: Version = Version { major: 15, minor: 19 };

fn beside_the_build() -> Option<Binaries> {
    let test = std::env::current_exe().unwrap_or_default();
    // target/debug/deps/it-…, and target/TRIPLE/debug/deps/it-…
    let place = Path::new("postgres").join(OLDER.to_string()).join("bin");
    let folders = [3, 4].into_iter().filter_map(|up| Some(test.ancestors().nth(up)?.join(&place)));
    // If the server's user may not enter the build's folder, it is a link to another place.
    let found = folders
        .into_iter()
        .find_map(|folder| Binaries::in_folder(&folder.canonicalize().unwrap_or(folder)).ok());
    if found.is_none() {
        let missing =
            format!("PostgreSQL {OLDER} is not in target/postgres: scripts/setup.sh test puts it there");
        report(&format!("SKIPPED: {missing}"));
    }
    found
}

/// Whether the tests run on this major version of PostgreSQL or a later one; if not, prints that the calling test is skipped.
pub fn runs_on(major_version: u32) -> bool {
    let found = TestCluster::shared().binaries().major_version();
    if found < major_version {
        report(&format!("SKIPPED: the tests run on PostgreSQL {found}, before {major_version}"));
    }
    found >= major_version
}

/// Prints a visible line: cargo hides `eprintln!` unless a test fails.
fn report(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Dumps a database of a test cluster as text; see [`Binaries::pg_dump`].
///
/// # Errors
/// [`EmbeddedError`] with the output of `pg_dump`.
pub fn pg_dump(url: &str, args: &[&str]) -> Result<String, EmbeddedError> {
    let dump = TestCluster::shared().binaries().pg_dump_of_ours(url, args)?;
    Ok(String::from_utf8_lossy(&dump.bytes).into_owned())
}

/// Prints the server on which the tests of this process run, once per folder of programs.
fn announce(binaries: &Binaries) {
    static ANNOUNCED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut announced = ANNOUNCED.lock().unwrap_or_else(PoisonError::into_inner);
    if announced.iter().any(|folder| folder == binaries.bindir()) {
        return;
    }
    announced.push(binaries.bindir().to_owned());
    let version =
        binaries.version_of("postgres").map_or_else(|| "?".to_owned(), |version| version.to_string());
    report(&format!("tests run on PostgreSQL {version}, {}", binaries.bindir().display()));
}

impl Inner {
    fn start(options: TestOptions) -> Result<Self, EmbeddedError> {
        let binaries = options.binaries.clone().map_or_else(Binaries::find, Ok)?;
        let temporary = options.folder();
        let folder = tempfile::Builder::new().prefix("phaseline-test-").tempdir_in(&temporary);
        let folder = folder.map_err(EmbeddedError::io("make a folder in", temporary))?;
        let account = Account::detect(&DataDir::cluster_in(folder.path()))?;
        let data_dir = DataDir::prepare(folder.path(), &account)?;
        let cluster = Cluster { binaries, account, data_dir };
        let guard = EndGuard::spawn(&cluster)?;
        // From here on the guard removes it.
        let _ = folder.keep();
        let password = cluster.data_dir.password(&cluster.account)?;
        cluster.init(Purpose::Tests)?;
        let port = cluster.start(None, &options.pairs())?;
        announce(&cluster.binaries);
        let (databases, templates) = Default::default();
        Ok(Self { cluster, password, port, options, databases, templates, _guard: guard })
    }

    fn admin(&self, sql: &str) {
        let url = url::loopback(&self.password, self.port, "postgres");
        if let Err(error) = self.cluster.binaries.psql_on_ours(&url, sql) {
            panic!("the test cluster refused {sql:?}: {error}");
        }
    }
}
