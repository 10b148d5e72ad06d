//! The projects of a portfolio in the order of a list: by name, then those that the planner does not have any more, by id.

use super::{BegunBy, PortfolioFilter};
use crate::planner_view::{NameQuery, NamedProject, ProjectName, are_names_readable, named_projects};
use phaseline_domain::ProjectId;
use phaseline_store::{StoreError, stream, timeline_states};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::ops::ControlFlow;
use uuid::Uuid;

/// The last position that is early, unless the filter says otherwise.
const EARLY: i64 = 60_000;
/// The most projects of a block: their timelines are in memory at once.
const LARGEST: usize = 2_000;
/// The most names that are read at once: each time the planner's projects are sorted.
const MOST_NAMES: usize = 50_000;

/// A place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListPlace {
    /// Behind this name and id of the projects by name; none for their beginning.
    Named(Option<(String, ProjectId)>),
    /// Behind this one of the others; none for their beginning.
    Unnamed(Option<ProjectId>),
}

impl Default for ListPlace {
    fn default() -> Self {
        Self::Named(None)
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct ListPage<T> {
    /// The projects.
    pub projects: Vec<T>,
    /// Where the next page begins; none if there is none.
    pub next: Option<ListPlace>,
}

/// The page while its list is read.
#[derive(Debug)]
pub(super) struct PageReading<T> {
    limit: usize,
    page: ListPage<T>,
    /// The place behind the last project.
    last: Option<ListPlace>,
}

impl<T> PageReading<T> {
    /// Of at most so many projects.
    pub(super) const fn of(limit: usize) -> Self {
        Self { limit, page: ListPage { projects: Vec::new(), next: None }, last: None }
    }

    /// The projects of the first block: one more than the page has shows whether there is another page.
    pub(super) const fn block(&self) -> usize {
        self.limit + 1
    }

    /// Takes the next project of the list, with the place behind it.
    pub(super) fn take(&mut self, project: T, place: ListPlace) -> ControlFlow<()> {
        if self.page.projects.len() == self.limit {
            self.page.next = self.last.take();
            return ControlFlow::Break(());
        }
        self.page.projects.push(project);
        self.last = Some(place);
        ControlFlow::Continue(())
    }

    /// The page.
    pub(super) fn end(self) -> ListPage<T> {
        self.page
    }
}

/// A project of the list.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) id: ProjectId,
    pub(super) name: ProjectName,
    /// The place behind it.
    pub(super) place: ListPlace,
}

/// The list, block by block.
#[derive(Debug)]
pub(super) struct ProjectWalk<'a> {
    position: i64,
    search: Option<&'a str>,
    /// The only projects that the list may have, in order of id; none for all.
    among: Option<Vec<Uuid>>,
    /// Where the next block begins; none at the end.
    next: Option<ListPlace>,
    block: usize,
    has_names: bool,
    /// Names that were read, and are of later blocks.
    names: VecDeque<NamedProject>,
    /// Whether there are more names than those that were read.
    has_more_names: bool,
    /// How many names are read next.
    fetched: usize,
    /// The planner's projects, as far as all of them were read; none if only some of them were wanted.
    seen: Option<HashSet<Uuid>>,
}

impl<'a> ProjectWalk<'a> {
    /// Begins at a place; the first block has `block` projects, and later ones more.
    pub(super) async fn begin(
        connection: &mut PgConnection,
        position: i64,
        filter: &'a PortfolioFilter,
        from: ListPlace,
        block: usize,
    ) -> Result<Self, StoreError> {
        let has_names = !filter.without_names && are_names_readable(connection).await?;
        if filter.search.is_some() && !has_names {
            return Err(StoreError::UnreadableNames);
        }
        let mut among = filter.only.clone();
        let by_position = if position <= EARLY { BegunBy::Log } else { BegunBy::Streams };
        if filter.begun_by.unwrap_or(by_position) == BegunBy::Log {
            let begun: BTreeSet<ProjectId> =
                stream::begun_until(connection, position).await?.into_iter().collect();
            among = Some(match among {
                None => begun,
                Some(among) => among.intersection(&begun).copied().collect(),
            });
        }
        let is_empty = among.as_ref().is_some_and(BTreeSet::is_empty);
        let reads_all = from == ListPlace::default() && among.is_none() && filter.search.is_none();
        Ok(Self {
            position,
            search: filter.search.as_deref(),
            among: among.map(|among| among.iter().map(|project| project.uuid()).collect()),
            next: Some(from).filter(|_| !is_empty),
            block: block.clamp(1, LARGEST),
            has_names,
            names: VecDeque::new(),
            has_more_names: true,
            fetched: block.clamp(1, LARGEST),
            seen: reads_all.then(HashSet::new),
        })
    }

