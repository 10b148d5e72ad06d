//! Drift: findings, grouped by remedy.

use super::format::{count, plural};
use super::{Page, clean, quarantine};
use crate::report::drift::DriftReport;
use crate::style::{BAD, BOLD, GOOD};
use phaseline_projections::drift::Remedy;

/// The report as text, the verdict last.
pub(crate) fn page(report: &DriftReport) -> Page {
    let mut page = Page::default();
    for cure in [
        Remedy::Repair,
        Remedy::Adopt,
        Remedy::AdoptRepair,
        Remedy::Reschedule,
        Remedy::NextCommand,
        Remedy::None,
        Remedy::Close,
    ] {
        let findings: Vec<_> = report.drift.iter().filter(|found| found.cure == cure).collect();
        if findings.is_empty() {
            continue;
        }
        let repaired = matches!(cure, Remedy::Repair | Remedy::Close) && report.repaired.is_some();
        page.heading(if repaired { "Repaired" } else { title(cure) });
        for found in findings {
            page.line(format_args!("  {}", clean(&found.finding.to_string())));
        }
        if !repaired {
            page.line(format_args!("  Remedy: {BOLD}{}{BOLD:#}", command(cure)));
        }
    }
    if let Some(repaired) = report.repaired.as_ref().filter(|repaired| repaired.repair_id.is_some()) {
        page.gap();
        page.entry("rows inserted", count(repaired.inserted));
        page.entry("rows updated", count(repaired.updated));
        page.entry("rows deleted", count(repaired.deleted));
        page.entry("timelines closed", count(repaired.closed));
        if let Some(id) = &repaired.repair_id {
            page.entry("repair", id);
        }
        page.entry("log's position", count(repaired.position.unsigned_abs()));
    }
    if !report.drift.is_empty() {
        page.gap();
    }
    let repaired = report.repaired.as_ref().is_some_and(|repaired| repaired.repair_id.is_some());
    quarantine::listed(&mut page, &report.quarantine);
    match (report.left, repaired) {
        (0, _) if !report.quarantine.is_empty() => {
            let but = if repaired { "REPAIRED, BUT INCOMPLETE" } else { "NO DRIFT FOUND, BUT INCOMPLETE" };
            page.line(format_args!("{BAD}{but}{BAD:#}. Timelines in quarantine were not compared."))
        }
        (0, true) => page.line(format_args!("{GOOD}REPAIRED{GOOD:#}. The log has the overwritten values.")),
        (0, false) if report.notes > 0 => page.line(format_args!(
            "{GOOD}NO DRIFT{GOOD:#}. The tables equal the log, but for {}.",
            plural(report.notes, "note")
        )),
        (0, false) => page.line(format_args!("{GOOD}NO DRIFT{GOOD:#}. The tables equal the log.")),
        (left, _) => {
            let still = if repaired { " left, which a repair does not remedy" } else { "" };
            page.line(format_args!("{BAD}DRIFT{BAD:#}. {}{still}.", plural(left, "difference")))
        }
    };
    page
}

const fn title(cure: Remedy) -> &'static str {
    match cure {
        Remedy::Repair => "Rows that differ from the log",
        Remedy::Adopt => "Rows of projects without timeline",
        Remedy::AdoptRepair => "Projects without a phase",
        Remedy::Close => "Note: deleted projects, whose timelines the service closes",
        Remedy::NextCommand => "Note: projects with new dates, which their next command applies",
        Remedy::None => "Note: rows that another program saved without a change",
        Remedy::Reschedule => "Projects whose dates differ from their timeline",
    }
}

const fn command(cure: Remedy) -> &'static str {
    match cure {
        Remedy::Repair => "phaseline drift --repair PROJECT|all",
        Remedy::Adopt => "phaseline adopt [PROJECT]",
        Remedy::AdoptRepair => "phaseline adopt --repair [PROJECT]",
        Remedy::Close => "none is needed; to close them now: phaseline adopt",
        Remedy::NextCommand => {
            "none is needed; to apply them now: phaseline timeline reschedule PROJECT --from-table"
        }
        Remedy::None => "none is needed",
        Remedy::Reschedule => {
            "save a complete list of phases over these dates, or change the project's dates back"
        }
    }
}
