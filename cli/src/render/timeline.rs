//! A timeline as a table of phases.

use super::format::{count, money};
use super::table::Align;
use super::{Page, clean};
use phaseline_domain::Timeline;

/// The timeline's dates and phases.
pub(crate) fn phases(page: &mut Page, timeline: &Timeline) {
    let columns = [
        ("name", Align::Left),
        ("start", Align::Left),
        ("end", Align::Left),
        ("days", Align::Right),
        ("capital", Align::Right),
        ("expense", Align::Right),
        ("total", Align::Right),
        ("id", Align::Left),
    ];
    let rows: Vec<Vec<String>> = timeline
        .phases()
        .iter()
        .map(|phase| {
            vec![
                clean(phase.name.as_str()).into_owned(),
                phase.range.start().to_string(),
                phase.range.end().to_string(),
                count(phase.range.days().unsigned_abs()),
                money(phase.budget.capital().amount()),
                money(phase.budget.expense().amount()),
                money(phase.budget.total().amount()),
                phase.id.to_string(),
            ]
        })
        .collect();
    page.table(&columns, rows);
    for phase in timeline.phases() {
        if let Some(description) = phase.description.as_ref().filter(|text| !text.is_empty()) {
            page.line(format_args!("  {}: {}", clean(phase.name.as_str()), clean(description.as_str())));
        }
    }
}
