//! A throw-away PgBouncer in front of a test cluster.

use super::report;
use crate::account::Account;
use crate::{EmbeddedError, process, url};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// The program ends when this process does, in any way; see `guard.rs`.
const RUN: &str = r#"
trap '' HUP INT QUIT TERM
"$1" -q "$2/pgbouncer.ini" &
read -r word
kill -9 $!
rm -rf "$2"
"#;

/// What a client keeps a server connection for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// The time of its own connection.
    Session,
    /// One transaction.
    Transaction,
}

/// A running PgBouncer with 8 server connections per database and user. It ends with the value.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    pipe: Option<ChildStdin>,
    child: Child,
}

impl PgBouncer {
    /// Starts one in front of the cluster of this URL, whose user must be a superuser. None, and a line on stderr, if it is not
    /// installed. Panics in CI if it is missing, and if it does not start.
    pub fn start(url: &str, mode: PoolMode) -> Option<Self> {
        let Some(program) = program() else {
            assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "PgBouncer is missing");
            report("SKIPPED: PgBouncer is not installed: scripts/setup.sh test installs it");
            return None;
        };
        // Another process may take the free port first.
        for _ in 0..5 {
            match Self::start_once(&program, url, mode) {
                Ok(Some(started)) => return Some(started),
                Ok(None) => {}
                Err(error) => panic!("PgBouncer does not start: {error}"),
            }
        }
        panic!("PgBouncer does not listen");
    }

    fn start_once(program: &Path, url: &str, mode: PoolMode) -> Result<Option<Self>, EmbeddedError> {
        let folder = tempfile::Builder::new().prefix("phaseline-pgbouncer-").tempdir();
        let folder = folder.map_err(EmbeddedError::io("make a folder in", env::temp_dir()))?;
        let account = Account::detect(folder.path())?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(EmbeddedError::io("find a port for", folder.path()))?.port();
        let split = url::split(url)?;
        let server: &str =
            split.bare.rsplit_once(':').and_then(|(_, tail)| tail.split('/').next()).unwrap_or("5432");
        let password = split.password.unwrap_or_default().replace('"', "\"\"");
        let mode = if mode == PoolMode::Session { "session" } else { "transaction" };
        let users = folder.path().join("users.txt");
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server} auth_user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\npool_mode = {mode}\ndefault_pool_size = 8\nmax_client_conn = 1000\n\
             auth_type = md5\nauth_file = {}\n\
             auth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1\n\
             server_login_retry = 1\n",
            users.display()
        );
        for (path, text) in [
            (users.clone(), format!("\"postgres\" \"{password}\"\n")),
            (folder.path().join("pgbouncer.ini"), settings),
        ] {
            fs::write(&path, text).map_err(EmbeddedError::io("write", &path))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
                .map_err(EmbeddedError::io("restrict", &path))?;
            account.give(&path)?;
        }
        account.give(folder.path())?;
        let mut command = process::private(Path::new("/bin/sh"));
        command.args(["-c", RUN, "phaseline-pgbouncer"]).arg(program).arg(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = account.run_by(&mut command).spawn();
        let mut child =
            child.map_err(|source| EmbeddedError::Spawn { program: program.to_owned(), source })?;
        let pipe = child.stdin.take();
        // From here on the shell removes it.
        let _ = folder.keep();
        let started = Self { port, pipe, child };
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Some(started));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(None)
    }

    /// Its port on the loopback interface.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database of the cluster through this PgBouncer.
    pub fn url(&self, direct: &str) -> String {
        let (authority, path) = direct.rsplit_once('/').unwrap_or((direct, ""));
        let (host, _) = authority.rsplit_once(':').unwrap_or((authority, ""));
        format!("{host}:{}/{path}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            let _ = pipe.write_all(b"end\n");
        }
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/bin"].map(PathBuf::from));
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_absolute() && program.is_file())
}
