//! All timelines as they were at a position of the log: as folds, as a list of projects, and what changed between two.
//!
//! A read starts from stored states ([`phaseline_store::timeline_states`]) and folds the events behind them, so that its time does not
//! grow with the log. The result is that of [`crate::FoldedLog::read`], whatever states there are.

mod changed;
mod list;
mod walk;

pub use changed::{
    ChangeDetail, ChangeTotals, Positions, ProjectChange, StatusCounts, changes_page, each_change,
};
pub use list::{PortfolioProject, PortfolioTotals, each_project, page};
pub use walk::{ListPage, ListPlace};

use crate::fold::Quarantined;
use chrono::NaiveDate;
use phaseline_domain::ProjectId;
pub use phaseline_store::timeline_states::{ProjectSelection, SelectedStates, changed_between};
use phaseline_store::{FoldedTimeline, StoreError, read, timeline_states};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Which projects are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortfolioFilter {
    /// The only ones; none for all.
    pub only: Option<BTreeSet<ProjectId>>,
    /// Those with this text in name or cost centre, in any case, or as a prefix of their ids.
    pub search: Option<String>,
    /// Those that run on this day, with the phases that do.
    pub on: Option<NaiveDate>,
    /// Whether names are left out, and the order is that of ids.
    pub without_names: bool,
    /// How it is found out which of them have begun; none lets the position decide. The result is the same.
    pub begun_by: Option<BegunBy>,
}

/// How it is found out which projects have an event at or before a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BegunBy {
    /// The log is read up to the position: for early ones, at which most of the planner's projects have no event yet.
    Log,
    /// The first event of each project's stream is looked up.
    Streams,
}

/// A timeline at a position.
#[derive(Clone, Debug)]
pub enum PastTimeline {
    /// Its fold; of a closed timeline, one without a project.
    Readable(FoldedTimeline),
    /// An event at or before the position cannot be read.
    Quarantined(Quarantined),
}

/// Calls `each` with every selected timeline that has an event at or before a position, in order of project id, closed ones
/// included. All are read in one snapshot, and `position` is one that the log has.
///
/// # Errors
/// [`StoreError::VersionGap`] if the log is damaged; what `each` returns; the database's own.
pub async fn timelines_at(
    connection: &mut PgConnection,
    selection: &ProjectSelection,
    position: i64,
    each: impl FnMut(ProjectId, PastTimeline) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    timelines_at_from(connection, selection, position, SelectedStates::Valid, each).await
}

/// The same; `states` says whether the log alone is read. For whoever does not trust those who may write states.
pub async fn timelines_at_from(
    connection: &mut PgConnection,
    selection: &ProjectSelection,
    position: i64,
    states: SelectedStates,
    mut each: impl FnMut(ProjectId, PastTimeline) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut snapshot = read::snapshot_or_savepoint(connection).await?;
    timeline_states::each_at(&mut snapshot, selection, position, states, |found| {
        let past = if found.quarantine.is_empty() {
            PastTimeline::Readable(found.folded)
        } else {
            PastTimeline::Quarantined(Quarantined { folded: found.folded, quarantine: found.quarantine })
        };
        each(found.project, past)
    })
    .await?;
    snapshot.rollback().await?;
    Ok(())
}
