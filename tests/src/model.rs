//! A plain model of a database that Phaseline migrates, edits and rolls back: its expected content, in loops over
//! vectors, written from the guarantees and not from the code. The model-based test executes everything
//! twice, here and in a real database, and compares.
//!
//! The model has the rows of `projects`, of `project_phases` in the current shape, of `resource_assignments`, the state of each timeline
//! in the log, and the links in the log. It has no events, positions or ordinals.
//!
//! Two values are not guaranteed, so the model reads them from the database: the timestamps of events, and
//! the order of heap rows after an `UPDATE` or an `INSERT` ([`Model::observe`]). The order after a rollback is guaranteed.
//!
//! Where the guarantees are not specific, the model follows the tables:
//!
//! - A phase whose name and dates never came from the legacy table (it was created, adopted from the timeline shape or supplied)
//!   is a loss at every rollback, even after it got a legacy row: that row cannot hold its name.
//! - An edited field is a loss while it differs from the migration's value, even if a later migration changed
//!   it again (for example because its neighbour was removed from the legacy table).
//! - Project dates that the backend changed without an event are not a loss: a rollback does not change `projects`.
//! - An assignment of a legacy phase that was deleted with its project has lost its link, as with a removed phase.
//! - An unedited supplied phase follows its project's dates at the next migration, and stays unedited; its
//!   `created_at` stays.
//! - A supplied phase is needed by every assignment of its project without an existing phase.

mod command;
mod days;
mod edit;
mod migration;
mod rollback;
mod snapshot;
mod timeline;
mod timeline_shape;

use chrono::{NaiveDate, NaiveDateTime};
pub use command::Refused;
pub use days::Days;
pub use edit::Edit;
pub use migration::{MigrationObstacle, MigrationTimes};
pub use rollback::{LinkCounts, LostField};
pub use snapshot::Snapshot;
use std::collections::BTreeMap;
pub use timeline::{Edited, Given, LegacyRowColumns, Phase, Timeline};
use uuid::Uuid;

/// A label of the enum `phasetype`, in the enum's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `PLANNING`
    Planning,
    /// `EXECUTION`
    Execution,
}

impl Kind {
    /// The label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Planning => "PLANNING",
            Self::Execution => "EXECUTION",
        }
    }

    /// The name of phases of this kind.
    pub const fn given_name(self) -> &'static str {
        match self {
            Self::Planning => "Planning",
            Self::Execution => "Execution",
        }
    }

    /// The kind of a phase without one.
    pub fn of_name(name: &str) -> Self {
        if name.to_lowercase().contains("planning") { Self::Planning } else { Self::Execution }
    }
}

/// The two shapes of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The legacy shape.
    Old,
    /// The timeline shape.
    New,
}

/// A budget in cents; the total is the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Capital part.
    pub capital: i64,
    /// Expense part.
    pub expense: i64,
}

impl Budget {
    /// An empty budget.
    pub const ZERO: Self = Self { capital: 0, expense: 0 };
}

/// A row of `project_phases` in the legacy shape.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the table's columns")]
pub struct OldRow {
    pub project: Uuid,
    pub kind: Kind,
    pub budget: Budget,
    pub id: Uuid,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

/// A row of `project_phases` in the timeline shape.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the table's columns")]
pub struct NewRow {
    pub project: Uuid,
    pub budget: Budget,
    pub id: Uuid,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
    pub name: String,
    pub days: Days,
    pub description: Option<String>,
}

/// A row of `resource_assignments`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// `id`
    pub id: Uuid,
    /// `project_id`
    pub project: Uuid,
    /// `assignment_date`
    pub date: NaiveDate,
    /// `project_phase_id`; none in the timeline shape, which has no such column.
    pub phase: Option<Uuid>,
    /// All other columns, as text: they never change.
    pub rest: String,
}

/// The expected content of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The current shape.
    pub shape: Shape,
    /// The relevant values of the rows of `projects`.
    pub projects: BTreeMap<Uuid, Days>,
    /// The rows of `project_phases` in heap order; none in the timeline shape.
    pub old_rows: Vec<OldRow>,
    /// The rows of `project_phases` by id; none in the legacy shape.
    pub new_rows: BTreeMap<Uuid, NewRow>,
    /// The rows of `resource_assignments` in heap order.
    pub assignments: Vec<Assignment>,
    /// The open timelines of the log, by project.
    pub log: BTreeMap<Uuid, Timeline>,
    /// The phase of each assignment according to the log.
    pub links: BTreeMap<Uuid, Uuid>,
    /// The last known project of each legacy phase.
    pub homes: BTreeMap<Uuid, Uuid>,
    /// Projects that were deleted and may be inserted again.
    pub deleted: Vec<Uuid>,
}

impl Model {
    /// A legacy database that was never migrated.
    pub fn legacy(
        projects: BTreeMap<Uuid, Days>,
        old_rows: Vec<OldRow>,
        assignments: Vec<Assignment>,
    ) -> Self {
        Self {
            shape: Shape::Old,
            projects,
            old_rows,
            new_rows: BTreeMap::new(),
            assignments,
            log: BTreeMap::new(),
            links: BTreeMap::new(),
            homes: BTreeMap::new(),
            deleted: Vec::new(),
        }
    }

    /// Copies the order of the heaps, and the other columns of new assignments. Rows that the model does not have are left
    /// to the comparison.
    pub fn observe(&mut self, phases: &[Uuid], assignments: &[(Uuid, String)]) {
        let place = |id: Uuid| phases.iter().position(|other| *other == id).unwrap_or(usize::MAX);
        self.old_rows.sort_by_key(|row| place(row.id));
        let place = |id: Uuid| assignments.iter().position(|(other, _)| *other == id).unwrap_or(usize::MAX);
        self.assignments.sort_by_key(|assignment| place(assignment.id));
        for assignment in self.assignments.iter_mut().filter(|assignment| assignment.rest.is_empty()) {
            if let Some((_, rest)) = assignments.iter().find(|(id, _)| *id == assignment.id) {
                assignment.rest.clone_from(rest);
            }
        }
    }

    /// Every phase id that a row of the live table has.
    pub fn phase_ids(&self) -> Vec<(Uuid, Uuid)> {
        match self.shape {
            Shape::Old => self.old_rows.iter().map(|row| (row.project, row.id)).collect(),
            Shape::New => self.new_rows.values().map(|row| (row.project, row.id)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
