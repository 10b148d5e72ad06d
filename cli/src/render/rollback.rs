//! The plan and the result of a rollback.

mod phases;

use super::format::{by_whom, count, millis, plural};
use super::plan::{ROWS_SHOWN, anomaly};
use super::{Page, clean};
use crate::style::{BAD, BOLD, GOOD};
use phaseline_migrator::rollback::{Loss, RollbackPlan, RolledBack};

/// The plan as text, the verdict first and last. `place` is the database, if it is to be named.
pub(crate) fn page(plan: &RollbackPlan, place: Option<&str>) -> Page {
    let mut page = Page::default();
    page.line(verdict(plan)).gap();
    if let Some(place) = place {
        page.entry("rollback of", clean(place));
    }
    page.entry("shape", plan.shape);
    if plan.already {
        page.gap().line("The database is in the legacy shape already; there is nothing to do.");
        page.gap().line(verdict(plan));
        return page;
    }
    page.entry("edits since", format_args!("{} (events on timelines)", count(plan.edits.len() as u64)));
    page.entry("phases to restore", count(plan.phases));
    page.entry("links to restore", count(plan.links));
    // A plan that was refused early has none.
    if !plan.legacy_phases.is_empty() {
        phases::section(&mut page, plan);
    }
    if !plan.anomalies.is_empty() {
        page.heading("Refused");
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
    if !plan.loss.items.is_empty() {
        loss(&mut page, &plan.loss);
    }
    if !plan.going.is_empty() {
        page.heading("Created since on columns that are dropped, and dropped with them");
        for going in &plan.going {
            page.line(format_args!("  {}", clean(going)));
        }
    }
    if !plan.notes.is_empty() {
        page.heading("Notes");
        for note in &plan.notes {
            page.line(format_args!("  {}", clean(note)));
        }
    }
    page.gap().line(verdict(plan));
    page
}

fn loss(page: &mut Page, loss: &Loss) {
    let items = loss.items.len() as u64;
    page.heading(format_args!("{} that the legacy shape cannot hold", plural(items, "value")));
    for of_project in loss.items.chunk_by(|a, b| a.project_id == b.project_id) {
        let Some(first) = of_project.first() else { continue };
        page.line(format_args!("  project {}", first.project_id));
        for of_phase in of_project.chunk_by(|a, b| a.phase_id == b.phase_id) {
            let Some(first) = of_phase.first() else { continue };
            page.line(format_args!("    phase {}", first.phase_id));
            for item in of_phase {
                page.line(format_args!("      {}: {}", item.field, clean(&item.value)));
                let by =
                    by_whom(item.actor.as_deref(), item.login.as_deref(), item.recorded_at, item.position)
                        .unwrap_or_else(|| "the log has no event for it yet".to_owned());
                page.line(format_args!("        instead: {}; {by}", clean(&item.instead)));
            }
        }
    }
    page.line("  The log keeps values of events, and the next migration restores them.");
    page.line("  The record of the rollback keeps values without events.");
    page.line("  Budgets are carried over as they are now.");
    if let Some(digest) = &loss.digest {
        page.gap().entry("digest of the loss", digest);
        page.entry("to accept it", format_args!("{BOLD}phaseline rollback --accept-loss {digest}{BOLD:#}"));
    }
}

fn verdict(plan: &RollbackPlan) -> String {
    if plan.already {
        format!("{GOOD}ALREADY ROLLED BACK{GOOD:#}")
    } else if plan.ready {
        format!("{GOOD}READY{GOOD:#}")
    } else if !plan.anomalies.iter().any(|anomaly| anomaly.refused) && plan.missing_privileges.is_empty() {
        format!("{BAD}WOULD LOSE DATA{BAD:#}")
    } else {
        format!("{BAD}REFUSED{BAD:#}")
    }
}

/// The question before a rollback of the database at this place.
pub(crate) fn question(plan: &RollbackPlan, place: &str) -> String {
    let loss = if plan.loss.digest.is_some() { ", and lose what the legacy shape cannot hold" } else { "" };
    format!("{}Roll back {} now{loss}?", phases::summary(plan), clean(place))
}

/// The result of a rollback.
pub(crate) fn done(done: &RolledBack) -> Page {
    let mut page = Page::default();
    if let Some(completed) = &done.completed {
        page.entry("phases", count(completed.phases));
        page.entry("assignments", count(completed.assignments));
        page.entry("links restored from log", count(completed.links_restored));
        page.entry(
            "assigned by date",
            format_args!("{} (without link in the log)", count(completed.links_by_date)),
        );
        page.entry(
            "assigned to first phase",
            format_args!("{} (without link, outside every phase)", count(completed.links_first_phase)),
        );
        if let Some(digest) = &completed.accepted_loss {
            page.entry("accepted loss", digest);
        }
    }
    if !done.plan.legacy_phases.is_empty() {
        phases::section(&mut page, &done.plan);
        page.gap();
    }
    if let Some(run) = done.run {
        page.entry("run", run);
    }
    page.entry("took", format_args!("{}, tables locked {}", millis(done.took_ms), millis(done.locked_ms)));
    page.gap().line(format_args!("{GOOD}ROLLED BACK{GOOD:#}. Next: {BOLD}phaseline verify{BOLD:#}"));
    page
}
