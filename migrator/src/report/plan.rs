//! What a migration would find and do.

use super::{Boundaries, BudgetSums, ByDate, PlanOptions};
use crate::anomaly::Anomaly;
use crate::shape::{FoundShape, Shape};
use phaseline_domain::ProjectId;
use serde::{Deserialize, Serialize};

/// Where a project's timeline comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From the old tables: the log did not know the project.
    Tables,
    /// From the log: the old tables are as the rollback left them.
    Log,
    /// From the log, with what was changed in the legacy tables since.
    LogAndTables,
    /// A repair supplies a default phase.
    Repair,
    /// From the new table as it was found: something else had migrated it.
    AsFound,
    /// The project is gone; its timeline is closed.
    Gone,
}

/// What becomes of a project that the log knows, or that needs more than its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectPlan {
    /// The project.
    pub project_id: ProjectId,
    /// Where its timeline comes from.
    pub source: Source,
    /// What of the log's the old tables change, in words.
    pub changes: Vec<String>,
}

/// How much of something there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows of `projects`.
    pub projects: u64,
    /// Rows of `project_phases`.
    pub phases: u64,
    /// Rows of `resource_assignments`.
    pub assignments: u64,
    /// Timelines that are opened.
    pub timelines_opened: u64,
    /// Timelines that go on from an earlier migration with nothing new to record.
    pub timelines_continued: u64,
    /// Timelines that go on with what was changed in the old tables.
    #[serde(default)]
    pub timelines_changed: u64,
    /// Timelines that end because their project is gone.
    #[serde(default)]
    pub timelines_closed: u64,
    /// Phases that a repair supplies, or supplied earlier: the new table has a row for each, the old one none.
    #[serde(default)]
    pub phases_supplied: u64,
    /// Events on timelines.
    pub timeline_events: u64,
    /// Events that keep assignments' links.
    pub link_events: u64,
    /// Links in them.
    pub links: u64,
}

/// What a run will cost, reckoned from measured rates; a guide, not a promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Bytes that the log and the new table add.
    pub space_bytes: u64,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Seconds in which the tables cannot be read.
    pub lock_seconds: f64,
}

/// The plan as it is reported. Its JSON form is versioned by `format`.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// `phaseline.plan/1`
    pub format: &'static str,
    /// The shape found.
    pub shape: Shape,
    /// The planner's revision found, if there is exactly one.
    pub revision: Option<String>,
    /// Whether it is about a database that the planner's own migration moved, to be taken over as it is.
    pub takeover: bool,
    /// Whether `migrate` would go ahead.
    pub ready: bool,
    /// SHA-256 over the data that the migration reads, the tables' definitions and the options.
    pub digest: Option<String>,
    /// The options.
    pub options: PlanOptions,
    /// What is odd, refused kinds first.
    pub anomalies: Vec<Anomaly>,
    /// What the role may not do.
    pub missing_privileges: Vec<String>,
    /// Things worth knowing about the tables that change nothing.
    pub notes: Vec<String>,
    /// Rows and events.
    pub counts: Counts,
    /// Budgets as the legacy rows have them.
    pub budgets_before: BudgetSums,
    /// Budgets as the new rows will have them.
    pub budgets_after: BudgetSums,
    /// What becomes of assignments' phases.
    pub assignments_by_date: ByDate,
    /// What each boundary between phases re-books; none where there is nothing to migrate, or phases have days already.
    pub boundary: Option<Boundaries>,
    /// Every project whose timeline does not come from its rows alone.
    pub projects: Vec<ProjectPlan>,
    /// What it will cost.
    pub estimate: Estimate,
}

impl Plan {
    /// Whether the database is in the wanted shape already.
    pub fn already_migrated(&self) -> bool {
        self.shape == Shape::Timelines && !self.takeover
    }

    /// A plan without content.
    pub(crate) fn empty(found: &FoundShape, options: &PlanOptions) -> Self {
        Self {
            format: "phaseline.plan/1",
            shape: found.shape,
            revision: found.revision().map(str::to_owned),
            takeover: false,
            ready: false,
            digest: None,
            options: options.clone(),
            anomalies: Vec::new(),
            missing_privileges: Vec::new(),
            notes: Vec::new(),
            counts: Counts::default(),
            budgets_before: BudgetSums::default(),
            budgets_after: BudgetSums::default(),
            assignments_by_date: ByDate::default(),
            boundary: None,
            projects: Vec::new(),
            estimate: Estimate::default(),
        }
    }
}
