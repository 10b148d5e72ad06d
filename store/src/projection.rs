//! The read models that are kept in the transaction of the append, as far as the store knows them.

use crate::StoreError;
use phaseline_domain::{ProjectId, TimelineEvent};
use sqlx::PgConnection;

/// What the read models hold of a project that has no timeline in the log.
#[derive(Clone, Debug)]
pub struct UnadoptedProject {
    /// Whether there is such a project at all.
    pub is_in_projects: bool,
    /// The events that take it into the log as it stands, none if there is nothing; or why that cannot be, in words.
    pub events: Result<Vec<TimelineEvent>, Vec<String>>,
    /// All that was read. The append compares it with what stands there under the lock.
    pub witness: String,
}

/// What goes before a command's events, if the project had no timeline: it is taken in as it stands.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The events that take it in; none if there is nothing to take in.
    pub events: Vec<TimelineEvent>,
    /// All that was read.
    pub witness: String,
}

/// The read models that are kept in the append's own transaction. The database function `phaseline.project_inline` derives their
/// rows from the events; it ends with SQLSTATE 40001 if an adoption is not what is there any more.
pub trait InlineProjection: Clone + Send + Sync + 'static {
    /// What the read models hold of a project that has no timeline in the log; none if they are not in use.
    fn find_unadopted(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
    ) -> impl Future<Output = Result<Option<UnadoptedProject>, StoreError>> + Send;
}
