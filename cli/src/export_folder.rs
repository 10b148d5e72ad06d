//! The folder of an export. Its files appear when all of them are complete and on disk, the manifest last; after a failure, or when the
//! command is interrupted, nothing is left of it.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::export::ExportedFile;
use phaseline_store::hash::hex;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The bytes that are written and hashed at once.
const BUFFER: usize = 256 * 1024;

/// A folder that is being filled.
#[derive(Debug)]
pub(crate) struct ExportFolder {
    folder: PathBuf,
    /// Whether this command made it.
    is_new: bool,
    /// The place of the files until they are complete, inside, since the folder itself may be a mounted disk.
    incomplete: Option<TempDir>,
    /// The names of the files that are in their place.
    placed: Vec<String>,
}

impl ExportFolder {
    /// Makes the folder, or takes an empty one.
    pub(crate) fn create(folder: &Path) -> Result<Self, Failure> {
        let shown = folder.display();
        let refused = |what: &str| {
            Err(Failure::usage(format!("--out: {shown} {what}"))
                .remedy("Give a new folder, or an empty one."))
        };
        // Only its owner may read what the log has.
        let is_new = match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                match fs::read_dir(folder).map(Iterator::count) {
                    Ok(0) => false,
                    Ok(_) => return refused("is not empty, and nothing is overwritten"),
                    Err(error) => return refused(&format!("is no folder that can be read: {error}")),
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return refused("cannot be made: the folder that it would be in does not exist");
            }
            Err(error) => return refused(&format!("cannot be made: {error}")),
        };
        let mut made = Self { folder: folder.to_owned(), is_new, incomplete: None, placed: Vec::new() };
        match tempfile::Builder::new().prefix(".incomplete-").tempdir_in(folder) {
            Ok(incomplete) => made.incomplete = Some(incomplete),
            Err(error) => return refused(&format!("cannot be written: {error}")),
        }
        Ok(made)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    fn incomplete(&self) -> &Path {
        self.incomplete.as_ref().map_or(&self.folder, TempDir::path)
    }

    /// Begins a file.
    pub(crate) fn file(&self, name: &str) -> Result<ExportFile, Failure> {
        let path = self.incomplete().join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| self.failure(&error))?;
        let hashed = HashedFile { file, hash: Sha256::new(), size: 0 };
        Ok(ExportFile { name: name.to_owned(), writer: BufWriter::with_capacity(BUFFER, hashed) })
    }

    /// The failure of a file.
    pub(crate) fn failure(&self, error: &io::Error) -> Failure {
        let text =
            format!("the export into {} failed: {error}; nothing is left of it", self.folder.display());
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Failure::new(Exit::Unexpected, "out_of_space", text)
                    .remedy("Free space, or give a folder on another disk, then run the same command again.")
            }
            _ => Failure::unexpected(text),
        }
    }

    /// Puts complete files into their places, in this order.
    pub(crate) fn finish(mut self, files: &[&ExportedFile]) -> Result<(), Failure> {
        let placed = self.place(files);
        placed.map_err(|error| self.failure(&error))
    }

    fn place(&mut self, files: &[&ExportedFile]) -> io::Result<()> {
        if fs::read_dir(&self.folder)?.count() > 1 {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "another program wrote into the folder"));
        }
        for file in files {
            fs::rename(self.incomplete().join(&file.name), self.folder.join(&file.name))?;
            self.placed.push(file.name.clone());
        }
        if let Some(incomplete) = self.incomplete.take() {
            incomplete.close()?;
        }
        File::open(&self.folder)?.sync_all()?;
        if let Some(parent) = self.folder.canonicalize()?.parent().filter(|_| self.is_new) {
            File::open(parent)?.sync_all()?;
        }
        self.placed.clear();
        self.is_new = false;
        Ok(())
    }
}

impl Drop for ExportFolder {
    fn drop(&mut self) {
        drop(self.incomplete.take());
        for name in &self.placed {
            let _ = fs::remove_file(self.folder.join(name));
        }
        if self.is_new {
            // Fails if another program wrote into it.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct ExportFile {
    name: String,
    writer: BufWriter<HashedFile>,
}

/// Hashes what is written.
#[derive(Debug)]
struct HashedFile {
    file: File,
    hash: Sha256,
    size: u64,
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Write for ExportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl ExportFile {
    /// Writes the rest to disk.
    pub(crate) fn finish(self) -> io::Result<ExportedFile> {
        let HashedFile { file, hash, size } =
            self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(ExportedFile { name: self.name, size, sha256: hex(&hash.finalize()) })
    }
}