    /// The next block, which may be empty; none at the end.
    pub(super) async fn next(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<Option<Vec<Candidate>>, StoreError> {
        let Some(place) = self.next.take() else { return Ok(None) };
        let block = match place {
            ListPlace::Unnamed(after) => self.unnamed(connection, after).await?,
            ListPlace::Named(_) if !self.has_names => self.unnamed(connection, None).await?,
            ListPlace::Named(after) => self.named(connection, after).await?,
        };
        self.block = (self.block * 2).min(LARGEST);
        Ok(Some(block))
    }

    async fn named(
        &mut self,
        connection: &mut PgConnection,
        after: Option<(String, ProjectId)>,
    ) -> Result<Vec<Candidate>, StoreError> {
        if self.names.is_empty() && self.has_more_names {
            self.read_names(connection, after).await?;
        }
        let ends = self.block.min(self.names.len());
        let candidate = |project: NamedProject| {
            let id = ProjectId::from(project.id);
            let place = ListPlace::Named(Some((project.sort_name.clone(), id)));
            Candidate { id, place, name: project.into() }
        };
        let mut block: Vec<Candidate> = self.names.drain(..ends).map(candidate).collect();
        let is_last = self.names.is_empty() && !self.has_more_names;
        let behind = block.last().filter(|_| !is_last).map(|last| last.place.clone());
        self.next = Some(behind.unwrap_or(ListPlace::Unnamed(None)));
        if self.among.is_none() {
            // To fold a timeline without an event so far costs more than to see that it has none.
            let ids: Vec<Uuid> = block.iter().map(|candidate| candidate.id.uuid()).collect();
            let begun = timeline_states::begun_among(connection, &ids, self.position).await?;
            block.retain(|candidate| begun.contains(&candidate.id.uuid()));
        }
        Ok(block)
    }

    async fn read_names(
        &mut self,
        connection: &mut PgConnection,
        after: Option<(String, ProjectId)>,
    ) -> Result<(), StoreError> {
        let query = NameQuery {
            ids: self.among.as_deref(),
            search: self.search,
            after: after.as_ref().map(|(name, id)| (name.as_str(), id.uuid())),
            limit: Some(self.fetched),
        };
        let found = named_projects(connection, query).await?;
        self.has_more_names = found.len() == self.fetched;
        self.fetched = (self.fetched * 20).min(MOST_NAMES);
        if let Some(seen) = &mut self.seen {
            seen.extend(found.iter().map(|project| project.id));
        }
        self.names = found.into();
        Ok(())
    }

    /// Of the next projects of the log those that the planner does not have.
    async fn unnamed(
        &mut self,
        connection: &mut PgConnection,
        after: Option<ProjectId>,
    ) -> Result<Vec<Candidate>, StoreError> {
        let after = after.map(|after| after.uuid());
        let ids: Vec<Uuid> = match &self.among {
            Some(among) => {
                let behind = among.iter().filter(|id| after.is_none_or(|after| **id > after));
                behind.take(self.block).copied().collect()
            }
            None => timeline_states::projects_behind(connection, after, self.block, self.position).await?,
        };
        let last = ids.last().filter(|_| ids.len() == self.block);
        self.next = last.map(|last| ListPlace::Unnamed(Some((*last).into())));
        let named = match &self.seen {
            _ if !self.has_names || ids.is_empty() => HashSet::new(),
            Some(seen) => ids.iter().copied().filter(|id| seen.contains(id)).collect(),
            None => {
                let query = NameQuery { ids: Some(&ids), ..NameQuery::default() };
                let found = named_projects(connection, query).await?;
                found.into_iter().map(|project| project.id).collect::<HashSet<Uuid>>()
            }
        };
        let prefix = self.search.map(str::to_lowercase);
        let is_wanted = |id: &Uuid| {
            !named.contains(id) && prefix.as_deref().is_none_or(|prefix| id.to_string().starts_with(prefix))
        };
        let candidate = |id: Uuid| Candidate {
            id: id.into(),
            name: ProjectName::default(),
            place: ListPlace::Unnamed(Some(id.into())),
        };
        Ok(ids.into_iter().filter(is_wanted).map(candidate).collect())
    }
}
