//! All timelines at a moment, and what changed of all between two, as tables.

use super::diff::place;
use super::format::{count, money, plural};
use super::table::Align;
use super::{Page, clean};
use crate::report::portfolio::{PortfolioDiffReport, PortfolioNotes, PortfolioReport};
use chrono::NaiveDate;
use phaseline_projections::diff::DiffStatus;
use phaseline_projections::portfolio::{ProjectChange, StatusCounts};
use rust_decimal::Decimal;

/// The list, with the sums last.
pub(crate) fn page(report: &PortfolioReport) -> Page {
    let mut page = Page::default();
    let end = &report.end;
    let on = end.on.map_or_else(String::new, |day| format!(" that run on {day},"));
    let at = if end.moment.position == 0 { "" } else { "at " };
    page.line(format_args!("Projects{on} {at}{}", place(end.moment))).gap();
    let columns = [
        ("name", Align::Left),
        ("cost centre", Align::Left),
        ("start", Align::Left),
        ("end", Align::Left),
        ("phases", Align::Right),
        ("total", Align::Right),
        ("version", Align::Right),
        ("id", Align::Left),
    ];
    let rows: Vec<Vec<String>> = report
        .projects
        .iter()
        .map(|project| {
            vec![
                text(project.name.name.as_deref()),
                text(project.name.cost_center.as_deref()),
                date(project.start_date),
                date(project.end_date),
                count(project.phases.len() as u64),
                money(project.budget.total),
                count(project.version.unsigned_abs()),
                project.project_id.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        page.table(&columns, rows).gap();
    }
    unsound(&mut page, &report.notes);
    let with = end.filter.as_deref().map_or_else(String::new, |filter| format!(" with '{}'", clean(filter)));
    let listed = report.projects.len() as u64;
    let shown =
        if listed < end.totals.projects { format!(", {} shown", count(listed)) } else { String::new() };
    page.line(format_args!(
        "{}{with}{shown}, {}, {} in all.",
        plural(end.totals.projects, "project"),
        plural(end.totals.phases, "phase"),
        money(end.totals.budget.total)
    ));
    if report.notes.has_names && listed > 0 {
        page.line("Names and cost centres are those of now.");
    }
    page
}

fn unsound(page: &mut Page, notes: &PortfolioNotes) {
    for line in notes.unsound.lines() {
        page.line(line);
    }
}

/// The changed projects, with the sums last.
pub(crate) fn diff(report: &PortfolioDiffReport) -> Page {
    let mut page = Page::default();
    let end = &report.end;
    page.line("Changes of all projects");
    page.line(format_args!("  from {}", place(end.from)));
    page.line(format_args!("  to   {}", place(end.to)));
    if report.projects.is_empty() {
        page.gap().line(match end.to.position - end.from.position {
            0 => "No project differs.".to_owned(),
            1 => "No project differs; the position between has no lasting effect.".to_owned(),
            between => format!(
                "No project differs; the {} between have no lasting effect.",
                plural(between.unsigned_abs(), "position")
            ),
        });
        unsound(&mut page, &report.notes);
        return page;
    }
    let columns = [
        ("name", Align::Left),
        ("timeline", Align::Left),
        ("start", Align::Right),
        ("end", Align::Right),
        ("phases", Align::Left),
        ("total", Align::Right),
        ("id", Align::Left),
    ];
    page.gap().table(&columns, report.projects.iter().map(change).collect()).gap();
    unsound(&mut page, &report.notes);
    let totals = &end.totals;
    let all =
        [counts(&totals.projects, "closed", "project"), counts(&totals.phases, "removed", "phase")].concat();
    page.line(format_args!("{}; budget {}.", all.join(", "), signed(totals.budget.total)));
    page.line("Their phases and events: the same command with --project, or --json.");
    page
}

fn change(change: &ProjectChange) -> Vec<String> {
    let diff = &change.diff;
    let mut phases = StatusCounts::default();
    diff.phases.iter().for_each(|phase| phases.add(phase.status));
    let moved = |days: Option<i64>| match days {
        None | Some(0) => String::new(),
        Some(days) => format!("{days:+} d"),
    };
    let what = match diff.status {
        DiffStatus::Added => "new",
        DiffStatus::Removed => "closed",
        DiffStatus::Changed | DiffStatus::Unchanged => "changed",
    };
    vec![
        text(change.name.name.as_deref()),
        what.to_owned(),
        moved(diff.moved_days.start),
        moved(diff.moved_days.end),
        [(phases.added, "new"), (phases.removed, "removed"), (phases.changed, "changed")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{} {word}", count(number)))
            .collect::<Vec<_>>()
            .join(", "),
        signed(diff.budget.total),
        diff.project_id.to_string(),
    ]
}

/// The numbers that are not 0: `2 new phases`.
fn counts(counts: &StatusCounts, removed: &str, one: &str) -> Vec<String> {
    [(counts.added, "new"), (counts.removed, removed), (counts.changed, "changed")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| plural(number, &format!("{word} {one}")))
        .collect()
}

fn signed(amount: Decimal) -> String {
    let sign = if amount > Decimal::ZERO { "+" } else { "" };
    format!("{sign}{}", money(amount))
}

fn text(value: Option<&str>) -> String {
    value.map_or("-".into(), clean).into_owned()
}

fn date(day: Option<NaiveDate>) -> String {
    day.map_or_else(|| "-".to_owned(), |day| day.to_string())
}
