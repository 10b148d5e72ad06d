//! What `phaseline drift` prints.

use phaseline_domain::ProjectId;
use phaseline_projections::drift::{Cure, Finding};
use phaseline_store::Quarantine;
use serde::Serialize;

/// `phaseline.drift/1`
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) format: &'static str,
    /// The project looked at; none for all.
    pub(crate) project_id: Option<ProjectId>,
    /// What was found.
    pub(crate) drift: Vec<RemediedFinding>,
    /// What was repaired; none if that was not asked for.
    pub(crate) repaired: Option<RepairReport>,
    /// What is left.
    pub(crate) left: u64,
    /// The events for which timelines are in quarantine: nothing can be said of their rows.
    pub(crate) quarantine: Quarantine,
}

/// A finding, and what cures it.
#[derive(Clone, Serialize)]
pub(crate) struct RemediedFinding {
    #[serde(flatten)]
    pub(crate) finding: Finding,
    pub(crate) cure: Cure,
}

/// A repair in figures.
#[derive(Serialize)]
pub(crate) struct RepairReport {
    pub(crate) repair_id: Option<String>,
    pub(crate) position: i64,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) closed: u64,
}
