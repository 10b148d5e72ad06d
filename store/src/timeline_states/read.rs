//! Timelines at any position of the log, folded from the nearest states.

use super::table::{self, Nearest};
use crate::read::{HashCheck, StreamPart, stream_parts};
use crate::skip::{self, Marks};
use crate::stream::{self, TIMELINE, stream_of};
use crate::unreadable::StreamReader;
use crate::{
    AlteredEvents, Content, EventIdentity, FoldedTimeline, Quarantine, RecordedEvent, RecordedTimeline,
    StoreError,
};
use phaseline_domain::ProjectId;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Projects read by one group of queries: memory and temporary files are bounded by it, and the round trips of a portfolio of
/// 10 000 projects take some milliseconds in all.
const BLOCK: usize = 500;

/// Which projects are read.
#[derive(Clone, Debug)]
pub enum ProjectSelection {
    /// All that the log has.
    All,
    /// Those with these ids.
    These(Vec<ProjectId>),
    /// The first ones with greater ids than one, or of all.
    Page {
        /// The last project of the page before.
        after: Option<ProjectId>,
        /// Their greatest number.
        limit: usize,
    },
}

/// Whether stored states are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectedStates {
    /// Those that may be used.
    Valid,
    /// None: every timeline is folded from its first event. For a reader that trusts nothing but the log.
    None,
}

/// One timeline at a position.
#[derive(Clone, Debug)]
pub struct FoldedStream {
    /// The project.
    pub project: ProjectId,
    /// The fold of its readable events.
    pub folded: FoldedTimeline,
    /// The events up to the position that cannot be read.
    pub quarantine: Quarantine,
    /// The events behind the used state that were altered after they were recorded, without those that a mark leaves out.
    pub altered: AlteredEvents,
    /// The first version out of order: expected, and found.
    gap: Option<(i64, i64)>,
    /// Whether an event was altered or left out.
    is_changed: bool,
    /// What names its last event; none before the first one.
    pub identity: Option<EventIdentity>,
    reader: StreamReader,
}

impl FoldedStream {
    fn begin(project: Uuid, before: Option<(FoldedTimeline, EventIdentity)>) -> Self {
        let project = ProjectId::from(project);
        let (folded, identity) = before.unzip();
        let folded = folded.unwrap_or_default();
        let reader = StreamReader::new(project, folded.timeline.project().is_some());
        Self {
            project,
            folded,
            quarantine: Quarantine::default(),
            altered: AlteredEvents::none_of(project),
            gap: None,
            is_changed: false,
            identity,
            reader,
        }
    }

    fn apply(&mut self, recorded: RecordedEvent, skipped: bool) {
        self.identity = Some(recorded.identity());
        let expected = self.folded.version + 1;
        if recorded.version != expected {
            self.gap.get_or_insert((expected, recorded.version));
        }
        self.is_changed |= skipped || recorded.is_altered;
        if !skipped {
            self.altered.see(&recorded);
        }
        let content = self.reader.read(&recorded, skipped);
        let recorded = RecordedTimeline { recorded, content };
        self.folded.record(&recorded);
        if let Content::Unreadable(event) = recorded.content {
            self.quarantine.add(*event);
        }
    }

    /// Whether the fold is of the stream's events exactly as they were recorded, so that it may be stored.
    pub(super) const fn is_sound(&self) -> bool {
        self.quarantine.is_empty() && self.gap.is_none() && !self.is_changed
    }

    /// The fold, if it is of a whole history of readable events as they were recorded.
    ///
    /// # Errors
    /// [`StoreError::Altered`] or [`StoreError::Quarantined`].
    pub fn whole(self) -> Result<FoldedTimeline, StoreError> {
        stream::refuse(self.altered)?;
        if self.quarantine.is_empty() {
            return Ok(self.folded);
        }
        Err(StoreError::Quarantined { project: self.project, quarantine: self.quarantine })
    }

    /// The positions of its events that cannot be read.
    pub fn unreadable(&self) -> Vec<i64> {
        self.quarantine.events.iter().map(|event| event.position).collect()
    }

    /// Fails if a version was out of order.
    fn complete(self) -> Result<Self, StoreError> {
        match self.gap {
            Some((expected, found)) => {
                Err(StoreError::VersionGap { stream: stream_of(self.project), expected, found })
            }
            None => Ok(self),
        }
    }
}

