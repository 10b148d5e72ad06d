//! A standby of a test cluster: streaming replication on loopback.

use std::fs;
use std::path::Path;

use super::{Inner, TestCluster};
use crate::account::Account;
use crate::cluster::Cluster;
use crate::data_dir::DataDir;
use crate::guard::EndGuard;
use crate::{EmbeddedError, process};

impl TestCluster {
    /// Starts a standby of this cluster, which streams from it under the application name `standby`.
    pub fn standby(&self) -> Self {
        match Inner::standby_of(&self.inner) {
            Ok(inner) => Self { inner: inner.into() },
            Err(error) => panic!("no standby: {error}"),
        }
    }

    /// Makes this standby a primary, and waits for it.
    pub fn promote(&self) {
        let cluster = &self.inner.cluster;
        let mut command = process::private(&cluster.binaries.program("pg_ctl"));
        command.args(["promote", "-w", "-s", "-D"]).arg(cluster.data_dir.cluster());
        if let Err(error) = process::run(cluster.account.run_by(&mut command), "promoting the standby") {
            panic!("{error}");
        }
    }

    /// Stops all processes of the server where they are: its clients' connections stay open, and get no answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Continues a frozen server, if it runs.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid_file = self.inner.cluster.data_dir.cluster().join("postmaster.pid");
        let text = fs::read_to_string(pid_file).unwrap_or_default();
        let Some(postmaster) = text.lines().next() else { return };
        // The postmaster first, so that it starts no other process meanwhile.
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        for pids in [postmaster.to_owned(), fs::read_to_string(children).unwrap_or_default()] {
            for pid in pids.split_whitespace() {
                // A backend may have ended meanwhile.
                let _ = process::private(Path::new("kill")).args([&format!("-{name}"), pid]).status();
            }
        }
    }

    /// Makes commits of this cluster wait for its standby, or no longer.
    pub fn wait_for_standby(&self, waits: bool) {
        let names = if waits { "standby" } else { "" };
        self.inner.admin(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        self.inner.admin("SELECT pg_reload_conf()");
    }
}

impl Inner {
    fn standby_of(primary: &Self) -> Result<Self, EmbeddedError> {
        let temporary = primary.options.folder();
        let folder = tempfile::Builder::new().prefix("phaseline-test-").tempdir_in(&temporary);
        let folder = folder.map_err(EmbeddedError::io("make a folder in", temporary))?;
        let account = Account::detect(&DataDir::cluster_in(folder.path()))?;
        let data_dir = DataDir::prepare(folder.path(), &account)?;
        let cluster = Cluster { binaries: primary.cluster.binaries.clone(), account, data_dir };
        let guard = EndGuard::spawn(&cluster)?;
        // From here on the guard removes it.
        let _ = folder.keep();
        let from = cluster.data_dir.cluster();
        copy(primary, &cluster, &from)?;
        let signal = from.join("standby.signal");
        fs::write(&signal, "").map_err(EmbeddedError::io("write", &signal))?;
        cluster.account.give(&signal)?;
        let connection = format!(
            "host=127.0.0.1 port={} user=postgres password={} application_name=standby",
            primary.port, primary.password
        );
        let options = primary
            .options
            .clone()
            .setting("primary_conninfo", &connection)
            .setting("wal_receiver_status_interval", "1s");
        let port = cluster.start(None, &options.pairs())?;
        let password = primary.password.clone();
        let (databases, templates) = Default::default();
        Ok(Self { cluster, password, port, options, databases, templates, _guard: guard })
    }
}

/// Copies the running primary's files.
fn copy(primary: &Inner, standby: &Cluster, folder: &Path) -> Result<(), EmbeddedError> {
    let mut command = process::private(&standby.binaries.program("pg_basebackup"));
    command
        .args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
        ])
        .arg(format!("--port={}", primary.port))
        .arg("--pgdata")
        .arg(folder)
        .env("PGPASSWORD", &primary.password);
    process::run(standby.account.run_by(&mut command), "copying the primary").map(|_| ())
}
