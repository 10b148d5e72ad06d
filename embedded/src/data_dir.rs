//! The data folder: its owner, and the secret in it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::EmbeddedError;
use crate::account::Account;

const CLUSTER: &str = "cluster";
const START_LOCK: &str = "start.lock";

/// A data folder of this program that the server's user can access.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// The path of the cluster of a data folder, even before it exists.
    pub(crate) fn cluster_in(path: &Path) -> PathBuf {
        path.join(CLUSTER)
    }

    /// Creates the folder if it is missing, and gives it to `account`, without access for others.
    pub(crate) fn prepare(path: &Path, account: &Account) -> Result<Self, EmbeddedError> {
        let path = std::path::absolute(path).map_err(EmbeddedError::io("find", path))?;
        if path.to_str().is_none_or(|text| text.contains(['"', '\'', '\\', '$', '`', '\n'])) {
            return Err(EmbeddedError::FolderName(path));
        }
        // Checked first, so that an unusable folder is not created.
        if let Some(above) = path.ancestors().skip(1).find(|ancestor| ancestor.exists()) {
            account.can_reach(above)?;
        }
        make_folder(&path)?;
        let path = fs::canonicalize(&path).map_err(EmbeddedError::io("find", &path))?;
        if !is_ours(&path)? {
            return Err(EmbeddedError::ForeignFolder(path));
        }
        account.give(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o700))
            .map_err(EmbeddedError::io("protect", &path))?;
        account.can_reach(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// PostgreSQL's own data directory.
    pub(crate) fn cluster(&self) -> PathBuf {
        Self::cluster_in(&self.path)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    pub(crate) fn password_file(&self) -> PathBuf {
        self.path.join("password")
    }

    /// The superuser's password: that of the file, or a new one for a new cluster.
    pub(crate) fn password(&self, account: &Account) -> Result<String, EmbeddedError> {
        let path = self.password_file();
        match fs::read_to_string(&path) {
            Ok(password) if !password.trim().is_empty() => return Ok(password.trim().to_owned()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(EmbeddedError::io("read", path)(error));
            }
            _ if self.cluster().exists() => {
                return Err(EmbeddedError::PasswordLost { cluster: self.cluster(), password: path });
            }
            _ => {}
        }
        let password = random_hex()?;
        let mut file = private_file(&path)?;
        file.write_all(password.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(EmbeddedError::io("write", &path))?;
        account.give(&path)?;
        Ok(password)
    }

    /// The port of the last start.
    pub(crate) fn last_port(&self) -> Option<u16> {
        fs::read_to_string(self.path.join("port")).ok()?.trim().parse().ok()
    }

    pub(crate) fn remember_port(&self, port: u16) -> Result<(), EmbeddedError> {
        let path = self.path.join("port");
        fs::write(&path, port.to_string()).map_err(EmbeddedError::io("write", path))
    }

    /// Begins a new log file that the server's user may write, if the old one is too long.
    pub(crate) fn ready_log(&self, account: &Account) -> Result<(), EmbeddedError> {
        const LONG: u64 = 8 << 20;
        let log = self.log();
        if fs::metadata(&log).is_ok_and(|metadata| metadata.len() > LONG) {
            fs::rename(&log, self.path.join("server.log.1")).map_err(EmbeddedError::io("rename", &log))?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.open(&log).map_err(EmbeddedError::io("open", &log))?;
        account.give(&log)
    }
}

/// A file readable by its owner only, emptied if it exists.
fn private_file(path: &Path) -> Result<File, EmbeddedError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).map_err(EmbeddedError::io("write", path))
}

/// Parents get the usual mode, since the server's user needs access to them; the folder itself is private.
fn make_folder(path: &Path) -> Result<(), EmbeddedError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(EmbeddedError::io("make", parent))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(EmbeddedError::io("make", path)(error)),
        _ => Ok(()),
    }
}

/// Whether the folder is empty, or was used by this program before. Any other folder may belong to a user, and its owner must not change.
fn is_ours(path: &Path) -> Result<bool, EmbeddedError> {
    let mut entries = fs::read_dir(path).map_err(EmbeddedError::io("read", path))?;
    // In this order: another process may begin to use the folder meanwhile, and the lock is the first file that it makes.
    Ok(entries.next().is_none() || path.join(START_LOCK).exists() || path.join(CLUSTER).exists())
}

fn random_hex() -> Result<String, EmbeddedError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 24];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(EmbeddedError::io("read", path))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::{START_LOCK, is_ours};
    use std::fs::File;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_folder_that_another_process_begins_to_use_is_ours() {
        for round in 0..300 {
            let folder = tempfile::tempdir().unwrap();
            let used = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    File::create(folder.path().join(START_LOCK)).unwrap();
                    File::create(folder.path().join("password")).unwrap();
                    used.store(true, Ordering::SeqCst);
                });
                while !used.load(Ordering::SeqCst) {
                    assert!(is_ours(folder.path()).unwrap(), "round {round}");
                }
            });
        }
    }

    #[test]
    fn a_folder_with_other_files_is_not_ours() {
        let folder = tempfile::tempdir().unwrap();
        assert!(is_ours(folder.path()).unwrap());
        File::create(folder.path().join("letter.txt")).unwrap();
        assert!(!is_ours(folder.path()).unwrap());
    }
}
