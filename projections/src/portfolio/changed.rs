//! What changed of all timelines between two positions.

use super::PortfolioFilter;
use super::list::fold;
use super::walk::{Candidate, ListPage, ListPlace, PageReading, ProjectWalk};
use crate::TimelineDiff;
use crate::diff::DiffStatus;
use crate::effects::BudgetSums;
use crate::planner_view::ProjectName;
use phaseline_domain::ProjectId;
use phaseline_store::timeline_states::{FoldedStream, StreamBegin, changed_between, events_behind};
use phaseline_store::{FoldedTimeline, StoreError, read};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use uuid::Uuid;

/// The first block of a difference that is read to its end.
const WHOLE: usize = 500;

/// A project whose timeline differs between two positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectChange {
    /// What the planner calls it now.
    #[serde(flatten)]
    pub name: ProjectName,
    /// What changed.
    #[serde(flatten)]
    pub diff: TimelineDiff,
    /// The id of the timeline's last event at the later moment.
    pub event_id: Uuid,
    /// The hash of that event, in hexadecimal.
    pub hash: String,
    /// The positions of events that cannot be read: the difference is that of the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<i64>,
    /// The positions of the first events that were altered after they were recorded: the difference is not the recorded one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<i64>,
}

impl ProjectChange {
    /// Whether all its events could be read as they were recorded.
    pub const fn is_sound(&self) -> bool {
        self.unreadable.is_empty() && self.altered.is_empty()
    }
}

/// Sums over all changed projects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangeTotals {
    /// What happened to timelines.
    pub projects: StatusCounts,
    /// What happened to their phases.
    pub phases: StatusCounts,
    /// How much the budgets grew.
    pub budget: BudgetSums,
    /// The number of projects with events that cannot be read, or were altered: their part of the sums is not the recorded one.
    pub unsound: u64,
}

/// How many of them came, went and changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatusCounts {
    /// Those that are only there at the later moment.
    pub added: u64,
    /// Those that are only there at the earlier moment.
    pub removed: u64,
    /// Those that have other values.
    pub changed: u64,
}

impl StatusCounts {
    /// Counts one.
    pub const fn add(&mut self, status: DiffStatus) {
        match status {
            DiffStatus::Added => self.added += 1,
            DiffStatus::Removed => self.removed += 1,
            DiffStatus::Changed => self.changed += 1,
            DiffStatus::Unchanged => {}
        }
    }
}

impl ChangeTotals {
    /// Adds a project.
    pub fn add(&mut self, change: &ProjectChange) {
        self.unsound += u64::from(!change.is_sound());
        self.add_diff(&change.diff);
    }

    /// Adds a project by its difference, all of whose events are the recorded ones.
    pub fn add_diff(&mut self, diff: &TimelineDiff) {
        self.projects.add(diff.status);
        diff.phases.iter().for_each(|phase| self.phases.add(phase.status));
        self.budget.add([diff.budget.capital, diff.budget.expense, diff.budget.total]);
    }
}

/// Two positions that the log has, the earlier one first.
pub type Positions = [i64; 2];

/// Reads at most `limit` changed projects from a place of the list on, with the events that changed them.
///
/// # Errors
/// [`StoreError::VersionGap`] if the log is damaged; the database's own.
pub async fn changes_page(
    connection: &mut PgConnection,
    positions: Positions,
    filter: &PortfolioFilter,
    from: ListPlace,
    limit: usize,
) -> Result<ListPage<ProjectChange>, StoreError> {
    let mut reading = PageReading::of(limit);
    let block = reading.block();
    let request = ChangeRequest { positions, filter, from, block, detail: ChangeDetail::Events };
    each_from(connection, request, |change, place| Ok(reading.take(change, place))).await?;
    Ok(reading.end())
}

/// Whether the events that changed a project are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeDetail {
    /// They are.
    Events,
    /// They are not: for sums.
    Fields,
}

