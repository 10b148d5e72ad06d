//! The links of a rollback that the log does not have yet: of assignments that were made, or lost their phase, since the migration.

use crate::spill::{SpillError, SpilledList, SpilledSorter};
use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// The rule for the phase of an assignment whose link in the log does not apply, or is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkRule {
    Date,
    FirstPhase,
}

/// A link that the log does not have yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AssignedLink {
    pub project: ProjectId,
    pub phase: PhaseId,
    pub assignment: AssignmentId,
    pub by: LinkRule,
}

/// A link as it is sorted and kept in a file: its project, its number among all links, its phase, its assignment, and whether its rule is
/// that of the date.
type SortedLink = (Uuid, (u64, (Uuid, (Uuid, u32))));

const fn entry(number: u64, link: &AssignedLink) -> SortedLink {
    let by_date = matches!(link.by, LinkRule::Date) as u32;
    (link.project.uuid(), (number, (link.phase.uuid(), (link.assignment.uuid(), by_date))))
}

fn link_of((project, (_, (phase, (assignment, by_date)))): SortedLink) -> AssignedLink {
    let by = if by_date == 1 { LinkRule::Date } else { LinkRule::FirstPhase };
    AssignedLink { project: project.into(), phase: phase.into(), assignment: assignment.into(), by }
}

/// The links. While all rows are copied there may be as many as rows: they are sorted by project, in files if they are many. Later there are
/// only those of rows that changed since.
#[derive(Debug)]
pub(super) struct AssignedLinks {
    /// Those of the copy, until [`Self::settle`].
    growing: Option<SpilledSorter<SortedLink>>,
    /// Those of the copy, by project and in the order of the rows.
    copied: Arc<SpilledList<SortedLink>>,
    /// The number of links of the copy, and of those by date.
    counts: (u64, u64),
    /// Assignments whose links of the copy do not count any more.
    forgotten: HashSet<AssignmentId>,
    /// Those of rows that changed since, in the order in which they were resolved.
    later: Vec<AssignedLink>,
}

impl Default for AssignedLinks {
    fn default() -> Self {
        Self {
            growing: Some(SpilledSorter::default()),
            copied: Arc::default(),
            counts: (0, 0),
            forgotten: HashSet::new(),
            later: Vec::new(),
        }
    }
}

impl AssignedLinks {
    /// Adds a link.
    ///
    /// # Errors
    /// [`SpillError`] if it does not fit into the file.
    pub(super) fn push(&mut self, link: AssignedLink) -> Result<(), SpillError> {
        match &mut self.growing {
            Some(growing) => {
                growing.push(entry(self.counts.0, &link))?;
                self.counts.0 += 1;
                self.counts.1 += u64::from(link.by == LinkRule::Date);
            }
            None => self.later.push(link),
        }
        Ok(())
    }

    /// To be called when all rows are copied, before anything is read, forgotten or copied.
    ///
    /// # Errors
    /// [`SpillError`] if a file cannot be used.
    pub(super) fn settle(&mut self) -> Result<(), SpillError> {
        if let Some(growing) = self.growing.take() {
            let mut copied = SpilledList::default();
            for entry in growing.sorted()? {
                copied.push(entry?)?;
            }
            self.copied = Arc::new(copied);
        }
        Ok(())
    }

    /// The same links, settled, to be changed independently. Links of the copy of all rows are shared.
    pub(super) fn fork(&self) -> Self {
        Self {
            growing: None,
            copied: Arc::clone(&self.copied),
            counts: self.counts,
            forgotten: self.forgotten.clone(),
            later: self.later.clone(),
        }
    }

    /// Forgets the links of these assignments; they may be added again.
    pub(super) fn forget(&mut self, assignments: &HashSet<AssignmentId>) {
        self.forgotten.extend(assignments);
        self.later.retain(|link| !assignments.contains(&link.assignment));
    }

    /// Those of the copy that count.
    fn copied(&self) -> impl Iterator<Item = Result<AssignedLink, SpillError>> {
        let counts = |link: &AssignedLink| !self.forgotten.contains(&link.assignment);
        self.copied
            .iter()
            .map(|entry| entry.map(link_of))
            .filter(move |link| link.as_ref().map_or(true, counts))
    }

    /// The number of links, and of those by date.
    ///
    /// # Errors
    /// [`SpillError`] if the file cannot be read.
    pub(super) fn counts(&self) -> Result<(u64, u64), SpillError> {
        let by_date = |link: &AssignedLink| u64::from(link.by == LinkRule::Date);
        let (mut all, mut dated) = self.counts;
        if !self.forgotten.is_empty() {
            (all, dated) = (0, 0);
            for link in self.copied() {
                all += 1;
                dated += by_date(&link?);
            }
        }
        Ok((all + self.later.len() as u64, dated + self.later.iter().map(by_date).sum::<u64>()))
    }

