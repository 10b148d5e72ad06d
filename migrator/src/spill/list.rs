//! A list that grows at its end.

use super::{FixedSize, IN_MEMORY, SpillError, opened};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// Values that are written to the file at once, and read from it at once.
const BLOCK: usize = 128;
/// Values that wait for the file once there is one.
const BUFFERED: usize = 64 * BLOCK;

/// A list of many values in the order in which they were added.
#[derive(Debug)]
pub(crate) struct SpilledList<T> {
    /// The last ones: all of them while there is no file.
    recent: Vec<T>,
    file: Option<File>,
    /// The number in the file.
    written: usize,
    in_memory: usize,
}

impl<T> Default for SpilledList<T> {
    fn default() -> Self {
        Self { recent: Vec::new(), file: None, written: 0, in_memory: IN_MEMORY }
    }
}

impl<T: FixedSize> SpilledList<T> {
    /// An empty list for about so many values.
    pub(crate) fn with_capacity(values: usize) -> Self {
        Self { recent: Vec::with_capacity(values.min(IN_MEMORY)), ..Self::default() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.written + self.recent.len()
    }

    /// Adds one at the end.
    ///
    /// # Errors
    /// [`SpillError`] if it does not fit into the file.
    pub(crate) fn push(&mut self, value: T) -> Result<(), SpillError> {
        self.recent.push(value);
        let limit = if self.file.is_some() { BUFFERED.min(self.in_memory) } else { self.in_memory };
        if self.recent.len() >= limit { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), SpillError> {
        let file = opened(&mut self.file)?;
        let mut bytes = Vec::with_capacity(BUFFERED.min(self.recent.len()) * T::BYTES);
        for (values, at) in self.recent.chunks(BUFFERED).zip((self.written..).step_by(BUFFERED)) {
            bytes.clear();
            values.iter().for_each(|value| value.write(&mut bytes));
            file.write_all_at(&bytes, (at * T::BYTES) as u64)?;
        }
        self.written += self.recent.len();
        self.recent.clear();
        self.recent.shrink_to(BUFFERED);
        Ok(())
    }

    /// Reads its values, best in order.
    pub(crate) const fn reader(&self) -> ListReader<'_, T> {
        ListReader { list: self, block: Vec::new(), first: 0 }
    }

    /// All values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<T, SpillError>> {
        let mut reader = self.reader();
        (0..self.len()).filter_map(move |index| reader.get(index).transpose())
    }
}

/// Reads the values of a [`SpilledList`], a block of the file at a time.
#[derive(Debug)]
pub(crate) struct ListReader<'a, T> {
    list: &'a SpilledList<T>,
    /// The bytes of the last block that was read.
    block: Vec<u8>,
    /// The index of its first value.
    first: usize,
}

impl<T: FixedSize> ListReader<'_, T> {
    /// The value at this index, if there is one.
    ///
    /// # Errors
    /// [`SpillError`] if the file cannot be read.
    pub(crate) fn get(&mut self, index: usize) -> Result<Option<T>, SpillError> {
        let Some(file) = self.list.file.as_ref().filter(|_| index < self.list.written) else {
            return Ok(index.checked_sub(self.list.written).and_then(|at| self.list.recent.get(at).copied()));
        };
        let first = index / BLOCK * BLOCK;
        if self.block.is_empty() || first != self.first {
            let values = BLOCK.min(self.list.written - first);
            self.block.resize(values * T::BYTES, 0);
            file.read_exact_at(&mut self.block, (first * T::BYTES) as u64)?;
            self.first = first;
        }
        let at = (index - first) * T::BYTES;
        Ok(self.block.get(at..at + T::BYTES).map(T::read))
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_MEMORY, SpilledList};
    use proptest::prelude::*;

    fn list_of(values: &[u32], in_memory: usize) -> SpilledList<u32> {
        let mut list = SpilledList { in_memory, ..SpilledList::default() };
        values.iter().for_each(|value| list.push(*value).unwrap());
        list
    }

    proptest! {
        #[test]
        fn a_list_is_the_same_in_memory_and_in_a_file(
            values in proptest::collection::vec(any::<u32>(), 0..2000),
            in_memory in 1_usize..1500,
            wanted in proptest::collection::vec(0_usize..2100, 0..50),
        ) {
            let list = list_of(&values, in_memory);
            prop_assert_eq!(list.file.is_some(), values.len() >= in_memory);
            prop_assert_eq!(list.len(), values.len());
            let all: Vec<u32> = list.iter().map(Result::unwrap).collect();
            prop_assert_eq!(&all, &values);
            let mut reader = list.reader();
            for index in wanted {
                prop_assert_eq!(reader.get(index).unwrap(), values.get(index).copied());
            }
        }
    }

    #[test]
    fn memory_is_limited() {
        let list = list_of(&vec![7; 3 * IN_MEMORY], IN_MEMORY);
        assert!(list.recent.len() < IN_MEMORY && list.file.is_some());
    }
}
