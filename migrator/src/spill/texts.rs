//! Texts that are written once, and mostly only counted.

use super::{FileReader, SpillError, opened};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt as _;

/// The bytes that are kept in memory.
const IN_MEMORY: usize = if cfg!(debug_assertions) { 1 << 10 } else { 1 << 20 };

/// Groups of `N` texts in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct SpilledTexts<const N: usize> {
    groups: usize,
    /// The last ones, each text behind its length.
    recent: Vec<u8>,
    file: Option<File>,
    /// The bytes in the file.
    written: u64,
    /// Whether the file could not be written: then all others stay in memory.
    is_full: bool,
}

impl<const N: usize> SpilledTexts<N> {
    pub(crate) const fn len(&self) -> usize {
        self.groups
    }

    /// Adds a group. What cannot be written stays in memory.
    pub(crate) fn push(&mut self, texts: [&str; N]) {
        for text in texts {
            // Longer texts than four gigabytes cannot be made from a row.
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            self.recent.extend(length.to_le_bytes());
            self.recent.extend(text.as_bytes());
        }
        self.groups += 1;
        if self.recent.len() >= IN_MEMORY && !self.is_full {
            self.is_full = self.spill().is_err();
        }
    }

    fn spill(&mut self) -> Result<(), SpillError> {
        let file = opened(&mut self.file)?;
        // Of what was written in part before a failure nothing is read.
        file.write_all_at(&self.recent, self.written)?;
        self.written += self.recent.len() as u64;
        self.recent.clear();
        Ok(())
    }

    /// All groups in order. After a failure to read there are no more.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<[String; N], SpillError>> {
        let file = self.file.as_ref().map(FileReader::new);
        let mut bytes: Box<dyn Read + '_> = match file {
            Some(file) => Box::new(file.take(self.written).chain(self.recent.as_slice())),
            None => Box::new(self.recent.as_slice()),
        };
        let mut left = self.groups;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let group = read_group(&mut bytes);
            if group.is_err() {
                left = 0;
            }
            Some(group)
        })
    }
}

fn read_group<const N: usize>(bytes: &mut impl Read) -> Result<[String; N], SpillError> {
    let mut group = [const { String::new() }; N];
    for text in &mut group {
        let mut length = [0; 4];
        bytes.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if bytes.by_ref().take(length.into()).read_to_string(text)? != length as usize {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
    }
    Ok(group)
}

#[cfg(test)]
mod tests {
    use super::{IN_MEMORY, SpilledTexts};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_the_same_in_memory_and_in_a_file(
            groups in proptest::collection::vec([".{0,40}", ".{0,3}"], 0..300),
        ) {
            let mut texts = SpilledTexts::default();
            groups.iter().for_each(|[a, b]| texts.push([a, b]));
            prop_assert_eq!(texts.len(), groups.len());
            // Twice: reading moves nothing.
            for _ in 0..2 {
                let found: Vec<[String; 2]> = texts.iter().map(Result::unwrap).collect();
                prop_assert_eq!(&found, &groups);
            }
            texts.push(["later", ""]);
            prop_assert_eq!(texts.iter().last().unwrap().unwrap(), ["later".to_owned(), String::new()]);
        }
    }

    #[test]
    fn memory_is_limited() {
        let mut texts = SpilledTexts::default();
        let long = "x".repeat(100);
        for _ in 0..IN_MEMORY {
            texts.push([&long]);
        }
        assert!(texts.recent.len() < IN_MEMORY && texts.file.is_some());
    }
}
