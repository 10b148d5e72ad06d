//! The last check of the planner's tables: after an upgrade of the planner they may differ from those that this service needs.

use phaseline_projections::planner_schema::{find_changes, in_words};
use sqlx::PgConnection;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The problem's code, also of `/readyz`.
pub(crate) const CODE: &str = "planner_schema_changed";

/// The result of the last check of the planner's tables.
#[derive(Debug, Default)]
pub(crate) struct PlannerSchema(Mutex<Option<SchemaFault>>);

/// The difference of the tables, as found.
#[derive(Clone, Debug)]
pub(crate) struct SchemaFault {
    /// The differences and the remedy.
    pub(crate) message: Arc<str>,
    /// When it was found.
    pub(crate) found_at: Instant,
}

impl PlannerSchema {
    /// Checks the tables. Returns the message of the problem.
    pub(crate) async fn check(&self, connection: &mut PgConnection) -> Result<Option<Arc<str>>, sqlx::Error> {
        let changes = in_words(&find_changes(connection).await?);
        let message = changes.map(|changes| {
            Arc::from(format!(
                "the planner's tables are no longer those of its revision 92023c163a26, which this service needs: {changes}. Install a \
                 phaseline that knows the planner's revision, or bring the tables back"
            ))
        });
        let change = message.clone().map(|message| SchemaFault { message, found_at: Instant::now() });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = change;
        Ok(message)
    }

    /// The result of the last check; none if the tables are as needed.
    pub(crate) fn last(&self) -> Option<SchemaFault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
