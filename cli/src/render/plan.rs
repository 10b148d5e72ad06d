//! A plan: the verdict first and last, between them everything to act on.

mod boundary;

use super::format::{bytes, count, money, span};
use super::{Page, clean};
use crate::style::{BAD, BOLD, DIM, GOOD, NOTE};
use phaseline_migrator::anomaly::Anomaly;
use phaseline_migrator::plan::Plan;
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// Number of listed rows of an anomaly that is carried over; a refused one lists all.
pub(super) const ROWS_SHOWN: usize = 10;

/// The context of a plan's page.
#[derive(Clone, Debug)]
pub(crate) struct PlanContext {
    /// The plan's database.
    pub(crate) place: Option<String>,
    /// The command that executes it.
    pub(crate) next: Option<String>,
    /// Number of listed rows of an anomaly that is carried over.
    pub(crate) rows: usize,
    /// The names of the projects, for columns of ids.
    pub(crate) names: HashMap<Uuid, String>,
}

impl Default for PlanContext {
    fn default() -> Self {
        Self { place: None, next: None, rows: ROWS_SHOWN, names: HashMap::new() }
    }
}

/// The plan as text.
pub(crate) fn page(plan: &Plan, context: &PlanContext) -> Page {
    let mut page = Page::default();
    page.line(verdict(plan)).gap();
    if let Some(place) = &context.place {
        page.entry("plan for", clean(place));
    }
    let revision =
        plan.revision.as_deref().map_or_else(|| "no single revision".to_owned(), |r| format!("revision {r}"));
    page.entry("shape", format_args!("{}, {}", plan.shape, clean(&revision)));
    if plan.already_migrated() && plan.ready {
        page.gap().line("The database is in the timeline shape already; there is nothing to do.");
        grants(&mut page, plan);
        notes(&mut page, plan);
        page.gap().line(verdict(plan));
        return page;
    }
    if plan.digest.is_some() {
        figures(&mut page, plan);
    }
    if let Some(boundaries) = &plan.boundary {
        boundary::boundaries(&mut page, boundaries, context.rows, &context.names);
    }
    changed_projects(&mut page, plan, context.rows);
    anomalies(&mut page, plan, context.rows);
    page.heading("Privileges");
    if plan.missing_privileges.is_empty() {
        page.line(if plan.digest.is_some() { "  nothing is missing" } else { "  not checked, see above" });
    }
    for missing in &plan.missing_privileges {
        page.line(format_args!("  {BAD}missing{BAD:#}: {}", clean(missing)));
    }
    grants(&mut page, plan);
    notes(&mut page, plan);
    if let Some(digest) = &plan.digest {
        page.gap().entry("digest", digest);
    }
    match &context.next {
        Some(next) if plan.ready => page.entry("next", format_args!("{BOLD}{next}{BOLD:#}")),
        _ if !plan.ready => page.entry("next", "remedy what is refused or missing, then plan again"),
        _ => &mut page,
    };
    page.gap().line(verdict(plan));
    page
}

/// What to hand to an administrator, as SQL.
fn grants(page: &mut Page, plan: &Plan) {
    if plan.grants.is_empty() {
        return;
    }
    page.heading("Grants for this role, here and in the service");
    for statement in &plan.grants {
        let why = if statement.ends_with(" CREATEDB") { " -- to rehearse on a copy" } else { "" };
        page.line(format_args!("  {};{why}", clean(statement)));
    }
}

fn notes(page: &mut Page, plan: &Plan) {
    if plan.notes.is_empty() {
        return;
    }
    page.heading("Notes");
    for note in &plan.notes {
        page.line(format_args!("  {}", clean(note)));
    }
}

fn verdict(plan: &Plan) -> String {
    match (plan.ready, plan.already_migrated()) {
        (true, true) => format!("{GOOD}ALREADY MIGRATED{GOOD:#}"),
        (true, false) => format!("{GOOD}READY{GOOD:#}"),
        (false, _) => format!("{BAD}NOT MIGRATABLE{BAD:#}"),
    }
}

