//! The result of `adopt`.

use super::format::{count, plural};
use super::{Page, quarantine};
use crate::report::adopt::AdoptionReport;
use crate::style::{BAD, BOLD, GOOD};

/// The adoption as text.
pub(crate) fn page(adoption: &AdoptionReport) -> Page {
    let mut page = Page::default();
    for project in &adoption.known {
        page.line(format_args!("  project {project}: has a timeline already"));
    }
    for adopted in &adoption.projects {
        let phases = plural(adopted.phases, "phase");
        let supplied = if adopted.supplied { " supplied" } else { "" };
        page.line(format_args!("  project {}: {phases}{supplied}", adopted.project_id));
    }
    for project in &adoption.closed {
        let closed = if adoption.dry_run { "timeline to be closed" } else { "timeline closed" };
        page.line(format_args!("  project {project}: {closed}, since the planner deleted the project"));
    }
    if !adoption.projects.is_empty() || !adoption.known.is_empty() || !adoption.closed.is_empty() {
        page.gap();
    }
    quarantine::listed(&mut page, &adoption.quarantine);
    let projects = plural(adoption.projects.len() as u64, "project");
    match adoption.position {
        Some(position) => page.line(format_args!(
            "{GOOD}ADOPTED{GOOD:#}. {projects}, position {} of the log. Next: {BOLD}phaseline verify{BOLD:#}",
            count(position.unsigned_abs())
        )),
        None if adoption.projects.is_empty() && !adoption.quarantine.is_empty() => page.line(format_args!(
            "{BAD}NOTHING ADOPTED{BAD:#}. Timelines in quarantine were skipped; all other projects have a timeline."
        )),
        None if adoption.projects.is_empty() => page.line(format_args!(
            "{GOOD}NOTHING TO ADOPT{GOOD:#}. Every requested project has a timeline."
        )),
        None => {
            page.line(format_args!("{GOOD}READY{GOOD:#}. {projects} to be adopted; nothing was written."))
        }
    };
    page
}
