//! The result of a rebuild.

use super::format::{count, millis, plural};
use super::{Page, clean, quarantine};
use crate::report::rebuild::RebuildReport;
use crate::style::{BAD, GOOD};
use phaseline_projections::drift::Drift;
use phaseline_projections::rebuild::READERS_WAIT;

/// Number of shown differences; `--json` has all.
const SHOWN: usize = 20;

/// The report as text, the verdict last.
pub(crate) fn page(report: &RebuildReport) -> Page {
    let rebuilt = &report.rebuilt;
    let mut page = Page::default();
    match report.project_id {
        // In these words, so that the name is put beside the id.
        Some(project) => page.line(format_args!("Rebuild of project {project}")).gap(),
        None => page.entry("projects", count(rebuilt.projects)),
    };
    page.entry("events", count(rebuilt.events));
    page.entry("phases", count(rebuilt.phases));
    page.entry("log's position", count(rebuilt.position.unsigned_abs()));
    if rebuilt.repair_id().is_some() {
        page.entry("rows inserted", count(rebuilt.inserted()));
        page.entry("rows updated", count(rebuilt.updated()));
        page.entry("rows deleted", count(rebuilt.deleted()));
    }
    if rebuilt.caught_up() > 0 {
        page.entry("caught up", plural(rebuilt.caught_up(), "event"));
    }
    if let Some(id) = rebuilt.repair_id() {
        page.entry("repair", id);
    }
    page.entry("took", millis(report.took_ms));
    let repaired = rebuilt.repair_id().is_some();
    if repaired {
        list(&mut page, "Repaired", rebuilt.repaired_rows());
    }
    list(
        &mut page,
        if repaired || !report.check {
            "Unknown to the log, and kept"
        } else {
            "Rows that differ from the log"
        },
        rebuilt.left.iter(),
    );
    page.gap();
    if !rebuilt.gone.is_empty() {
        page.line(format_args!(
            "{} {} not in public.projects and still {} rows: see phaseline drift",
            plural(rebuilt.gone.len() as u64, "project"),
            if rebuilt.gone.len() == 1 { "is" } else { "are" },
            if rebuilt.gone.len() == 1 { "has" } else { "have" }
        ));
    }
    if rebuilt.unadopted > 0 {
        page.line(format_args!(
            "{} of projects without timeline: see phaseline adopt",
            plural(rebuilt.unadopted, "row")
        ));
    }
    if rebuilt.readers_wait {
        page.line(format_args!("{READERS_WAIT}"));
    }
    quarantine::listed(&mut page, &rebuilt.quarantine);
    match (rebuilt.left.len() as u64, repaired) {
        (0, _) if !rebuilt.quarantine.is_empty() => {
            let written = if repaired { "REBUILT, BUT INCOMPLETE" } else { "UP TO DATE, BUT INCOMPLETE" };
            page.line(format_args!(
                "{BAD}{written}{BAD:#}. The rows of timelines in quarantine were not changed."
            ))
        }
        (0, _) if !rebuilt.gone.is_empty() => {
            page.line(format_args!("{BAD}DIFFERENT{BAD:#}. All rows that can be written equal the log."))
        }
        (0, true) => page.line(format_args!("{GOOD}REBUILT{GOOD:#}. The log has the overwritten values.")),
        (0, false) => page.line(format_args!(
            "{GOOD}UP TO DATE{GOOD:#}. project_phases equals the log; nothing was written."
        )),
        (left, _) if report.check => page.line(format_args!(
            "{BAD}DIFFERENT{BAD:#}. {}; nothing was written.",
            plural(left, "difference")
        )),
        (left, _) => page.line(format_args!(
            "{BAD}DIFFERENT{BAD:#}. {} unknown to the log left; --delete-unknown deletes existing ones.",
            plural(left, "row")
        )),
    };
    page
}

fn list<'a>(page: &mut Page, title: &str, differences: impl Iterator<Item = &'a Drift>) {
    let differences: Vec<&Drift> = differences.collect();
    if differences.is_empty() {
        return;
    }
    page.heading(title);
    for drift in differences.iter().take(SHOWN) {
        page.line(format_args!("  {}", clean(&drift.to_string())));
    }
    if differences.len() > SHOWN {
        page.line(format_args!("  and {} more; --json lists all", count((differences.len() - SHOWN) as u64)));
    }
}
