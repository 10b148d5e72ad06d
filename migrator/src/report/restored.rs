//! The phases and budgets of the legacy tables after a rollback, compared with those before the migration.

use super::BudgetSums;
use chrono::{DateTime, Utc};
use phaseline_domain::{PhaseId, ProjectId};
use serde::Serialize;

/// What becomes of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseFate {
    /// The legacy tables had it, and will not have it: it was removed since.
    Goes,
    /// The legacy tables did not have it, and will have it: it was created since.
    Comes,
    /// The legacy tables had it, and will have it again.
    Stays,
}

/// A phase of the legacy tables, before the migration or after the rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RestoredPhase {
    /// The project.
    pub project_id: ProjectId,
    /// The phase.
    pub phase_id: PhaseId,
    /// What becomes of it.
    pub fate: PhaseFate,
    /// Its name; of one that goes, the name at the migration.
    pub name: String,
    /// Its budget; of one that goes, the budget at the migration.
    pub budget: BudgetSums,
    /// The position of the event that removed or created it; none if it stays, or if the log has no event for it yet.
    pub position: Option<i64>,
    /// When that event was recorded.
    pub recorded_at: Option<DateTime<Utc>>,
    /// The actor, as the writer claimed.
    pub actor: Option<String>,
    /// The login, as the database recorded it.
    pub login: Option<String>,
}

/// The legacy tables after a rollback, compared with those before the migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoredPhases {
    /// By project; of each first those that go, then those that come.
    pub phases: Vec<RestoredPhase>,
    /// The sums of all budgets before the migration.
    pub budgets_before: BudgetSums,
    /// The sums after the rollback.
    pub budgets_after: BudgetSums,
}
