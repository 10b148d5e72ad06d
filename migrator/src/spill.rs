//! Values that are kept in memory while they are few, and in temporary files when they are many. The files are in the system's folder of
//! temporary files (`TMPDIR`), have no name there, and are gone with the process.

mod links;
mod list;
mod sorter;
mod texts;

pub(crate) use links::SpilledLinks;
pub(crate) use list::{FixedSize, ListReader, SpilledList};
pub(crate) use sorter::SpilledSorter;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt as _;
pub(crate) use texts::SpilledTexts;

/// Values of one kind that are kept in memory. Unoptimised programs keep few, so that tests of ordinary size use the files as well.
const IN_MEMORY: usize = if cfg!(debug_assertions) { 100 } else { 1 << 20 };

/// A temporary file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("a temporary file in {} cannot be used: {source}", std::env::temp_dir().display())]
pub struct SpillError {
    #[from]
    source: std::io::Error,
}

impl SpillError {
    /// What can be told of it again.
    fn text(&self) -> (std::io::ErrorKind, String) {
        (self.source.kind(), self.source.to_string())
    }

    /// Whether the folder, or the user in it, has no space left.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    }
}

/// Reads a file from its beginning, whatever else is read from it or written to it.
struct FileReader<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> FileReader<'a> {
    fn new(file: &'a File) -> BufReader<Self> {
        BufReader::with_capacity(1 << 16, Self { file, at: 0 })
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
