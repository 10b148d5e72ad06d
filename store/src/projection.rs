//! The interface of the read models that the append updates in its transaction.

use crate::{Metadata, StoreError};
use phaseline_domain::{DateRange, ProjectId, Timeline, TimelineEvent};
use sqlx::PgConnection;

/// The rows of a project that has no timeline in the log.
#[derive(Clone, Debug)]
pub struct UnadoptedProject {
    /// Whether the project exists.
    pub is_in_projects: bool,
    /// Its dates in the planner's table, if they are a range.
    pub dates: Option<DateRange>,
    /// The events that adopt its rows, none if it has no rows; or all reasons why they cannot be adopted.
    pub events: Result<Vec<TimelineEvent>, Vec<String>>,
    /// The rows as read. The append compares them with the current ones under the lock.
    pub witness: String,
}

/// The adoption of a project without a timeline, before the events of its first command.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The events; none if there are no rows.
    pub events: Vec<TimelineEvent>,
    /// The rows as read.
    pub witness: String,
}

/// The read models that the append updates in its transaction. The database function `phaseline.project_inline` derives their rows from
/// the events; it fails with SQLSTATE 40001 if the rows of an adoption have changed.
pub trait InlineProjection: Clone + Send + Sync + 'static {
    /// The dates of a project in the planner's table; none if the read models are not in use.
    ///
    /// # Errors
    /// [`StoreError::UnknownProject`] if the project does not exist, [`StoreError::InvalidProjectDates`] if its dates are not a range.
    fn project_dates(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> impl Future<Output = Result<Option<DateRange>, StoreError>> + Send;

    /// Whether the project's rows have the dates of this timeline of the log; true if the read models are not in use.
    fn has_dates_of(
        &self,
        connection: &mut PgConnection,
        timeline: &Timeline,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The rows of a project that has no timeline in the log; none if the read models are not in use.
    fn find_unadopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> impl Future<Output = Result<Option<UnadoptedProject>, StoreError>> + Send;

    /// The metadata of the event that closes a deleted project's timeline, with the actor if known; none if the project or one of its
    /// rows exists. If one exists again at the append, the append fails with SQLSTATE PL003.
    fn find_deletion(
        &self,
        _connection: &mut PgConnection,
        _project: ProjectId,
    ) -> impl Future<Output = Result<Option<Metadata>, StoreError>> + Send {
        std::future::ready(Ok(None))
    }
}
