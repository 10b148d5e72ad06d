//! The events of the whole log, one by one.

use super::format::plural;
use super::history::{DAMAGED_REMEDY, entry};
use super::{Page, clean};
use crate::style::{BAD, DIM};
use phaseline_projections::log_entries::{DescribedEvent, LogSelection};

/// What is shown.
pub(crate) fn heading(selection: &LogSelection) -> Page {
    let LogSelection { positions, project, actor, event_type, limit, newest_first, .. } = selection;
    let (first, last) = (positions.start(), positions.end());
    let mut text = format!("Log from position {first} to {last}");
    if let Some(project) = project {
        text.push_str(&format!(", about project {project}"));
    }
    if let Some(event_type) = event_type {
        text.push_str(&format!(", of type {}", clean(event_type)));
    }
    if let Some(actor) = actor {
        text.push_str(&format!(", by {}", clean(actor.as_str())));
    }
    let limited = limit.map_or_else(String::new, |limit| {
        let which = if *newest_first { "last" } else { "first" };
        let events = if limit == 1 { "event".to_owned() } else { plural(limit as u64, "event") };
        format!(", the {which} {events}")
    });
    let order = if *newest_first { "newest first" } else { "oldest first" };
    format!("{text}{limited}: {order}").into()
}

/// An event, with its project, run or repair.
pub(crate) fn event(event: &DescribedEvent) -> Page {
    let mut page = Page::default();
    entry(&mut page, &event.entry);
    let event_type = clean(&event.entry.event_type);
    let of = match (event.project_id, event.stream_type.as_str()) {
        (Some(project), _) => format!("project {project}"),
        (None, "MigrationRun") => format!("run {}", event.stream_id),
        (None, "DriftRepair") => format!("repair {}", event.stream_id),
        (None, stream_type) => format!("{} {}", clean(stream_type), event.stream_id),
    };
    page.line(format_args!("      {DIM}{event_type}, {of}{DIM:#}"));
    page
}

/// The number of events, and the damage among them.
pub(crate) fn end(events: u64, altered: &[i64]) -> Page {
    let mut page = Page::default();
    if events > 0 {
        page.gap();
    }
    page.line(format_args!("{}.", plural(events, "event")));
    if !altered.is_empty() {
        page.gap().line(format_args!("{BAD}ALTERED{BAD:#}: what is marked so is not what was recorded."));
        page.line(format_args!("  Remedy: {DAMAGED_REMEDY}"));
    }
    page
}
