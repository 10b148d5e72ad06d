//! What `phaseline adopt` prints.

use phaseline_domain::ProjectId;
use phaseline_projections::adopt::Adopted;
use phaseline_store::Quarantine;
use serde::Serialize;

/// `phaseline.adopt/1`
#[derive(Serialize)]
pub(crate) struct Adoption {
    pub(crate) format: &'static str,
    /// Whether nothing was written because only a look was asked for.
    pub(crate) dry_run: bool,
    /// What was adopted, or would be.
    pub(crate) projects: Vec<Adopted>,
    /// Projects that were named and that the log knows already.
    pub(crate) known: Vec<ProjectId>,
    /// The log's last position; none if nothing was written.
    pub(crate) position: Option<i64>,
    /// The events for which timelines are in quarantine: whether their rows are in the log, nobody knows.
    pub(crate) quarantine: Quarantine,
}
