//! The report of `phaseline quarantine skip`.

use phaseline_store::SkippedEvent;
use serde::Serialize;

/// `phaseline.quarantine.skip/1`
#[derive(Serialize)]
pub(crate) struct Skipped {
    pub(crate) format: &'static str,
    /// The events that are left out now.
    pub(crate) skipped: Vec<SkippedEvent>,
}
