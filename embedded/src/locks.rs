//! The two locks that let many processes share one server.
//!
//! - The *start lock* is held exclusively by a process that starts or joins the server.
//! - The *clients lock* is held, shared, by every user of the server for its lifetime, and exclusively by
//!   the process that stops it.
//!
//! To join: take the start lock, wait for a share of the clients lock, start the server unless it runs, release
//! the start lock. To leave: release the share and try to get the clients lock exclusively. The process that gets it was the
//! last user, and holds it until the server has stopped: no process joins a server that is stopping.
//!
//! The kernel releases locks when their process ends, and both are `flock`s, which belong to an open file and not
//! to a process: two users in one process count as two. std opens files close-on-exec, so the server itself
//! never holds a lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::EmbeddedError;
use crate::account::Account;

/// The lock files of one data folder.
#[derive(Debug)]
pub(crate) struct Locks {
    pub(crate) start: PathBuf,
    pub(crate) clients: PathBuf,
}

/// Held while the server is started or joined.
#[derive(Debug)]
pub(crate) struct StartLock(File);

/// Held by a living user of the server.
#[derive(Debug)]
pub(crate) struct ClientLock {
    file: File,
    path: PathBuf,
}

impl Locks {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { start: folder.join("start.lock"), clients: folder.join("clients.lock") }
    }

    /// Creates the files, readable for `account` only: a process that can open one can block all others.
    pub(crate) fn create(&self, account: &Account) -> Result<(), EmbeddedError> {
        for path in [&self.start, &self.clients] {
            open(path)?;
            account.give(path)?;
        }
        Ok(())
    }

    /// Waits for the start lock.
    pub(crate) fn start(&self) -> Result<StartLock, EmbeddedError> {
        let file = open(&self.start)?;
        uninterrupted(|| file.lock()).map_err(EmbeddedError::io("lock", &self.start))?;
        Ok(StartLock(file))
    }

    /// Takes a share of the clients lock, which waits for a process that is stopping the server. The start lock is
    /// required because the server may only be started under both.
    pub(crate) fn join(&self, _held: &StartLock) -> Result<ClientLock, EmbeddedError> {
        let file = open(&self.clients)?;
        uninterrupted(|| file.lock_shared()).map_err(EmbeddedError::io("lock", &self.clients))?;
        Ok(ClientLock { file, path: self.clients.clone() })
    }
}

impl ClientLock {
    /// Releases the share. True if no other user is left; then no process can join until this is dropped.
    pub(crate) fn leave(&self) -> Result<bool, EmbeddedError> {
        self.file.unlock().map_err(EmbeddedError::io("unlock", &self.path))?;
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(EmbeddedError::io("lock", &self.path)(source)),
        }
    }
}

impl Drop for StartLock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread forked a moment ago still has the file open.
        let _ = self.0.unlock();
    }
}

impl Drop for ClientLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(EmbeddedError::io("open", path))
}

fn uninterrupted(mut lock: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
