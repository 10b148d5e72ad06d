//! Assignments counted by the phase of their date.

use serde::Serialize;

/// Assignments by the effect of assigning them to the phase of their date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByDate {
    /// They keep their phase.
    pub kept: u64,
    /// They belong to another phase.
    pub changed: u64,
    /// They lie outside every phase of their project.
    pub outside: u64,
}
