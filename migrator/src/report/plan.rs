//! The plan of a migration.

use super::{Boundaries, BudgetSums, ByDate, PlanOptions};
use crate::anomaly::Anomaly;
use crate::definition::MissingPrivilege;
use crate::shape::{FoundShape, Shape};
use phaseline_domain::ProjectId;
use serde::{Deserialize, Serialize};

/// The source of a project's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The legacy tables: the log did not have the project.
    Tables,
    /// The log: the legacy tables have not changed since the rollback.
    Log,
    /// The log, with later changes in the legacy tables.
    LogAndTables,
    /// A repair supplies a default phase.
    Repair,
    /// The table in the timeline shape: the planner's own migration moved it.
    AsFound,
    /// None: the project was deleted, and its timeline is closed.
    Gone,
}

/// A project with a timeline in the log, or that needs more than its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectPlan {
    /// The project.
    pub project_id: ProjectId,
    /// The source of its timeline.
    pub source: Source,
    /// The changes of the log's timeline by the legacy tables, in words.
    pub changes: Vec<String>,
}

/// Counts of rows, timelines and events.
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
    /// Timelines that continue from an earlier migration without new events.
    pub timelines_continued: u64,
    /// Timelines that continue with changes of the legacy tables.
    #[serde(default)]
    pub timelines_changed: u64,
    /// Timelines that end because their project was deleted.
    #[serde(default)]
    pub timelines_closed: u64,
    /// Phases that a repair supplies, or supplied earlier: only the new table has rows for them.
    #[serde(default)]
    pub phases_supplied: u64,
    /// Events on timelines.
    pub timeline_events: u64,
    /// Events with assignments' links.
    pub link_events: u64,
    /// Links in them.
    pub links: u64,
}

/// The estimated size and duration of a run, from measured rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Additional bytes of the log and the new table.
    pub space_bytes: u64,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Seconds in which the tables cannot be read.
    pub lock_seconds: f64,
}

/// The report of a plan. Its JSON form is versioned by `format`.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// `phaseline.plan/1`
    pub format: &'static str,
    /// The current shape.
    pub shape: Shape,
    /// The planner's revision, if there is exactly one.
    pub revision: Option<String>,
    /// Whether it is the plan of a takeover of a database that the planner's own migration moved.
    pub takeover: bool,
    /// Whether `migrate` would run.
    pub ready: bool,
    /// SHA-256 over the data that the migration reads, the tables' definitions and the options.
    pub digest: Option<String>,
    /// The options.
    pub options: PlanOptions,
    /// The anomalies, refused kinds first.
    pub anomalies: Vec<Anomaly>,
    /// Missing privileges.
    pub missing_privileges: Vec<String>,
    /// The statements for an administrator that grant what this role lacks, in order: for the migration, and for the later steps as the
    /// same role, from the service to a rollback. The migration is ready without those for later steps.
    pub grants: Vec<String>,
    /// How many of these create a role; they are the first.
    #[serde(skip)]
    pub(crate) roles_to_create: usize,
    /// Notes on the tables that do not affect the plan.
    pub notes: Vec<String>,
    /// Rows and events.
    pub counts: Counts,
    /// Budgets of the legacy rows.
    pub budgets_before: BudgetSums,
    /// Budgets of the new rows.
    pub budgets_after: BudgetSums,
    /// Assignments by their phase after the migration.
    pub assignments_by_date: ByDate,
    /// The re-bookings by each boundary between phases; none if there is nothing to migrate, or phases have dates already.
    pub boundary: Option<Boundaries>,
    /// Every project whose timeline does not come from its rows only.
    pub projects: Vec<ProjectPlan>,
    /// The estimate.
    pub estimate: Estimate,
}

impl Plan {
    /// Whether the database is in the wanted shape already.
    pub fn already_migrated(&self) -> bool {
        self.shape == Shape::Timelines && !self.takeover
    }

    /// Adds privileges without which the plan is not ready.
    pub(crate) fn lacks(&mut self, missing: Vec<MissingPrivilege>) {
        self.missing_privileges.extend(missing.iter().map(ToString::to_string));
        self.lacks_later(missing);
    }

    /// Adds privileges for later steps.
    pub(crate) fn lacks_later(&mut self, missing: Vec<MissingPrivilege>) {
        for MissingPrivilege { statement, creates_role, .. } in missing {
            if self.grants.contains(&statement) {
                continue;
            }
            if creates_role {
                // Before the statements that name the role.
                self.grants.insert(self.roles_to_create, statement);
                self.roles_to_create += 1;
            } else {
                self.grants.push(statement);
            }
        }
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
            grants: Vec::new(),
            roles_to_create: 0,
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