    /// The links by project, in the order of the rows; those of rows that changed since come last. Errors of the file come between.
    pub(super) fn by_project(&self) -> impl Iterator<Item = Result<LinksOfProject, SpillError>> {
        let mut later: BTreeMap<ProjectId, Vec<(PhaseId, AssignmentId)>> = BTreeMap::new();
        for link in &self.later {
            later.entry(link.project).or_default().push((link.phase, link.assignment));
        }
        let mut copied = self.copied().peekable();
        std::iter::from_fn(move || {
            let first = match copied.peek() {
                Some(Err(_)) => return copied.next().and_then(Result::err).map(Err),
                Some(Ok(link)) => Some(link.project),
                None => None,
            };
            let project = first.into_iter().chain(later.keys().next().copied()).min()?;
            let mut links = Vec::new();
            while let Some(Ok(link)) =
                copied.next_if(|next| next.as_ref().is_ok_and(|link| link.project == project))
            {
                links.push((link.phase, link.assignment));
            }
            links.extend(later.remove(&project).unwrap_or_default());
            Some(Ok((project, links)))
        })
    }
}

/// A project's links.
pub(super) type LinksOfProject = (ProjectId, Vec<(PhaseId, AssignmentId)>);

#[cfg(test)]
mod tests {
    use super::{AssignedLink, AssignedLinks, LinkRule, LinksOfProject};
    use phaseline_domain::{AssignmentId, PhaseId, ProjectId};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, HashSet};
    use uuid::Uuid;

    fn id<T: From<Uuid>>(number: u32) -> T {
        Uuid::from_u128(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).into()
    }

    fn links(numbers: &[u32], projects: u32) -> Vec<AssignedLink> {
        let link = |number: &u32| AssignedLink {
            project: id::<ProjectId>(number % projects),
            phase: id::<PhaseId>(number % 3),
            assignment: id::<AssignmentId>(*number),
            by: if number.is_multiple_of(5) { LinkRule::FirstPhase } else { LinkRule::Date },
        };
        numbers.iter().map(link).collect()
    }

    fn expected(links: &[AssignedLink]) -> (Vec<LinksOfProject>, (u64, u64)) {
        let mut projects: BTreeMap<ProjectId, Vec<(PhaseId, AssignmentId)>> = BTreeMap::new();
        for link in links {
            projects.entry(link.project).or_default().push((link.phase, link.assignment));
        }
        let dated = links.iter().filter(|link| link.by == LinkRule::Date).count();
        (projects.into_iter().collect(), (links.len() as u64, dated as u64))
    }

    fn found(links: &AssignedLinks) -> (Vec<LinksOfProject>, (u64, u64)) {
        (links.by_project().map(Result::unwrap).collect(), links.counts().unwrap())
    }

    proptest! {
        /// More than fit into memory: see `IN_MEMORY`.
        #[test]
        fn links_are_those_of_a_plain_list(
            copied in proptest::collection::hash_set(0_u32..2000, 0..500),
            forgotten in proptest::collection::vec(0_u32..2000, 0..200),
            later in proptest::collection::hash_set(2000_u32..2100, 0..40),
            projects in 1_u32..9,
        ) {
            let copied: Vec<u32> = copied.into_iter().collect();
            let mut plain = links(&copied, projects);
            let mut assigned = AssignedLinks::default();
            plain.iter().for_each(|link| assigned.push(*link).unwrap());
            assigned.settle().unwrap();
            prop_assert_eq!(found(&assigned), expected(&plain));
            let whole = plain.clone();

            let mut fork = assigned.fork();
            let gone: HashSet<AssignmentId> = forgotten.iter().map(|number| id(*number)).collect();
            fork.forget(&gone);
            plain.retain(|link| !gone.contains(&link.assignment));
            prop_assert_eq!(found(&fork), expected(&plain));
            // Some of them again, and others.
            let again: Vec<u32> = forgotten.iter().step_by(2).copied().collect::<HashSet<_>>().into_iter().collect();
            let others: Vec<u32> = later.into_iter().collect();
            for link in links(&[again, others].concat(), projects) {
                fork.push(link).unwrap();
                plain.push(link);
            }
            prop_assert_eq!(found(&fork), expected(&plain));
            fork.forget(&gone);
            plain.retain(|link| !gone.contains(&link.assignment));
            prop_assert_eq!(found(&fork), expected(&plain));
            prop_assert_eq!(found(&assigned), expected(&whole));
        }
    }
}