/// Calls `each` with every selected timeline that has an event at or before a position, in order of project id, closed ones and those
/// in quarantine included. The result is the fold of the log up to that position, whatever states there are.
///
/// Call it in one snapshot ([`crate::read::snapshot`]) if a mark made meanwhile must not count for some projects only. The events behind
/// states are compared with their hashes; those before are in states that were made while they fitted.
///
/// # Errors
/// [`StoreError::VersionGap`] if a version is missing; what `each` returns; the database's own.
pub async fn each_at(
    connection: &mut PgConnection,
    selection: &ProjectSelection,
    position: i64,
    states: SelectedStates,
    mut each: impl FnMut(FoldedStream) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let states = match states {
        SelectedStates::Valid if table::are_readable(connection).await? => states,
        _ => SelectedStates::None,
    };
    table::plan_by_index(connection).await?;
    let marks = skip::marks(connection).await?;
    let mut blocks = Blocks::of(selection, position);
    while let Some(projects) = blocks.next(connection).await? {
        let request = BlockRequest { projects: &projects, position, states, check: HashCheck::Each };
        for found in fold_block(connection, &request, &marks, &mut |_| Ok(())).await? {
            each(found.complete()?)?;
        }
    }
    Ok(())
}

/// The selected projects, block by block.
enum Blocks {
    These(std::vec::IntoIter<Uuid>),
    Behind { after: Option<Uuid>, left: usize, position: i64 },
}

impl Blocks {
    fn of(selection: &ProjectSelection, position: i64) -> Self {
        match selection {
            ProjectSelection::All => Self::Behind { after: None, left: usize::MAX, position },
            ProjectSelection::Page { after, limit } => {
                Self::Behind { after: after.map(|after| after.uuid()), left: *limit, position }
            }
            ProjectSelection::These(projects) => {
                let mut ids: Vec<Uuid> = projects.iter().map(|project| project.uuid()).collect();
                ids.sort_unstable();
                ids.dedup();
                Self::These(ids.into_iter())
            }
        }
    }

    async fn next(&mut self, connection: &mut PgConnection) -> Result<Option<Vec<Uuid>>, StoreError> {
        let block = match self {
            Self::These(ids) => ids.take(BLOCK).collect(),
            Self::Behind { left: 0, .. } => Vec::new(),
            Self::Behind { after, left, position } => {
                let block = projects_behind(connection, *after, BLOCK.min(*left), *position).await?;
                *after = block.last().copied();
                *left = if block.len() < BLOCK.min(*left) { 0 } else { *left - block.len() };
                block
            }
        };
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}

/// The first projects with a greater id that have an event at or before a position. The query jumps from one stream to the next in the
/// index, since the events between are many.
pub async fn projects_behind(
    connection: &mut PgConnection,
    after: Option<Uuid>,
    limit: usize,
    position: i64,
) -> Result<Vec<Uuid>, StoreError> {
    // One condition for both cases would hide the beginning of the range from the index.
    let begin = if after.is_some() { "e.stream_id > $2" } else { "$2::uuid IS NULL" };
    let query = format!(
        "WITH RECURSIVE walk AS (
            (SELECT e.stream_id, e.position FROM phaseline.events e
              WHERE e.stream_type = $1 AND {begin} ORDER BY e.stream_id, e.version LIMIT 1)
             UNION ALL
             SELECT next.stream_id, next.position FROM walk CROSS JOIN LATERAL
                (SELECT e.stream_id, e.position FROM phaseline.events e
                  WHERE e.stream_type = $1 AND e.stream_id > walk.stream_id ORDER BY e.stream_id, e.version LIMIT 1) next)
         SELECT walk.stream_id FROM walk WHERE walk.position <= $3 LIMIT $4",
    );
    Ok(sqlx::query_scalar(&query)
        .bind(TIMELINE)
        .bind(after)
        .bind(position)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?)
}

/// Those of these projects whose timelines have an event at or before a position.
pub async fn begun_among(
    connection: &mut PgConnection,
    projects: &[Uuid],
    position: i64,
) -> Result<HashSet<Uuid>, StoreError> {
    let begun: Vec<Uuid> = sqlx::query_scalar(
        "SELECT wanted.id FROM unnest($2::uuid[]) AS wanted (id)
          CROSS JOIN LATERAL (SELECT e.position FROM phaseline.events e
                               WHERE e.stream_type = $1 AND e.stream_id = wanted.id ORDER BY e.version LIMIT 1) first
          WHERE first.position <= $3",
    )
    .bind(TIMELINE)
    .bind(projects)
    .bind(position)
    .fetch_all(connection)
    .await?;
    Ok(begun.into_iter().collect())
}

