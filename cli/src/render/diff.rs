//! What changed between two moments, as text.

use super::format::{exact_moment, moment, money, plural};
use super::{Page, changes, clean};
use crate::style::{BOLD, DIM};
use phaseline_projections::diff::{ChangeEvent, DiffStatus, MovedDays, PhaseDiff, TimelineDiff};
use phaseline_projections::effects::BudgetSums;
use phaseline_projections::{ChangedField, FieldChange};
use phaseline_store::ResolvedMoment;

/// The difference, phase by phase.
pub(crate) fn page(from: ResolvedMoment, to: ResolvedMoment, diff: &TimelineDiff) -> Page {
    let mut page = Page::default();
    page.line(format_args!("Changes of project {}", diff.project_id));
    page.line(format_args!("  from {}", place(from)));
    page.line(format_args!("  to   {}", place(to)));
    if diff.is_empty() {
        page.gap().line(nothing(diff));
        return page;
    }
    match diff.status {
        DiffStatus::Added => page.gap().line("The timeline was opened."),
        DiffStatus::Removed => page.gap().line("The timeline was closed: the project was deleted."),
        DiffStatus::Changed | DiffStatus::Unchanged => &mut page,
    };
    if !diff.changes.is_empty() || !diff.events.is_empty() {
        page.heading("Project");
        fields(&mut page, &diff.changes, diff.moved_days);
        events(&mut page, &diff.events);
    }
    let changed = diff.phases.iter().filter(|phase| phase.status != DiffStatus::Unchanged);
    for found in changed {
        phase(&mut page, found);
    }
    let unchanged = diff.phases.iter().filter(|phase| phase.status == DiffStatus::Unchanged).count();
    if unchanged > 0 {
        page.gap().line(format_args!("{} unchanged.", plural(unchanged as u64, "phase")));
    }
    budgets(&mut page, &diff.before.budget, &diff.after.budget);
    page
}

fn nothing(diff: &TimelineDiff) -> String {
    let versions = diff.after.version - diff.before.version;
    match (diff.after.exists, versions) {
        (false, _) => "The timeline existed at neither moment.".to_owned(),
        (true, 0) => "Nothing changed.".to_owned(),
        (true, events) => {
            format!(
                "Nothing differs; the {} between have no lasting effect.",
                plural(events.unsigned_abs(), "event")
            )
        }
    }
}

/// A moment, after "from" or "to".
pub(super) fn place(at: ResolvedMoment) -> String {
    match at.recorded_at {
        Some(time) => format!("position {}, {}", at.position, exact_moment(time)),
        None => "before the first event".to_owned(),
    }
}

fn phase(page: &mut Page, phase: &PhaseDiff) {
    let what = match phase.status {
        DiffStatus::Added => "new",
        DiffStatus::Removed => "removed",
        DiffStatus::Changed => "changed",
        DiffStatus::Unchanged => "unchanged",
    };
    page.heading(format!("{what}: '{}'", clean(&phase.name)));
    page.line(format_args!("  {DIM}phase {}{DIM:#}", phase.phase_id));
    fields(page, &phase.changes, phase.moved_days);
    events(page, &phase.events);
}

fn fields(page: &mut Page, changes: &[FieldChange], moved: MovedDays) {
    for change in changes {
        let days = match change.field {
            ChangedField::StartDate => moved.start,
            ChangedField::EndDate => moved.end,
            _ => None,
        };
        let by = days.map_or_else(String::new, |days| {
            let direction = if days > 0 { "later" } else { "earlier" };
            format!(" ({} {direction})", plural(days.unsigned_abs(), "day"))
        });
        page.line(format_args!("  {}{by}", changes::line(change)));
    }
}

fn events(page: &mut Page, events: &[ChangeEvent]) {
    for event in events {
        let by = event.actor_name.as_deref().or(event.actor.as_deref()).or(event.login.as_deref());
        let by = by.map_or_else(String::new, |by| format!(" by {}", clean(by)));
        let why = event.reason.as_deref().map_or_else(String::new, |why| format!(": {}", clean(why)));
        page.line(format_args!(
            "  {DIM}{}{by}, position {}, {}{DIM:#}{why}",
            moment(event.recorded_at),
            event.position,
            event.event_type
        ));
    }
}

fn budgets(page: &mut Page, before: &BudgetSums, after: &BudgetSums) {
    if before == after {
        return;
    }
    page.heading("Budgets of the project");
    let growth = before.growth_to(after);
    for (name, before, after, growth) in [
        ("capital", before.capital, after.capital, growth.capital),
        ("expense", before.expense, after.expense, growth.expense),
        ("total", before.total, after.total, growth.total),
    ] {
        let sign = if growth.is_sign_negative() { "" } else { "+" };
        let step = format!("{} → {}  ({sign}{})", money(before), money(after), money(growth));
        page.entry(name, format!("{BOLD}{step}{BOLD:#}"));
    }
}
