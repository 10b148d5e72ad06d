//! A plain model of a database that Phaseline migrates, edits and rolls back: what should be there, in loops over
//! vectors, written from the guarantees and not from the code. The model-based test executes everything
//! twice, here and in a real database, and compares.
//!
//! The model knows the rows of `projects`, of `project_phases` in the shape that is live, of `resource_assignments`,
//! what the log knows of each timeline, and the links that the log keeps. It knows no events, positions or ordinals.
//!
//! Two things are not guaranteed, so the model reads them from the database: the time at which something was recorded, and
//! the order of heap rows after an `UPDATE` or an `INSERT` ([`Model::observe`]). The order after a rollback is guaranteed.
//!
//! Where the guarantees leave room, the model follows what the tables show:
//!
//! - A phase whose name and days never came from the old table (it was created, adopted from the new table or supplied)
//!   is a loss at every rollback, also after it got a row in the old table: that row cannot hold its name either.
//! - A field that was edited once is a loss as long as it is not what the migration gave, also if a migration changed
//!   it once more (for example because its neighbour was removed from the old table).
//! - Project dates that the backend changed without an event are no loss: a rollback leaves `projects` alone.
//! - An assignment of a legacy phase that is gone with its project has lost its link, as with a phase that was removed.
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
pub use migration::{Finding, MigrationTimes};
pub use rollback::{LinkCounts, Loss};
pub use snapshot::Snapshot;
use std::collections::BTreeMap;
pub use timeline::{Edited, Given, Phase, Row, Timeline};
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

    /// The name that a phase of this kind is given.
    pub const fn given_name(self) -> &'static str {
        match self {
            Self::Planning => "Planning",
            Self::Execution => "Execution",
        }
    }

    /// The kind of a phase that never had one.
    pub fn of_name(name: &str) -> Self {
        if name.to_lowercase().contains("planning") { Self::Planning } else { Self::Execution }
    }
}

/// The two shapes of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The legacy planner's.
    Old,
    /// Phaseline's.
    New,
}

/// Money in cents; the total is the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Capital part.
    pub capital: i64,
    /// Expense part.
    pub expense: i64,
}

impl Budget {
    /// No money.
    pub const ZERO: Self = Self { capital: 0, expense: 0 };
}

/// A row of the old `project_phases`.
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

/// A row of the new `project_phases`.
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

/// What should be in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The shape that is live.
    pub shape: Shape,
    /// The rows of `projects`, as far as timelines care.
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
    /// The project in which each phase of the old table was seen last.
    pub homes: BTreeMap<Uuid, Uuid>,
    /// Projects that were deleted and may be inserted again.
    pub deleted: Vec<Uuid>,
}

impl Model {
    /// A database of the legacy planner's that was never migrated.
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

    /// Takes over in which order the heaps lie, and the other columns of assignments that are new. Rows that are not
    /// the model's are left to the comparison.
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
