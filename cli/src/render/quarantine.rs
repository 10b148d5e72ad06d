//! Events that cannot be read, and their remedy.

use super::format::{count, login_beside, moment, plural};
use super::{Page, clean};
use crate::report::quarantine::Skipped;
use crate::style::{BAD, BOLD, GOOD};
use phaseline_migrator::quarantine::QuarantineList;
use phaseline_store::{Quarantine, SkippedEvent, UnreadableEvent};

/// Number of shown events; `--json` has all.
const SHOWN: usize = 20;

/// The unreadable events with heading and remedy; nothing if there are none.
pub(crate) fn listed(page: &mut Page, quarantine: &Quarantine) {
    if quarantine.is_empty() {
        return;
    }
    page.heading("In quarantine: an event of the timeline cannot be read");
    for detail in details(quarantine) {
        page.line(format_args!("  {}", clean(&detail)));
    }
    page.line(format_args!("  Remedy: {BOLD}{}{BOLD:#}", remedy(quarantine))).gap();
}

/// The first events, a line each, and the number of the others.
pub(crate) fn details(quarantine: &Quarantine) -> Vec<String> {
    let mut lines: Vec<String> =
        quarantine.events.iter().take(SHOWN).map(|event| clean(&event.to_string()).into_owned()).collect();
    let more = quarantine.count - lines.len() as u64;
    if more > 0 {
        lines.push(format!("and {} more: phaseline quarantine list --json", count(more)));
    }
    lines
}

/// The remedy for the first event; the others follow one by one.
pub(crate) fn remedy(quarantine: &Quarantine) -> String {
    match quarantine.events.iter().find(|event| !event.damage) {
        Some(event) => format!(
            "phaseline quarantine skip {} --position {} --reason TEXT",
            event.stream_id, event.position
        ),
        None => "restore the database from a backup; phaseline verify has details".to_owned(),
    }
}

/// The list of unreadable and left out events.
pub(crate) fn list(found: &QuarantineList) -> Page {
    let mut page = Page::default();
    let quarantine = Quarantine { events: found.unreadable.clone(), count: found.unreadable_count };
    listed(&mut page, &quarantine);
    if !found.skipped.is_empty() {
        page.heading("Left out");
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
    page
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
        "    left out at position {} by {}{}, {}: {}",
        mark.skipped_at_position,
        text(&mark.actor),
        login_beside(mark.actor.as_deref(), mark.login.as_deref()),
        moment(mark.skipped_at),
        text(&mark.reason)
    ));
}

/// Events, a line each.
pub(crate) fn unreadable(events: &[UnreadableEvent]) -> Page {
    let mut page = Page::default();
    for event in events {
        page.line(format_args!("  {}", clean(&event.to_string())));
    }
    page
}

/// The result of `skip --dry-run`.
pub(crate) fn preview(events: &[UnreadableEvent]) -> Page {
    let mut page = unreadable(events);
    page.gap().line(format_args!(
        "{GOOD}DRY RUN{GOOD:#}. {} can be left out; nothing was written.",
        plural(events.len() as u64, "event")
    ));
    page
}

/// The result of `skip`.
pub(crate) fn skip(done: &Skipped) -> Page {
    let mut page = Page::default();
    for mark in &done.skipped {
        skipped(&mut page, mark);
    }
    page.gap().line(format_args!(
        "{GOOD}LEFT OUT{GOOD:#}. {}. Next: {BOLD}phaseline drift{BOLD:#}",
        plural(done.skipped.len() as u64, "event")
    ));
    page
}
