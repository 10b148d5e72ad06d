//! Events that cannot be read, and the way out.

use super::format::{count, moment, plural};
use super::{Page, clean};
use crate::report::quarantine::Skipped;
use crate::style::{BAD, BOLD, GOOD};
use phaseline_migrator::quarantine::QuarantineList;
use phaseline_store::{Quarantine, SkippedEvent, UnreadableEvent};

/// How many events are shown; the rest is in `--json`.
const SHOWN: usize = 20;

/// The events that cannot be read under a heading of their own, with what to do; nothing if there is none.
pub(crate) fn listed(page: &mut Page, quarantine: &Quarantine) {
    if quarantine.is_empty() {
        return;
    }
    page.heading("In quarantine: an event of the timeline cannot be read");
    for detail in details(quarantine) {
        page.line(format_args!("  {}", clean(&detail)));
    }
    page.line(format_args!("  What to do: {BOLD}{}{BOLD:#}", way_out(quarantine))).gap();
}

/// The first events, a line each, and how many more there are.
pub(crate) fn details(quarantine: &Quarantine) -> Vec<String> {
    let mut lines: Vec<String> =
        quarantine.events.iter().take(SHOWN).map(|event| clean(&event.to_string()).into_owned()).collect();
    let more = quarantine.count - lines.len() as u64;
    if more > 0 {
        lines.push(format!("and {} more: phaseline quarantine list --json", count(more)));
    }
    lines
}

/// What gets the first of them, and with it all others, out of quarantine.
pub(crate) fn way_out(quarantine: &Quarantine) -> String {
    match quarantine.events.iter().find(|event| !event.damage) {
        Some(event) => format!(
            "phaseline quarantine skip {} --position {} --reason TEXT",
            event.stream_id, event.position
        ),
        None => "restore the database from a backup; phaseline verify says more".to_owned(),
    }
}

/// What cannot be read, and what is left out.
pub(crate) fn list(found: &QuarantineList) -> String {
    let mut page = Page::default();
    let quarantine = Quarantine { events: found.unreadable.clone(), count: found.unreadable_count };
    listed(&mut page, &quarantine);
    if !found.skipped.is_empty() {
        page.heading("Left out for good");
        for mark in &found.skipped {
            skipped(&mut page, mark);
        }
        page.gap();
    }
    match found.unreadable_count {
        0 => page.line(format_args!("{GOOD}NO QUARANTINE{GOOD:#}. Every event can be read, or is left out.")),
        events => {
            page.line(format_args!("{BAD}QUARANTINE{BAD:#}. {} cannot be read.", plural(events, "event")))
        }
    };
    page.into_text()
}

fn skipped(page: &mut Page, mark: &SkippedEvent) {
    let event = UnreadableEvent {
        position: mark.position,
        stream_type: mark.stream_type.clone(),
        stream_id: mark.stream_id,
        version: mark.version,
        event_type: mark.event_type.clone(),
        schema_version: mark.schema_version,
        fault: mark.fault.clone(),
        damage: false,
    };
    page.line(format_args!("  {}", clean(&event.to_string())));
    let text = |text: &Option<String>| clean(text.as_deref().unwrap_or("-")).into_owned();
    page.line(format_args!(
        "    left out at position {} by {}, {}: {}",
        mark.skipped_at_position,
        text(&mark.actor),
        moment(mark.skipped_at),
        text(&mark.reason)
    ));
}

/// What was left out.
pub(crate) fn skip(done: &Skipped) -> String {
    let mut page = Page::default();
    for mark in &done.skipped {
        skipped(&mut page, mark);
    }
    page.gap().line(format_args!(
        "{GOOD}LEFT OUT{GOOD:#}. {}; the log is otherwise as it was. Next: {BOLD}phaseline drift{BOLD:#}",
        plural(done.skipped.len() as u64, "event")
    ));
    page.into_text()
}
