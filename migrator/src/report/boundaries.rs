//! What each boundary between phases re-books: assignments whose phase is another one by their date.

use phaseline_domain::ProjectId;
use phaseline_domain::legacy::Boundary;
use rust_decimal::Decimal;
use serde::Serialize;

/// What a boundary re-books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rebooked {
    /// Assignments that keep their phase.
    pub kept: u64,
    /// Assignments that belong to another phase.
    pub changed: u64,
    /// Assignments outside every phase of their project.
    pub outside: u64,
    /// What those that change amount to: one day each, at so many percent (`allocation_percentage`).
    pub person_days_changed: Decimal,
    /// Phases of a single day, among those whose days the boundary decides.
    pub one_day_phases: u64,
}

/// What the boundaries re-book in one project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProjectRebooked {
    /// The project.
    pub project_id: ProjectId,
    /// By [`Boundary::Midpoint`].
    pub midpoint: Rebooked,
    /// By [`Boundary::Fit`].
    pub fit: Rebooked,
}

impl ProjectRebooked {
    /// What one of them re-books.
    pub fn by(&self, boundary: Boundary) -> &Rebooked {
        match boundary {
            Boundary::Midpoint => &self.midpoint,
            Boundary::Fit => &self.fit,
        }
    }
}

/// What the boundaries re-book in all. Timelines that the log has keep their days, and count the same for both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Boundaries {
    /// The one that the plan is made with.
    pub chosen: Boundary,
    /// Projects whose days it decides: several phases, and none of them in the log.
    pub decides: u64,
    /// Timelines of the log, whose days it leaves alone.
    pub from_log: u64,
    /// Assignments without a percentage to count with; they are no part of any person-days.
    pub without_percentage: u64,
    /// By [`Boundary::Midpoint`].
    pub midpoint: Rebooked,
    /// By [`Boundary::Fit`].
    pub fit: Rebooked,
    /// The projects in which either re-books anything, those first where the chosen one re-books most.
    pub projects: Vec<ProjectRebooked>,
}
