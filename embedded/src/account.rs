//! The user of the operating system under which a server runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{EmbeddedError, process};

/// The user that runs the server: the current one or, since PostgreSQL refuses root, an unprivileged one.
#[derive(Debug, Clone)]
pub(crate) enum Account {
    Own,
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// The current user, unless it is root: then the owner of an existing cluster, or else
    /// `postgres`, or else `nobody`.
    pub(crate) fn detect(cluster: &Path) -> Result<Self, EmbeddedError> {
        if !is_root()? {
            return Ok(Self::Own);
        }
        let path = Path::new("/etc/passwd");
        let passwd = fs::read_to_string(path).map_err(EmbeddedError::io("read", path))?;
        match fs::metadata(cluster) {
            Ok(owner) if owner.uid() != 0 => {
                let name = name_of(&passwd, owner.uid());
                Ok(Self::Other { name, uid: owner.uid(), gid: owner.gid() })
            }
            _ => ["postgres", "nobody"]
                .iter()
                .find_map(|name| lookup(&passwd, name))
                .ok_or(EmbeddedError::NoAccount),
        }
    }

    /// Makes the command run as this user, with this user's group only (std drops the others).
    pub(crate) fn run_by<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Own => command,
            Self::Other { uid, gid, .. } => command.uid(*uid).gid(*gid),
        }
    }

    /// Gives the file or folder to this user.
    pub(crate) fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).map_err(EmbeddedError::io("change the owner of", path))
            }
        }
    }

    /// Fails if this user cannot access `wanted`, and names the folder that prevents it.
    ///
    /// Tries it as that user instead of reading mode bits, because access lists count, too.
    pub(crate) fn can_reach(&self, wanted: &Path) -> Result<(), EmbeddedError> {
        let Self::Other { name, .. } = self else {
            return Ok(());
        };
        let mut way: Vec<&Path> = wanted.ancestors().collect();
        way.reverse();
        let shell = Path::new("/bin/sh");
        let mut command = process::private(shell);
        command.args(["-c", r#"for d; do [ -x "$d" ] || { printf %s "$d"; exit 0; }; done"#, "sh"]).args(way);
        let output = process::run(self.run_by(&mut command), "looking for a folder that may not be entered")?;
        if output.stdout.is_empty() {
            return Ok(());
        }
        Err(EmbeddedError::Unreachable {
            user: name.clone(),
            directory: PathBuf::from(String::from_utf8_lossy(&output.stdout).into_owned()),
            wanted: wanted.to_owned(),
        })
    }
}

/// Whether this process is root: a new file belongs to the effective user, on any Unix.
pub(crate) fn is_root() -> Result<bool, EmbeddedError> {
    let temporary = std::env::temp_dir();
    let file = tempfile::tempfile().map_err(EmbeddedError::io("make a temporary file in", &temporary))?;
    let metadata = file.metadata().map_err(EmbeddedError::io("look at a temporary file in", &temporary))?;
    Ok(metadata.uid() == 0)
}

fn lookup(passwd: &str, wanted: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account::Other { name: name.to_owned(), uid, gid })
    })
}

/// The user's name, or the number if it has none (as happens in containers).
fn name_of(passwd: &str, uid: u32) -> String {
    let uid = uid.to_string();
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid));
    line.and_then(|line| line.split(':').next()).unwrap_or(&uid).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name_only() {
        let passwd =
            "postgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\n";
        let Some(Account::Other { name, uid, gid }) = lookup(passwd, "postgres") else { panic!("not found") };
        assert_eq!((name.as_str(), uid, gid), ("postgres", 101, 104));
        assert!(lookup(passwd, "nobody").is_none());
        assert_eq!((name_of(passwd, 101), name_of(passwd, 9)), ("postgres".to_owned(), "9".to_owned()));
    }
}
