//! The result of an export.

use super::format::{bytes, millis, moment, plural};
use super::{Page, clean};
use crate::report::export::ExportReport;
use crate::style::{BAD, DIM, GOOD};

/// The files, and the head to note down.
pub(crate) fn page(report: &ExportReport) -> Page {
    let manifest = &report.manifest;
    let mut page = Page::default();
    page.line(format_args!("{GOOD}EXPORTED{GOOD:#} into {}", clean(&report.folder))).gap();
    if let Some(project) = manifest.project_id {
        page.entry("of", format_args!("project {project}"));
    }
    let counts = manifest.counts;
    page.entry(
        "events",
        format_args!("{}, up to position {}", plural(counts.events, "event"), manifest.position),
    );
    if let Some(at) = manifest.recorded_at {
        page.entry("recorded until", moment(at));
    }
    page.entry(
        "timelines",
        format_args!("{} in {}", plural(counts.phases, "phase"), plural(counts.projects, "project")),
    );
    for file in &manifest.files {
        page.entry(&file.name, bytes(file.size));
    }
    page.entry("log's head", format_args!("{DIM}{}{DIM:#}", manifest.head));
    page.entry("took", millis(report.took_ms));
    if !manifest.quarantined.is_empty() {
        let projects = plural(manifest.quarantined.len() as u64, "project");
        page.gap().line(format_args!(
            "{BAD}left out{BAD:#}: the phases of {projects}, an event of whose timelines cannot be read; see: phaseline quarantine list"
        ));
        for project in &manifest.quarantined {
            page.line(format_args!("  project {project}"));
        }
    }
    page
}
