//! What the last look at the planner's tables found: after an upgrade of the planner they may not be as this service needs them.

use phaseline_projections::planner_schema::{find_changes, in_words};
use sqlx::PgConnection;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The problem's code, also of `/readyz`.
pub(crate) const CODE: &str = "planner_schema_changed";

/// What the last look at the planner's tables found.
#[derive(Debug, Default)]
pub(crate) struct PlannerSchema(Mutex<Option<Change>>);

/// What is wrong with the tables.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What is wrong, and what to do.
    pub(crate) message: Arc<str>,
    /// When it was found.
    pub(crate) seen: Instant,
}

impl PlannerSchema {
    /// Looks at the tables. Returns what is wrong, and what to do.
    pub(crate) async fn look(&self, connection: &mut PgConnection) -> Result<Option<Arc<str>>, sqlx::Error> {
        let changes = in_words(&find_changes(connection).await?);
        let message = changes.map(|changes| {
            Arc::from(format!(
                "the planner's tables are no longer those of its revision 92023c163a26, which this service needs: {changes}. Install a \
                 phaseline that knows the planner's revision, or bring the tables back"
            ))
        });
        let change = message.clone().map(|message| Change { message, seen: Instant::now() });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = change;
        Ok(message)
    }

    /// What the last look found; none if all was right.
    pub(crate) fn last(&self) -> Option<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
