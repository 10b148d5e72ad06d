//! The upgrade of a cluster to another major version.

use std::fs;
use std::os::unix::fs::DirBuilderExt;

use crate::cluster::{Cluster, Purpose};
use crate::{Binaries, EmbeddedError, process};

/// The major version since which a new cluster has checksums, and must have none to take over one without.
const CHECKSUMS_SINCE: u32 = 18;

/// Replaces the data of a stopped cluster by those that `pg_upgrade` makes of them.
pub(super) fn to_major(old: &Cluster, binaries: &Binaries, password: &str) -> Result<(), EmbeddedError> {
    let new = Cluster { binaries: binaries.clone(), ..old.clone() };
    let folder = old.data_dir.path().join("upgrade");
    fs::DirBuilder::new().mode(0o700).create(&folder).map_err(EmbeddedError::io("make", &folder))?;
    old.account.give(&folder)?;
    let upgraded = folder.join("new");
    let mut options = vec!["--lc-collate=C", "--lc-ctype=C.UTF-8"];
    if binaries.major_version() >= CHECKSUMS_SINCE {
        options.push("--no-data-checksums");
    }
    new.initdb(&upgraded, &options, Purpose::Tests)?;
    let mut command = process::private(&binaries.program("pg_upgrade"));
    // It makes its sockets and logs where it runs.
    command.current_dir(&folder).env("PGPASSWORD", password).args(["--username=postgres", "--old-bindir"]);
    command.arg(old.binaries.bindir()).arg("--new-bindir").arg(binaries.bindir());
    command.arg("--old-datadir").arg(old.data_dir.cluster()).arg("--new-datadir").arg(&upgraded);
    process::run(old.account.run_by(&mut command), "upgrading the cluster")?;
    let cluster = old.data_dir.cluster();
    fs::remove_dir_all(&cluster).map_err(EmbeddedError::io("remove", &cluster))?;
    fs::rename(&upgraded, &cluster).map_err(EmbeddedError::io("rename", &upgraded))
}
