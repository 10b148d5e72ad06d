//! The history of a timeline, event by event.

use super::format::{login_beside, moment};
use super::{Page, changes, clean};
use crate::style::{BAD, BOLD, DIM};
use phaseline_projections::{ChangedField, HistoryEntry};
use phaseline_store::AlteredEvents;

/// The remedy for a damaged log.
pub(crate) const DAMAGED_REMEDY: &str = "`phaseline verify` lists everything that is wrong with the log. Restore the database from a backup made before the damage.";

/// Events as text, oldest first.
pub(crate) fn entries(page: &mut Page, entries: &[HistoryEntry]) {
    for entry in entries {
        self::entry(page, entry);
    }
}

/// The altered events with heading and remedy; nothing if there are none.
pub(crate) fn altered(page: &mut Page, altered: &AlteredEvents) {
    if altered.is_empty() {
        return;
    }
    page.heading("Damaged: what is marked ALTERED is not what was recorded");
    page.line(format_args!("  {BAD}ALTERED{BAD:#}: {altered}."));
    page.line(format_args!("  Remedy: {DAMAGED_REMEDY}")).gap();
}

/// An event as text.
pub(super) fn entry(page: &mut Page, entry: &HistoryEntry) {
    let by = match (entry.metadata.actor.as_deref(), entry.metadata.actor_name.as_deref()) {
        (Some(actor), Some(name)) => format!(" by {} ({})", clean(name), clean(actor)),
        (Some(name), None) | (None, Some(name)) => format!(" by {}", clean(name)),
        (None, None) => String::new(),
    };
    let way =
        entry.metadata.source.as_deref().map_or_else(String::new, |source| format!(" ({})", clean(source)));
    let login = login_beside(entry.metadata.actor.as_deref(), entry.login.as_deref());
    let altered = if entry.altered { format!("  {BAD}ALTERED{BAD:#}") } else { String::new() };
    page.line(format_args!(
        "  {}{by}{way}  {DIM}position {}{login}{DIM:#}{altered}",
        moment(entry.recorded_at),
        entry.position
    ));
    page.line(format_args!("    {BOLD}{}{BOLD:#}", clean(&entry.words)));
    for change in &entry.changes {
        // The sentence already has the values of a new phase, but for its description.
        if change.before.is_some() {
            page.line(format_args!("      {}", changes::line(change)));
        } else if let (ChangedField::Description, Some(after)) = (change.field, &change.after) {
            page.line(format_args!("      {}: {}", change.field, clean(after)));
        }
    }
    if let Some(phase) = entry.phase_id {
        page.line(format_args!("      {DIM}phase {phase}{DIM:#}"));
    }
    if let Some(position) = &entry.metadata.restored_from {
        page.line(format_args!("      restored from position {}", clean(position)));
    }
    if let Some(reason) = &entry.metadata.reason {
        page.line(format_args!("      why: {}", clean(reason)));
    }
}
