//! The report of `phaseline quarantine skip`.

use phaseline_store::{SkippedEvent, UnreadableEvent};
use serde::Serialize;

/// `phaseline.quarantine.skip/1`
#[derive(Serialize)]
pub(crate) struct Skipped {
    pub(crate) format: &'static str,
    /// The events that are left out now.
    pub(crate) skipped: Vec<SkippedEvent>,
}

/// `phaseline.quarantine.preview/1`
#[derive(Serialize)]
pub(crate) struct SkipPreview {
    pub(crate) format: &'static str,
    /// The events that would be left out.
    pub(crate) events: Vec<UnreadableEvent>,
}