fn figures(page: &mut Page, plan: &Plan) {
    let counts = &plan.counts;
    page.heading("Found");
    page.entry("projects", count(counts.projects));
    page.entry("phases", count(counts.phases));
    page.entry("assignments", count(counts.assignments));

    page.heading("To be written");
    page.entry("timelines opened", count(counts.timelines_opened));
    if counts.timelines_continued > 0 {
        page.entry(
            "timelines continued",
            format_args!("{} (from the log, with their edits)", count(counts.timelines_continued)),
        );
    }
    for (name, number, note) in [
        (
            "timelines changed",
            counts.timelines_changed,
            "from the log, and changed in the legacy tables since",
        ),
        ("timelines closed", counts.timelines_closed, "their projects were deleted"),
        ("phases supplied", counts.phases_supplied, "for projects without phases"),
    ] {
        if number > 0 {
            page.entry(name, format_args!("{} ({note})", count(number)));
        }
    }
    page.entry("events on timelines", count(counts.timeline_events));
    let links =
        format!("{} (legacy phases of {} assignments)", count(counts.link_events), count(counts.links));
    page.entry("link events", links);
    page.entry("rows of project_phases", count(counts.phases + counts.phases_supplied));

    let (before, after) = (&plan.budgets_before, &plan.budgets_after);
    page.heading("Budgets");
    let pairs = [
        ("capital", before.capital, after.capital),
        ("expense", before.expense, after.expense),
        ("total", before.total, after.total),
    ];
    let width = pairs.iter().flat_map(|(_, b, a)| [money(*b).len(), money(*a).len()]).fold(0, usize::max);
    for (name, before, after) in pairs {
        let sign = if before == after { "=".to_owned() } else { format!("{BAD}≠{BAD:#}") };
        page.entry(
            name,
            format_args!("before {:>width$}  {sign}  after {:>width$}", money(before), money(after)),
        );
    }

    let by_date = &plan.assignments_by_date;
    if plan.takeover {
        page.heading("Assignments (the phase follows from their date)");
        page.entry("in a phase", count(by_date.kept));
    } else {
        page.heading("Assignments (from then on the phase follows from their date)");
        page.entry("keep their phase", count(by_date.kept));
        page.entry("change their phase", count(by_date.changed));
    }
    page.entry("outside every phase", count(by_date.outside));

    let estimate = &plan.estimate;
    let seconds = |seconds: f64| span(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    page.heading("Estimate");
    page.entry("space", bytes(estimate.space_bytes));
    page.entry("time", seconds(estimate.seconds));
    page.entry("tables locked", format_args!("{} (readers wait)", seconds(estimate.lock_seconds)));
}

/// The projects whose timelines continue from the log, with changes from the legacy tables. Unchanged ones are only
/// counted: there may be thousands.
fn changed_projects(page: &mut Page, plan: &Plan, limit: usize) {
    let changed: Vec<_> = plan.projects.iter().filter(|project| !project.changes.is_empty()).collect();
    if changed.is_empty() {
        return;
    }
    page.heading("Changed since the rollback, and taken over into the timelines");
    for project in changed.iter().take(limit) {
        page.line(format_args!("  project {}", project.project_id));
        for change in &project.changes {
            page.line(format_args!("    {}", clean(change)));
        }
    }
    if changed.len() > limit {
        page.line(format_args!(
            "  {DIM}… and {} more, all in --json{DIM:#}",
            count((changed.len() - limit) as u64)
        ));
    }
}

fn anomalies(page: &mut Page, plan: &Plan, rows: usize) {
    let refused = plan.anomalies.iter().filter(|anomaly| anomaly.refused).count();
    page.heading(format_args!(
        "Anomalies: {refused} {} refused, {} carried over",
        if refused == 1 { "kind" } else { "kinds" },
        plan.anomalies.len() - refused
    ));
    if plan.anomalies.is_empty() {
        page.line("  none");
    }
    for anomaly in &plan.anomalies {
        self::anomaly(page, anomaly, rows);
    }
}

/// One kind of anomaly with its rows.
pub(super) fn anomaly(page: &mut Page, anomaly: &Anomaly, limit: usize) {
    let word =
        if anomaly.refused { format!("{BAD}REFUSED{BAD:#}") } else { format!("{NOTE}CARRIED OVER{NOTE:#}") };
    let rows = &anomaly.rows;
    page.line(format_args!("  {word} {BOLD}{}{BOLD:#} ({})", anomaly.code.name(), count(rows.len() as u64)));
    page.line(format_args!("    {}", anomaly.meaning));
    let shown = if anomaly.refused { rows.len() } else { limit };
    for row in rows.iter().take(shown) {
        page.line(format_args!("      {} {}: {}", row.table, clean(&row.id), clean(&row.detail)));
    }
    if rows.len() > shown {
        page.line(format_args!(
            "      {DIM}… and {} more, all in --json{DIM:#}",
            count((rows.len() - shown) as u64)
        ));
    }
    page.line(format_args!("    Remedy: {}", anomaly.remedy));
}
