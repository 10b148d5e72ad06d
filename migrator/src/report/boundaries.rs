//! The re-bookings by each boundary between phases: assignments whose date belongs to another phase than their link.

use phaseline_domain::ProjectId;
use phaseline_domain::legacy::Boundary;
use rust_decimal::Decimal;
use serde::Serialize;

/// The re-bookings by a boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rebooked {
    /// Assignments that keep their phase.
    pub kept: u64,
    /// Assignments that belong to another phase.
    pub changed: u64,
    /// Assignments outside every phase of their project.
    pub outside: u64,
    /// The sum over the assignments that change: for each, one day times its `allocation_percentage`.
    pub person_days_changed: Decimal,
    /// Phases of a single day, among those whose dates follow from the boundary.
    pub one_day_phases: u64,
}

/// The re-bookings in one project.
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
    /// The re-bookings by one boundary.
    pub fn by(&self, boundary: Boundary) -> &Rebooked {
        match boundary {
            Boundary::Midpoint => &self.midpoint,
            Boundary::Fit => &self.fit,
        }
    }
}

/// The re-bookings in all projects. Timelines of the log keep their dates, and count the same for both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Boundaries {
    /// The boundary of the plan.
    pub chosen: Boundary,
    /// Projects whose dates follow from it: several phases, and no timeline in the log.
    pub decides: u64,
    /// Timelines of the log, whose dates do not change.
    pub from_log: u64,
    /// Assignments without a usable percentage; they do not count in person-days.
    pub without_percentage: u64,
    /// By [`Boundary::Midpoint`].
    pub midpoint: Rebooked,
    /// By [`Boundary::Fit`].
    pub fit: Rebooked,
    /// The projects with re-bookings, in descending order of those by the chosen boundary.
    pub projects: Vec<ProjectRebooked>,
}
