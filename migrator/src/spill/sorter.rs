//! Sorting.

use super::{FixedSize, IN_MEMORY, SpillError, opened};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// Values that are written at once, and read from each run at once.
const BLOCK: usize = 512;

/// Sorts values: those that do not fit into memory by runs in a file, which are merged when they are read.
#[derive(Debug)]
pub(crate) struct SpilledSorter<T> {
    recent: Vec<T>,
    file: Option<File>,
    /// The bytes in the file.
    written: u64,
    /// Where each run begins, and its number of values.
    runs: Vec<(u64, usize)>,
    in_memory: usize,
}

impl<T> Default for SpilledSorter<T> {
    fn default() -> Self {
        Self { recent: Vec::new(), file: None, written: 0, runs: Vec::new(), in_memory: IN_MEMORY }
    }
}

impl<T: FixedSize + Ord> SpilledSorter<T> {
    /// Adds a value.
    ///
    /// # Errors
    /// [`SpillError`] if it does not fit into the file.
    pub(crate) fn push(&mut self, value: T) -> Result<(), SpillError> {
        if self.recent.len() >= self.in_memory {
            self.spill()?;
        }
        self.recent.push(value);
        Ok(())
    }

    fn spill(&mut self) -> Result<(), SpillError> {
        self.recent.sort_unstable();
        let file = opened(&mut self.file)?;
        let begin = self.written;
        let mut bytes = Vec::with_capacity(BLOCK.min(self.recent.len()) * T::BYTES);
        for values in self.recent.chunks(BLOCK) {
            bytes.clear();
            values.iter().for_each(|value| value.write(&mut bytes));
            file.write_all_at(&bytes, self.written)?;
            self.written += bytes.len() as u64;
        }
        self.runs.push((begin, self.recent.len()));
        self.recent.clear();
        Ok(())
    }

    /// All values in ascending order.
    ///
    /// # Errors
    /// [`SpillError`] if the file cannot be read.
    pub(crate) fn sorted(mut self) -> Result<Sorted<T>, SpillError> {
        self.recent.sort_unstable();
        let in_file = |(at, left)| SortedRun::File { at, left, block: Vec::new(), used: 0 };
        let mut runs: Vec<SortedRun<T>> = self.runs.into_iter().map(in_file).collect();
        runs.push(SortedRun::Memory(self.recent.into_iter()));
        let mut next = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            next.extend(run.next(self.file.as_ref())?.map(|value| Reverse((value, number))));
        }
        Ok(Sorted { file: self.file, runs, next })
    }
}

/// Sorted values of one origin.
#[derive(Debug)]
enum SortedRun<T> {
    Memory(std::vec::IntoIter<T>),
    File {
        /// Where the values begin that are not read yet, and their number.
        at: u64,
        left: usize,
        /// The bytes that were read last, and how many of them are used.
        block: Vec<u8>,
        used: usize,
    },
}

impl<T: FixedSize> SortedRun<T> {
    fn next(&mut self, file: Option<&File>) -> Result<Option<T>, SpillError> {
        let (at, left, block, used) = match self {
            Self::Memory(values) => return Ok(values.next()),
            Self::File { at, left, block, used } => (at, left, block, used),
        };
        if *used == block.len() {
            let values = BLOCK.min(*left);
            let Some(file) = file.filter(|_| values > 0) else { return Ok(None) };
            block.resize(values * T::BYTES, 0);
            file.read_exact_at(block, *at)?;
            *at += block.len() as u64;
            *left -= values;
            *used = 0;
        }
        let value = block.get(*used..*used + T::BYTES).map(T::read);
        *used += T::BYTES;
        Ok(value)
    }
}

/// The values of a [`SpilledSorter`] in ascending order.
#[derive(Debug)]
pub(crate) struct Sorted<T> {
    file: Option<File>,
    runs: Vec<SortedRun<T>>,
    /// The next value of each run that has one, with the run's number.
    next: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: FixedSize + Ord> Iterator for Sorted<T> {
    type Item = Result<T, SpillError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((value, number)) = self.next.pop()?;
        match self.runs.get_mut(number).map_or(Ok(None), |run| run.next(self.file.as_ref())) {
            Ok(following) => self.next.extend(following.map(|value| Reverse((value, number)))),
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(value))
    }
}

#[cfg(test)]
mod tests {
    use super::SpilledSorter;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_sorted_in_memory_and_in_files(
            values in proptest::collection::vec((0_u64..500, any::<u32>()), 0..1500),
            in_memory in 1_usize..700,
        ) {
            let mut sorter = SpilledSorter { in_memory, ..SpilledSorter::default() };
            values.iter().for_each(|value| sorter.push(*value).unwrap());
            prop_assert!(sorter.recent.len() <= in_memory);
            prop_assert_eq!(sorter.runs.is_empty(), values.len() <= in_memory);
            let sorted: Vec<(u64, u32)> = sorter.sorted().unwrap().map(Result::unwrap).collect();
            let mut expected = values;
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
    }
}