/// What [`fold_block`] folds.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockRequest<'a> {
    /// The projects, in order.
    pub(super) projects: &'a [Uuid],
    pub(super) position: i64,
    pub(super) states: SelectedStates,
    pub(super) check: HashCheck,
}

/// Folds some timelines up to a position, in order. `visit` is called after each event that was read for it.
pub(super) async fn fold_block(
    connection: &mut PgConnection,
    request: &BlockRequest<'_>,
    marks: &Marks,
    visit: &mut (dyn FnMut(&FoldedStream) -> Result<(), StoreError> + Send),
) -> Result<Vec<FoldedStream>, StoreError> {
    let BlockRequest { projects, position, states, check } = *request;
    let usable: Vec<Uuid> = match states {
        SelectedStates::Valid => projects.iter().copied().filter(|id| !marks.streams.contains(id)).collect(),
        SelectedStates::None => Vec::new(),
    };
    let mut nearest = if usable.is_empty() {
        HashMap::new()
    } else {
        table::nearest(connection, &usable, position).await?
    };
    let mut folds = Vec::with_capacity(projects.len());
    let mut parts = Vec::with_capacity(projects.len());
    for id in projects {
        let Nearest { before, after } = nearest.remove(id).unwrap_or_default();
        let fold = FoldedStream::begin(*id, before);
        parts.push(StreamPart { id: *id, after: fold.folded.version, before: after.unwrap_or(i64::MAX) });
        folds.push(fold);
    }
    let mut at = 0;
    stream_parts(connection, TIMELINE, &parts, position, check, |recorded| {
        // Both are in order of id.
        while folds.get(at).is_some_and(|fold| fold.project.uuid() < recorded.stream_id) {
            at += 1;
        }
        if let Some(fold) = folds.get_mut(at) {
            let skipped = marks.positions.contains(&recorded.position);
            fold.apply(recorded, skipped);
            visit(fold)?;
        }
        Ok(())
    })
    .await?;
    folds.retain(|fold| fold.folded.version > 0);
    Ok(folds)
}

/// The projects whose timelines have an event behind one position, up to another, in order of id.
pub async fn changed_between(
    connection: &mut PgConnection,
    earlier: i64,
    later: i64,
) -> Result<Vec<ProjectId>, StoreError> {
    // The best plan depends on how far the positions are apart.
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT e.stream_id FROM phaseline.events e
          WHERE e.stream_type = $1 AND e.position > $2 AND e.position <= $3 ORDER BY e.stream_id",
    )
    .persistent(false)
    .bind(TIMELINE)
    .bind(earlier)
    .bind(later)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ProjectId::from).collect())
}

/// A timeline whose next events are read.
#[derive(Clone, Copy, Debug)]
pub struct StreamBegin {
    /// The project.
    pub project: ProjectId,
    /// The version of the last event before them.
    pub version: i64,
    /// Whether the timeline was open at that version.
    pub is_open: bool,
}

/// The events of some timelines behind their versions, up to a position; timelines without such events are left out. Hashes are
/// not checked.
pub async fn events_behind(
    connection: &mut PgConnection,
    begins: &[StreamBegin],
    position: i64,
) -> Result<HashMap<ProjectId, Vec<RecordedTimeline>>, StoreError> {
    let marks = skip::marks(connection).await?;
    let part =
        |begin: &StreamBegin| StreamPart { id: begin.project.uuid(), after: begin.version, before: i64::MAX };
    let parts: Vec<StreamPart> = begins.iter().map(part).collect();
    let reader = |begin: &StreamBegin| (begin.project, StreamReader::new(begin.project, begin.is_open));
    let mut readers: HashMap<ProjectId, StreamReader> = begins.iter().map(reader).collect();
    let mut events: HashMap<ProjectId, Vec<RecordedTimeline>> = HashMap::new();
    stream_parts(connection, TIMELINE, &parts, position, HashCheck::None, |recorded| {
        let project = ProjectId::from(recorded.stream_id);
        if let Some(reader) = readers.get_mut(&project) {
            let content = reader.read(&recorded, marks.positions.contains(&recorded.position));
            events.entry(project).or_default().push(RecordedTimeline { recorded, content });
        }
        Ok(())
    })
    .await?;
    Ok(events)
}
