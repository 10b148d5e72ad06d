//! An export: what its manifest has, and the command's result.

use chrono::{DateTime, Utc};
use phaseline_domain::ProjectId;
use phaseline_store::LogHead;
use serde::Serialize;
use uuid::Uuid;

/// A file of an export.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ExportedFile {
    /// Its name in the folder.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) size: u64,
    /// Their SHA-256, in hexadecimal.
    pub(crate) sha256: String,
}

/// The rows of an export.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct ExportCounts {
    pub(crate) events: u64,
    /// Projects with an open timeline.
    pub(crate) projects: u64,
    pub(crate) phases: u64,
}

/// `phaseline.export/1`, the manifest.
#[derive(Debug, Serialize)]
pub(crate) struct ExportManifest {
    pub(crate) format: &'static str,
    /// The program's version.
    pub(crate) program: &'static str,
    pub(crate) log_id: Uuid,
    /// The exported project; null for the whole log.
    pub(crate) project_id: Option<ProjectId>,
    /// The log's head at the end of the export, as `verify --expect` takes it.
    pub(crate) head: LogHead,
    /// Its position, which is the end of a command.
    pub(crate) position: i64,
    /// Its hash.
    pub(crate) head_hash: String,
    /// When its event was recorded.
    pub(crate) recorded_at: Option<DateTime<Utc>>,
    /// The positions of the first and the last exported event.
    pub(crate) first_position: i64,
    pub(crate) last_position: i64,
    pub(crate) counts: ExportCounts,
    /// The projects whose phases are left out, since an event of their timelines cannot be read.
    pub(crate) quarantined: Vec<ProjectId>,
    pub(crate) files: Vec<ExportedFile>,
}

/// `phaseline.exported/1`
#[derive(Debug, Serialize)]
pub(crate) struct ExportReport {
    pub(crate) format: &'static str,
    /// The folder.
    pub(crate) folder: String,
    pub(crate) manifest: ExportManifest,
    pub(crate) took_ms: u64,
}
