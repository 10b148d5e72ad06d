//! The report of `phaseline adopt`.

use phaseline_domain::ProjectId;
use phaseline_projections::adopt::Adopted;
use phaseline_store::Quarantine;
use serde::Serialize;

/// `phaseline.adopt/1`
#[derive(Serialize)]
pub(crate) struct AdoptionReport {
    pub(crate) format: &'static str,
    /// Whether it was a dry run, which writes nothing.
    pub(crate) dry_run: bool,
    /// The adopted projects; in a dry run those to adopt.
    pub(crate) projects: Vec<Adopted>,
    /// Projects that the planner deleted, whose timelines were closed; in a dry run those to close.
    pub(crate) closed: Vec<ProjectId>,
    /// Given projects that have a timeline already.
    pub(crate) known: Vec<ProjectId>,
    /// The log's last position; none if nothing was written.
    pub(crate) position: Option<i64>,
    /// The unreadable events that put timelines into quarantine: it is unknown whether the log has their rows.
    pub(crate) quarantine: Quarantine,
}