/// Calls `each` with all changed projects.
///
/// # Errors
/// As [`changes_page`], and those of `each`.
pub async fn each_change(
    connection: &mut PgConnection,
    positions: Positions,
    filter: &PortfolioFilter,
    detail: ChangeDetail,
    mut each: impl FnMut(ProjectChange) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let request = ChangeRequest { positions, filter, from: ListPlace::default(), block: WHOLE, detail };
    each_from(connection, request, |change, _| each(change).map(ControlFlow::Continue)).await
}

/// What [`each_from`] reads.
struct ChangeRequest<'a> {
    positions: Positions,
    filter: &'a PortfolioFilter,
    from: ListPlace,
    /// The projects of the first block.
    block: usize,
    detail: ChangeDetail,
}

async fn each_from(
    connection: &mut PgConnection,
    request: ChangeRequest<'_>,
    mut each: impl FnMut(ProjectChange, ListPlace) -> Result<ControlFlow<()>, StoreError>,
) -> Result<(), StoreError> {
    let ChangeRequest { positions: [earlier, later], filter, from, block, detail } = request;
    let mut transaction = read::snapshot_or_savepoint(connection).await?;
    let mut filter = filter.clone();
    // Before the first event there is nothing, so that every timeline changed.
    if earlier > 0 {
        let changed = changed_between(&mut transaction, earlier, later).await?;
        let is_visible = |project: &ProjectId| filter.only.as_ref().is_none_or(|only| only.contains(project));
        let only: BTreeSet<ProjectId> = changed.into_iter().filter(is_visible).collect();
        filter.only = Some(only);
    }
    let mut walk = ProjectWalk::begin(&mut transaction, later, &filter, from, block).await?;
    'blocks: while let Some(candidates) = walk.next(&mut transaction).await? {
        let mut before = match earlier {
            0 => HashMap::new(),
            _ => fold(&mut transaction, earlier, &candidates).await?,
        };
        let mut after = fold(&mut transaction, later, &candidates).await?;
        let mut changes = Vec::with_capacity(candidates.len());
        let mut places = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let sides = (before.remove(&candidate.id), after.remove(&candidate.id));
            if let Some(change) = change_of(&candidate, sides) {
                changes.push(change);
                places.push(candidate.place);
            }
        }
        if detail == ChangeDetail::Events {
            add_events(&mut transaction, later, &mut changes).await?;
        }
        for (change, place) in changes.into_iter().zip(places) {
            if each(change, place)?.is_break() {
                break 'blocks;
            }
        }
    }
    transaction.rollback().await?;
    Ok(())
}

/// None if nothing but versions differs, unless events are not the recorded ones: those could make a difference.
fn change_of(
    candidate: &Candidate,
    (before, after): (Option<FoldedStream>, Option<FoldedStream>),
) -> Option<ProjectChange> {
    let after = after?;
    let nothing = FoldedTimeline::default();
    let earlier = before.as_ref().map_or(&nothing, |before| &before.folded);
    let diff = TimelineDiff::between(candidate.id, earlier, &after.folded);
    // Of the earlier side, only altered events may be missing in the later one: that may begin with a state behind them.
    let of_before = before.as_ref().map_or(&[][..], |before| before.altered.positions());
    let altered: BTreeSet<i64> = of_before.iter().chain(after.altered.positions()).copied().collect();
    let (unreadable, altered) = (after.unreadable(), altered.into_iter().collect::<Vec<i64>>());
    if diff.is_empty() && unreadable.is_empty() && altered.is_empty() {
        return None;
    }
    let identity = after.identity?;
    Some(ProjectChange {
        name: candidate.name.clone(),
        diff,
        event_id: identity.event_id,
        hash: identity.hash_text(),
        unreadable,
        altered,
    })
}

async fn add_events(
    connection: &mut PgConnection,
    later: i64,
    changes: &mut [ProjectChange],
) -> Result<(), StoreError> {
    let begin = |change: &ProjectChange| StreamBegin {
        project: change.diff.project_id,
        version: change.diff.before.version,
        is_open: change.diff.before.exists,
    };
    let begins: Vec<StreamBegin> = changes.iter().map(begin).collect();
    let mut events = events_behind(connection, &begins, later).await?;
    for change in changes {
        let later = events.remove(&change.diff.project_id).unwrap_or_default();
        change.diff.add_events(&later);
    }
    Ok(())
}
