//! The report of `phaseline rebuild`.

use phaseline_domain::ProjectId;
use phaseline_projections::rebuild::Rebuilt;
use serde::Serialize;

/// `phaseline.rebuild/1`
#[derive(Serialize)]
pub(crate) struct RebuildReport {
    pub(crate) format: &'static str,
    /// Whether it only compared.
    pub(crate) check: bool,
    /// The project; none for all.
    pub(crate) project_id: Option<ProjectId>,
    /// Number of connections that read the log.
    pub(crate) jobs: u16,
    #[serde(flatten)]
    pub(crate) rebuilt: Rebuilt,
    /// Milliseconds from start to end.
    pub(crate) took_ms: u64,
}
