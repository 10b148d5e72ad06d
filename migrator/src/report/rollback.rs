//! The plan and the result of a rollback.

use super::{BudgetSums, Loss, RestoredPhase};
use crate::anomaly::Anomaly;
use crate::shape::Shape;
use chrono::{DateTime, Utc};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::drift::Drift;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A change of a timeline since the migration. Values that the legacy schema cannot hold are in [`RollbackPlan::loss`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineEdit {
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
    /// The actor, as the writer claimed.
    pub actor: Option<String>,
    /// The login, as the database recorded it.
    pub login: Option<String>,
}

/// The plan of a rollback.
#[derive(Clone, Debug, Serialize)]
pub struct RollbackPlan {
    /// `phaseline.rollback/1`
    pub format: &'static str,
    /// The current shape.
    pub shape: Shape,
    /// The database is in the legacy shape already.
    pub already: bool,
    /// Whether `rollback` would run.
    pub ready: bool,
    /// The obstacles.
    pub anomalies: Vec<Anomaly>,
    /// Missing privileges.
    pub missing_privileges: Vec<String>,
    /// Changes since the migration.
    pub edits: Vec<TimelineEdit>,
    /// Values of these changes and of the current rows that the legacy schema cannot hold.
    pub loss: Loss,
    /// Rows that the log does not account for.
    pub drift: Vec<Drift>,
    /// Later indexes and statistics on dropped columns, which are dropped with them.
    pub going: Vec<String>,
    /// Facts to know before, which are not obstacles.
    pub notes: Vec<String>,
    /// Restored phases.
    pub phases: u64,
    /// The phases of the legacy tables before the migration and after the rollback.
    pub legacy_phases: Vec<RestoredPhase>,
    /// The sums of all budgets before the migration.
    pub budgets_before: BudgetSums,
    /// The sums after the rollback.
    pub budgets_after: BudgetSums,
    /// Links in the log to restored phases.
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
            notes: Vec::new(),
            phases: 0,
            legacy_phases: Vec::new(),
            budgets_before: BudgetSums::default(),
            budgets_after: BudgetSums::default(),
            links: 0,
        }
    }
}

/// The restored rows, which the log records in the event of the completed rollback.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RollbackCompleted {
    /// Restored rows of `project_phases`.
    pub phases: u64,
    /// Rows of `resource_assignments`.
    pub assignments: u64,
    /// Assignments with their link from the log.
    pub links_restored: u64,
    /// Assignments without a link in the log, with the phase of their date.
    pub links_by_date: u64,
    /// Assignments without a link in the log and outside all phases, with their project's first phase.
    pub links_first_phase: u64,
    /// The links that are new in the log.
    #[serde(default)]
    pub links_recorded: u64,
    /// The digest of the accepted loss; none if nothing was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_loss: Option<String>,
}

/// The result of a rollback.
#[derive(Clone, Debug)]
pub struct RolledBack {
    /// The executed plan.
    pub plan: RollbackPlan,
    /// The run's id in the log; none if nothing was done.
    pub run: Option<Uuid>,
    /// The restored rows.
    pub completed: Option<RollbackCompleted>,
    /// Milliseconds from start to commit.
    pub took_ms: u64,
    /// Milliseconds in which the tables could not be read.
    pub locked_ms: u64,
}
