//! Sorting.

use super::{FixedSize, IN_MEMORY, SpillError};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, Write as _};

/// Sorts values: those that do not fit into memory in files, which are merged when they are read.
#[derive(Debug)]
pub(crate) struct SpilledSorter<T> {
    recent: Vec<T>,
    /// Files of sorted values, with their numbers.
    runs: Vec<(File, usize)>,
    in_memory: usize,
}

impl<T> Default for SpilledSorter<T> {
    fn default() -> Self {
        Self { recent: Vec::new(), runs: Vec::new(), in_memory: IN_MEMORY }
    }
}

impl<T: FixedSize + Ord> SpilledSorter<T> {
    /// Adds a value.
    ///
    /// # Errors
    /// [`SpillError`] if it does not fit into a file.
    pub(crate) fn push(&mut self, value: T) -> Result<(), SpillError> {
        if self.recent.len() >= self.in_memory {
            self.spill()?;
        }
        self.recent.push(value);
        Ok(())
    }

    fn spill(&mut self) -> Result<(), SpillError> {
        /// Values that are written at once.
        const AT_ONCE: usize = 8192;
        self.recent.sort_unstable();
        let mut file = tempfile::tempfile()?;
        let mut bytes = Vec::with_capacity(AT_ONCE.min(self.recent.len()) * T::BYTES);
        for values in self.recent.chunks(AT_ONCE) {
            bytes.clear();
            values.iter().for_each(|value| value.write(&mut bytes));
            file.write_all(&bytes)?;
        }
        file.rewind()?;
        self.runs.push((file, self.recent.len()));
        self.recent.clear();
        Ok(())
    }

    /// All values in ascending order.
    ///
    /// # Errors
    /// [`SpillError`] if a file cannot be read.
    pub(crate) fn sorted(mut self) -> Result<Sorted<T>, SpillError> {
        self.recent.sort_unstable();
        let files = self.runs.into_iter();
        let mut runs: Vec<SortedRun<T>> = files
            .map(|(file, left)| SortedRun::File { file: BufReader::with_capacity(1 << 16, file), left })
            .chain([SortedRun::Memory(self.recent.into_iter())])
            .collect();
        let mut next = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            next.extend(run.next()?.map(|value| Reverse((value, number))));
        }
        Ok(Sorted { runs, next })
    }
}

/// Sorted values of one origin.
#[derive(Debug)]
enum SortedRun<T> {
    Memory(std::vec::IntoIter<T>),
    File { file: BufReader<File>, left: usize },
}

impl<T: FixedSize> SortedRun<T> {
    fn next(&mut self) -> Result<Option<T>, SpillError> {
        const { assert!(T::BYTES <= MOST_BYTES) };
        match self {
            Self::Memory(values) => Ok(values.next()),
            Self::File { left: 0, .. } => Ok(None),
            Self::File { file, left } => {
                *left -= 1;
                let mut bytes = [0; MOST_BYTES];
                let bytes = &mut bytes[..T::BYTES];
                file.read_exact(bytes)?;
                Ok(Some(T::read(bytes)))
            }
        }
    }
}

/// The most bytes of a value.
const MOST_BYTES: usize = 128;

/// The values of a [`SpilledSorter`] in ascending order.
#[derive(Debug)]
pub(crate) struct Sorted<T> {
    runs: Vec<SortedRun<T>>,
    /// The next value of each run that has one, with the run's number.
    next: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: FixedSize + Ord> Iterator for Sorted<T> {
    type Item = Result<T, SpillError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((value, number)) = self.next.pop()?;
        match self.runs.get_mut(number).map_or(Ok(None), SortedRun::next) {
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
