//! The report of `phaseline drift`.

use phaseline_domain::ProjectId;
use phaseline_projections::drift::{Finding, Remedy};
use phaseline_store::Quarantine;
use serde::Serialize;

/// `phaseline.drift/1`
#[derive(Serialize)]
pub(crate) struct DriftReport {
    pub(crate) format: &'static str,
    /// The compared project; none for all.
    pub(crate) project_id: Option<ProjectId>,
    /// The findings.
    pub(crate) drift: Vec<RemediedFinding>,
    /// The repair; none without --repair.
    pub(crate) repaired: Option<RepairReport>,
    /// Number of findings left that are drift.
    pub(crate) left: u64,
    /// Number of findings left that are only noted.
    pub(crate) notes: u64,
    /// The unreadable events that put timelines into quarantine: their rows are not compared.
    pub(crate) quarantine: Quarantine,
}

/// A finding with its remedy.
#[derive(Clone, Serialize)]
pub(crate) struct RemediedFinding {
    #[serde(flatten)]
    pub(crate) finding: Finding,
    pub(crate) cure: Remedy,
}

/// The result of a repair.
#[derive(Serialize)]
pub(crate) struct RepairReport {
    pub(crate) repair_id: Option<String>,
    pub(crate) position: i64,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    pub(crate) closed: u64,
}
