//! What a rollback would do or has done.

use super::figures::{count, millis, moment, plural};
use super::plan::{ROWS_SHOWN, anomaly};
use super::{Page, clean};
use crate::style::{BAD, BOLD, DIM, GOOD};
use phaseline_migrator::rollback::{RollbackPlan, RolledBack};

/// The plan as text, the verdict first and last.
pub(crate) fn page(plan: &RollbackPlan) -> String {
    let mut page = Page::default();
    page.line(verdict(plan)).gap();
    page.entry("shape", plan.shape);
    if plan.already {
        page.gap().line("The database is in the old shape already; there is nothing to do.");
        page.gap().line(verdict(plan));
        return page.into_text();
    }
    page.entry("phases that come back", count(plan.phases));
    page.entry("links that come back", count(plan.links));
    if !plan.anomalies.is_empty() {
        page.heading("In the way");
        for found in &plan.anomalies {
            anomaly(&mut page, found, ROWS_SHOWN);
        }
    }
    if !plan.missing_privileges.is_empty() {
        page.heading("Privileges");
        for missing in &plan.missing_privileges {
            page.line(format_args!("  {BAD}missing{BAD:#}: {}", clean(missing)));
        }
    }
    if !plan.edits.is_empty() {
        page.heading(format_args!(
            "{} made since the migration, which the old schema cannot hold",
            plural(plan.edits.len() as u64, "change")
        ));
        for edit in &plan.edits {
            let phase = edit.phase_id.map_or_else(String::new, |phase| format!(", phase {phase}"));
            page.line(format_args!(
                "  {} of project {}{phase}: by {}, {} {DIM}(position {}){DIM:#}",
                edit.event_type,
                edit.project_id,
                clean(edit.actor.as_deref().unwrap_or("somebody unnamed")),
                moment(edit.recorded_at),
                edit.position
            ));
        }
        page.line("  What to do: stay with the new shape; the log keeps every change.");
    }
    if !plan.drift.is_empty() {
        page.heading("Rows of project_phases that the log does not account for");
        for drift in &plan.drift {
            page.line(format_args!("  {}", clean(&drift.to_string())));
        }
        page.line("  What to do: change phases by phaseline's commands, and set these rows back to what the log says.");
    }
    if !plan.going.is_empty() {
        page.heading("Made since on columns that go, and going with them");
        for going in &plan.going {
            page.line(format_args!("  {}", clean(going)));
        }
    }
    page.gap().line(verdict(plan));
    page.into_text()
}

fn verdict(plan: &RollbackPlan) -> String {
    if plan.already {
        format!("{GOOD}ALREADY ROLLED BACK{GOOD:#}")
    } else if plan.ready {
        format!("{GOOD}READY{GOOD:#}")
    } else if plan.anomalies.is_empty() && plan.missing_privileges.is_empty() {
        format!("{BAD}WOULD LOSE DATA{BAD:#}")
    } else {
        format!("{BAD}REFUSED{BAD:#}")
    }
}

/// What a rollback did.
pub(crate) fn done(done: &RolledBack) -> String {
    let mut page = Page::default();
    if let Some(completed) = &done.completed {
        page.entry("phases", count(completed.phases));
        page.entry("assignments", count(completed.assignments));
        page.entry("with the link of the log", count(completed.links_restored));
        page.entry(
            "by their date",
            format_args!("{} (made since the migration)", count(completed.links_by_date)),
        );
        page.entry(
            "to their first phase",
            format_args!("{} (made since, in no phase)", count(completed.links_first_phase)),
        );
    }
    if let Some(run) = done.run {
        page.entry("run", run);
    }
    page.entry("took", format_args!("{}, tables locked {}", millis(done.took_ms), millis(done.locked_ms)));
    page.gap().line(format_args!("{GOOD}ROLLED BACK{GOOD:#}. Next: {BOLD}phaseline verify{BOLD:#}"));
    page.into_text()
}
