//! The two boundaries between phases compared.

use crate::render::format::{count, money, plural};
use crate::render::table::Align;
use crate::render::{Page, clean};
use crate::style::DIM;
use phaseline_domain::legacy::Boundary;
use phaseline_migrator::plan::{Boundaries, ProjectRebooked, Rebooked};
use std::collections::HashMap;
use uuid::Uuid;

/// The totals of both boundaries, then the projects where they re-book most, up to a limit.
pub(super) fn boundaries(page: &mut Page, found: &Boundaries, limit: usize, names: &HashMap<Uuid, String>) {
    page.heading("What each --boundary re-books");
    let row = |boundary: Boundary, by: &Rebooked| {
        vec![
            format!("{boundary}{}", if boundary == found.chosen { " (chosen)" } else { "" }),
            count(by.kept),
            count(by.changed),
            money(by.person_days_changed),
            count(by.outside),
            count(by.one_day_phases),
        ]
    };
    let columns = [
        ("boundary", Align::Left),
        ("keep", Align::Right),
        ("change", Align::Right),
        ("person-days", Align::Right),
        ("outside", Align::Right),
        ("phases of one day", Align::Right),
    ];
    let rows = vec![row(Boundary::Midpoint, &found.midpoint), row(Boundary::Fit, &found.fit)];
    page.table(&columns, rows);
    if found.from_log > 0 {
        let log = plural(found.from_log, "timeline");
        page.line(format_args!(
            "  The boundary applies to {}; {log} from the log keep their dates.",
            plural(found.decides, "project")
        ));
    }
    if found.without_percentage > 0 {
        let without = plural(found.without_percentage, "assignment");
        page.line(format_args!("  Person-days exclude {without} without percentage."));
    }
    projects(page, found, limit, names);
}

fn projects(page: &mut Page, found: &Boundaries, limit: usize, names: &HashMap<Uuid, String>) {
    if found.projects.is_empty() {
        return;
    }
    page.gap();
    let row = |project: &ProjectRebooked| {
        let id = project.project_id;
        let [midpoint, fit] = [&project.midpoint, &project.fit];
        vec![
            names.get(&id.uuid()).map_or_else(|| id.to_string(), |name| format!("{} ({id})", clean(name))),
            count(midpoint.changed),
            money(midpoint.person_days_changed),
            count(fit.changed),
            money(fit.person_days_changed),
        ]
    };
    let columns = [
        ("project", Align::Left),
        ("midpoint", Align::Right),
        ("person-days", Align::Right),
        ("fit", Align::Right),
        ("person-days", Align::Right),
    ];
    let rows: Vec<Vec<String>> = found.projects.iter().take(limit).map(row).collect();
    page.table(&columns, rows);
    if found.projects.len() > limit {
        let more = count((found.projects.len() - limit) as u64);
        page.line(format_args!("  {DIM}… and {more} more, all in --json{DIM:#}"));
    }
}
