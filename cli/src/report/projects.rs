//! The planner's projects.

use phaseline_projections::planner_view::ListedProject;
use serde::Serialize;

/// `phaseline.projects/1`
#[derive(Serialize)]
pub(crate) struct ProjectsReport {
    pub(crate) format: &'static str,
    /// The text that the projects have; none for all.
    pub(crate) filter: Option<String>,
    /// The number of projects, also of those beyond the limit.
    pub(crate) total: u64,
    /// The projects by name.
    pub(crate) projects: Vec<ListedProject>,
}
