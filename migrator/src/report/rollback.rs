//! What a rollback would find and do, and what it did.

use super::Loss;
use crate::anomaly::Anomaly;
use crate::shape::Shape;
use chrono::{DateTime, Utc};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::drift::Drift;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A change made to a timeline since the migration. What of it the old schema cannot hold is in [`RollbackPlan::loss`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The project.
    pub project_id: ProjectId,
    /// The phase; none if it was the project's dates.
    pub phase_id: Option<PhaseId>,
    /// The event's type.
    pub event_type: String,
    /// The event's position.
    pub position: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who did it.
    pub actor: Option<String>,
}

/// What a rollback would find and do.
#[derive(Clone, Debug, Serialize)]
pub struct RollbackPlan {
    /// `phaseline.rollback/1`
    pub format: &'static str,
    /// The shape found.
    pub shape: Shape,
    /// The database is in the legacy shape already.
    pub already: bool,
    /// Whether `rollback` would go ahead.
    pub ready: bool,
    /// What is in the way.
    pub anomalies: Vec<Anomaly>,
    /// What the role may not do.
    pub missing_privileges: Vec<String>,
    /// Changes made since the migration.
    pub edits: Vec<Edit>,
    /// What of them, and of today's rows, the old schema cannot hold.
    pub loss: Loss,
    /// Rows that the log does not account for.
    pub drift: Vec<Drift>,
    /// Indexes and statistics made since on columns that go: they go with them.
    pub going: Vec<String>,
    /// Phases that come back.
    pub phases: u64,
    /// Links that the log keeps.
    pub links: u64,
}

impl RollbackPlan {
    /// A plan without content.
    pub(crate) fn empty(shape: Shape) -> Self {
        Self {
            format: "phaseline.rollback/1",
            shape,
            already: false,
            ready: false,
            anomalies: Vec::new(),
            missing_privileges: Vec::new(),
            edits: Vec::new(),
            loss: Loss::default(),
            drift: Vec::new(),
            going: Vec::new(),
            phases: 0,
            links: 0,
        }
    }
}

/// What came back; the log keeps it as the event that the database is in the legacy shape again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RollbackCompleted {
    /// Rows of `project_phases` that came back.
    pub phases: u64,
    /// Rows of `resource_assignments`.
    pub assignments: u64,
    /// Assignments that got the link that the log kept.
    pub links_restored: u64,
    /// Assignments that the log does not know, by the phase of their date.
    pub links_by_date: u64,
    /// Assignments that the log does not know and that no phase holds: their project's first phase.
    pub links_first_phase: u64,
    /// The links among them that the log did not have, and has from then on.
    #[serde(default)]
    pub links_recorded: u64,
    /// The digest of the loss that was accepted; none if nothing was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_loss: Option<String>,
}

/// What a rollback did.
#[derive(Clone, Debug)]
pub struct RolledBack {
    /// The plan that was carried out.
    pub plan: RollbackPlan,
    /// The run's id in the log; none if nothing was done.
    pub run: Option<Uuid>,
    /// What came back.
    pub completed: Option<RollbackCompleted>,
    /// Milliseconds from start to commit.
    pub took_ms: u64,
    /// Milliseconds in which the tables could not be read.
    pub locked_ms: u64,
}
