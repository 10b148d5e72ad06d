//! The result of a migration.

use super::Plan;
use serde::Serialize;
use uuid::Uuid;

/// The result of a migration.
#[derive(Clone, Debug, Serialize)]
pub struct Migrated {
    /// `phaseline.migrate/1`
    pub format: &'static str,
    /// The database was in the timeline shape already, and nothing was done.
    pub already: bool,
    /// The run's id in the log; none if nothing was done.
    pub run: Option<Uuid>,
    /// The executed plan.
    pub plan: Plan,
    /// The log's last position.
    pub position: i64,
    /// Milliseconds from start to commit.
    pub took_ms: u64,
    /// Milliseconds in which the tables could not be read.
    pub locked_ms: u64,
}
