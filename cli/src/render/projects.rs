//! The planner's projects as a table.

use super::format::{count, money, plural};
use super::table::Align;
use super::{Page, clean};
use crate::report::projects::ProjectsReport;

/// The list, with the number of projects last.
pub(crate) fn page(report: &ProjectsReport) -> Page {
    let mut page = Page::default();
    let columns = [
        ("name", Align::Left),
        ("cost centre", Align::Left),
        ("start", Align::Left),
        ("end", Align::Left),
        ("phases", Align::Right),
        ("total", Align::Right),
        ("id", Align::Left),
    ];
    let text = |value: &Option<String>| value.as_deref().map_or("-".into(), clean).into_owned();
    let rows: Vec<Vec<String>> = report
        .projects
        .iter()
        .map(|project| {
            let total = project.total_budget.as_deref().map(|total| total.parse().map(money));
            vec![
                text(&project.name),
                text(&project.cost_center),
                text(&project.start_date),
                text(&project.end_date),
                count(project.phases.unsigned_abs()),
                total.and_then(Result::ok).unwrap_or_else(|| text(&project.total_budget)),
                project.project_id.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        page.table(&columns, rows).gap();
    }
    let filter = report.filter.as_deref();
    let with = filter.map_or_else(String::new, |filter| format!(" with '{}'", clean(filter)));
    let hidden = report.total - report.projects.len() as u64;
    let shown =
        if hidden > 0 { format!(", {} shown", count(report.projects.len() as u64)) } else { String::new() };
    page.line(format_args!("{}{with}{shown}.", plural(report.total, "project")));
    page
}
