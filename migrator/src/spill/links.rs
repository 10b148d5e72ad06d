//! The phase of each assignment.

use super::{FileReader, FixedSize as _, IN_MEMORY, SpillError};
use crate::fast_hash::FastHash;
use phaseline_domain::{AssignmentId, PhaseId};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use uuid::Uuid;

/// The bytes of an assignment's id and of its phase's number.
const ENTRY: usize = <(Uuid, u32)>::BYTES;
/// Entries between two of the index, which is kept in memory: as many as one read takes.
const BLOCK: usize = 128;
/// Files that are open at most.
const MOST_RUNS: usize = 64;

type NumberedLink = (AssignmentId, u32);

/// A map from assignments to phases. Once it has many, they are in a file in the order of the assignments.
#[derive(Debug)]
pub(crate) struct SpilledLinks {
    /// The phases by number, and their numbers: far fewer than assignments.
    phases: Vec<PhaseId>,
    numbers: HashMap<PhaseId, u32, FastHash>,
    /// The last ones: all of them while there is no file. They replace those in files.
    recent: HashMap<AssignmentId, u32, FastHash>,
    /// One file once they are settled. What is in a later one replaces what is in earlier ones.
    runs: Vec<SortedFile>,
    /// Why links could not be written.
    failed: Option<SpillError>,
    in_memory: usize,
}

impl Default for SpilledLinks {
    fn default() -> Self {
        Self {
            phases: Vec::new(),
            numbers: HashMap::default(),
            recent: HashMap::default(),
            runs: Vec::new(),
            failed: None,
            in_memory: IN_MEMORY,
        }
    }
}

impl SpilledLinks {
    /// Sets an assignment's phase. A failure to write is reported by [`Self::settle`].
    pub(crate) fn insert(&mut self, assignment: AssignmentId, phase: PhaseId) {
        if self.failed.is_some() {
            return;
        }
        let number = *self.numbers.entry(phase).or_insert_with(|| {
            self.phases.push(phase);
            u32::try_from(self.phases.len() - 1).unwrap_or(u32::MAX)
        });
        self.recent.insert(assignment, number);
        if self.recent.len() >= self.in_memory
            && let Err(error) = self.spill()
        {
            self.failed = Some(error);
        }
    }

    /// To be called after the last [`Self::insert`], before anything is read.
    ///
    /// # Errors
    /// [`SpillError`] if links could not be written.
    pub(crate) fn settle(&mut self) -> Result<(), SpillError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.runs.is_empty() || self.runs.len() == 1 && self.recent.is_empty() {
            return Ok(());
        }
        let settled = self.spill().and_then(|()| self.merge());
        self.failed = settled.clone().err();
        settled
    }

    /// The number of assignments.
    pub(crate) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.entries).sum::<usize>() + self.recent.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The phase of an assignment.
    ///
    /// # Errors
    /// [`SpillError`] if the file cannot be read.
    pub(crate) fn get(&self, assignment: AssignmentId) -> Result<Option<PhaseId>, SpillError> {
        let mut number = self.recent.get(&assignment).copied();
        for run in self.runs.iter().rev() {
            if number.is_some() {
                break;
            }
            number = run.get(assignment)?;
        }
        Ok(number.and_then(|number| self.phase(number)))
    }

    /// All of them, in no order.
    ///
    /// # Errors
    /// [`SpillError`] if the file cannot be read.
    pub(crate) fn for_each(&self, mut each: impl FnMut(AssignmentId, PhaseId)) -> Result<(), SpillError> {
        let mut pass = |(assignment, number): NumberedLink| {
            if let Some(phase) = self.phase(number) {
                each(assignment, phase);
            }
        };
        for run in &self.runs {
            let mut entries = run.entries();
            while let Some(entry) = entries.next()? {
                pass(entry);
            }
        }
        self.recent.iter().for_each(|(assignment, number)| pass((*assignment, *number)));
        Ok(())
    }

    fn phase(&self, number: u32) -> Option<PhaseId> {
        self.phases.get(number as usize).copied()
    }

    /// Writes the recent ones into a file of their own.
    fn spill(&mut self) -> Result<(), SpillError> {
        let mut recent: Vec<NumberedLink> = self.recent.drain().collect();
        recent.sort_unstable_by_key(|(assignment, _)| *assignment);
        let mut file = SortedFile::writer()?;
        recent.into_iter().try_for_each(|link| file.push(link))?;
        self.runs.push(file.finish()?);
        if self.runs.len() >= MOST_RUNS { self.merge() } else { Ok(()) }
    }

    /// Merges all files into one.
    fn merge(&mut self) -> Result<(), SpillError> {
        let runs = std::mem::take(&mut self.runs);
        let mut readers: Vec<Entries<'_>> = runs.iter().map(SortedFile::entries).collect();
        // The least assignment is the next one, of its links that of the last file.
        let mut next = BinaryHeap::with_capacity(readers.len());
        for (run, reader) in readers.iter_mut().enumerate() {
            next.extend(reader.next()?.map(|(assignment, number)| (Reverse(assignment), run, number)));
        }
        let mut merged = SortedFile::writer()?;
        let mut last = None;
        while let Some((Reverse(assignment), run, number)) = next.pop() {
            if last != Some(assignment) {
                merged.push((assignment, number))?;
                last = Some(assignment);
            }
            let following = readers.get_mut(run).map_or(Ok(None), Entries::next)?;
            next.extend(following.map(|(assignment, number)| (Reverse(assignment), run, number)));
        }
        self.runs.push(merged.finish()?);
        Ok(())
    }
}

