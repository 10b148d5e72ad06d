//! The demo's temporary folder, which is removed also if the program is killed.

use super::cleanup_guard::CleanupGuard;
use crate::failure::Failure;
use std::path::Path;
use tempfile::TempDir;

/// The folder with the private server's data.
pub(super) struct DemoFolder {
    folder: TempDir,
    guard: CleanupGuard,
}

impl DemoFolder {
    /// Creates it.
    pub(super) fn create() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("phaseline-demo-").tempdir().map_err(|error| {
            Failure::unexpected(format!(
                "cannot create a temporary folder in {}: {error}",
                std::env::temp_dir().display()
            ))
        })?;
        let guard = CleanupGuard::watch(folder.path())
            .map_err(|error| Failure::unexpected(format!("/bin/sh cannot be run: {error}")))?;
        Ok(Self { folder, guard })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes it. The server must have stopped.
    pub(super) fn remove(self) -> Result<(), Failure> {
        let Self { folder, guard } = self;
        let path = folder.path().to_owned();
        let removed = folder.close();
        drop(guard);
        removed
            .map_err(|error| Failure::unexpected(format!("{} could not be removed: {error}", path.display())))
    }
}
