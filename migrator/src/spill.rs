//! Values that are kept in memory while they are few, and in temporary files when they are many. The files are in the system's folder of
//! temporary files (`TMPDIR`), have no name there, and are gone with the process.

mod fixed_size;
mod links;
mod list;
mod sorter;
mod texts;

pub(crate) use fixed_size::FixedSize;
pub(crate) use links::SpilledLinks;
pub(crate) use list::{ListReader, SpilledList};
pub(crate) use sorter::SpilledSorter;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
pub(crate) use texts::SpilledTexts;

/// Values of one kind that are kept in memory. Unoptimised programs keep few, so that tests of ordinary size use the files as well.
const IN_MEMORY: usize = if cfg!(debug_assertions) { 100 } else { 1 << 20 };

/// A temporary file could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a temporary file in {} cannot be used: {source}", std::env::temp_dir().display())]
pub struct SpillError {
    source: Arc<io::Error>,
}

impl SpillError {
    /// Whether the folder, or the user in it, has no space left.
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    }
}

impl From<io::Error> for SpillError {
    fn from(error: io::Error) -> Self {
        Self { source: Arc::new(error) }
    }
}

/// The file, which is made if there is none yet.
fn opened(file: &mut Option<File>) -> Result<&mut File, SpillError> {
    match file {
        Some(file) => Ok(file),
        none => Ok(none.insert(tempfile::tempfile()?)),
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
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