/// Entries in the order of their assignments, in a file.
#[derive(Debug)]
struct SortedFile {
    file: File,
    entries: usize,
    /// The first assignment of each block.
    index: Vec<AssignmentId>,
}

impl SortedFile {
    fn writer() -> Result<SortedWriter, SpillError> {
        let file = tempfile::tempfile()?;
        Ok(SortedWriter { file: BufWriter::with_capacity(1 << 16, file), entries: 0, index: Vec::new() })
    }

    fn entries(&self) -> Entries<'_> {
        Entries { file: FileReader::new(&self.file), left: self.entries }
    }

    fn get(&self, assignment: AssignmentId) -> Result<Option<u32>, SpillError> {
        let blocks = self.index.partition_point(|first| *first <= assignment);
        let Some(block) = blocks.checked_sub(1) else { return Ok(None) };
        let entries = BLOCK.min(self.entries - block * BLOCK);
        let mut bytes = [0; BLOCK * ENTRY];
        let Some(bytes) = bytes.get_mut(..entries * ENTRY) else { return Ok(None) };
        self.file.read_exact_at(bytes, (block * BLOCK * ENTRY) as u64)?;
        let (found, _) = bytes.as_chunks::<ENTRY>();
        let at = found.binary_search_by_key(&assignment, |entry| decode(entry).0);
        Ok(at.ok().and_then(|at| found.get(at)).map(|entry| decode(entry).1))
    }
}

fn decode(entry: &[u8; ENTRY]) -> NumberedLink {
    let (assignment, number) = <(Uuid, u32)>::read(entry);
    (assignment.into(), number)
}

/// Writes entries, which come in order.
struct SortedWriter {
    file: BufWriter<File>,
    entries: usize,
    index: Vec<AssignmentId>,
}

impl SortedWriter {
    fn push(&mut self, (assignment, number): NumberedLink) -> Result<(), SpillError> {
        if self.entries.is_multiple_of(BLOCK) {
            self.index.push(assignment);
        }
        self.entries += 1;
        self.file.write_all(assignment.uuid().as_bytes())?;
        Ok(self.file.write_all(&number.to_le_bytes())?)
    }

    fn finish(self) -> Result<SortedFile, SpillError> {
        let Self { file, entries, index } = self;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(SortedFile { file, entries, index })
    }
}

/// Reads all entries of a file in order.
struct Entries<'a> {
    file: BufReader<FileReader<'a>>,
    left: usize,
}

impl Entries<'_> {
    fn next(&mut self) -> Result<Option<NumberedLink>, SpillError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        let mut entry = [0; ENTRY];
        self.file.read_exact(&mut entry)?;
        Ok(Some(decode(&entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::SpilledLinks;
    use phaseline_domain::{AssignmentId, PhaseId};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, HashMap};
    use uuid::Uuid;

    fn assignment(number: u16) -> AssignmentId {
        // Spread, so that the order of ids is not that of the numbers.
        Uuid::from_u128(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).into()
    }

    fn phase(number: u8) -> PhaseId {
        Uuid::from_u128(u128::from(number)).into()
    }

    proptest! {
        #[test]
        fn links_are_the_same_in_memory_and_in_a_file(
            links in proptest::collection::vec((0_u16..600, 0_u8..9), 0..900),
            later in proptest::collection::vec((0_u16..600, 0_u8..9), 0..60),
            in_memory in 1_usize..400,
        ) {
            let mut spilled = SpilledLinks { in_memory, ..SpilledLinks::default() };
            let mut expected: HashMap<AssignmentId, PhaseId> = HashMap::new();
            for part in [links, later] {
                for (of, to) in part {
                    spilled.insert(assignment(of), phase(to));
                    expected.insert(assignment(of), phase(to));
                }
                spilled.settle().unwrap();
                prop_assert_eq!(spilled.len(), expected.len());
                prop_assert_eq!(spilled.is_empty(), expected.is_empty());
                prop_assert_eq!(spilled.runs.len(), usize::from(expected.len() >= in_memory));
                prop_assert!(spilled.runs.is_empty() || spilled.recent.is_empty());
                for number in 0..650 {
                    let id = assignment(number);
                    prop_assert_eq!(spilled.get(id).unwrap(), expected.get(&id).copied());
                }
                let mut all = BTreeMap::new();
                spilled.for_each(|assignment, phase| assert!(all.insert(assignment, phase).is_none())).unwrap();
                prop_assert_eq!(all, expected.iter().map(|(of, to)| (*of, *to)).collect::<BTreeMap<_, _>>());
            }
        }
    }
}
