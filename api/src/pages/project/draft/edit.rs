//! Applies one edit to a draft. Where the draft is a valid timeline, an edit is the command of the same name, so that neighbours follow
//! as they would on the saved timeline; otherwise only the edited phase changes, and the rules tell what is left to do.

use super::{DraftRow, command, parsed, rows_of};
use crate::pages::words;
use chrono::{Days, NaiveDate};
use phaseline_domain::{
    Neighbours, Phase, PhaseDraft, PhaseId, Refusal, Timeline, TimelineCommand, Violation, decide,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The name of a phase that is added.
const NEW_NAME: &str = "New phase";

/// One edit.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum DraftEdit {
    /// Nothing but what was typed into the rows.
    None,
    /// Other dates for a phase.
    Dates {
        /// The phase.
        phase: PhaseId,
        /// Its new first day.
        start: String,
        /// Its new last day.
        end: String,
        /// Whether its neighbours follow.
        follow: bool,
    },
    /// A phase changes its place in the order; each keeps its length.
    Move {
        /// The phase.
        phase: PhaseId,
        /// By how many places; later is positive.
        by: i32,
    },
    /// A new phase in the later half of one.
    Add {
        /// That one; without it the longest.
        within: Option<PhaseId>,
    },
    /// A phase goes; its dates go to a neighbour.
    Remove {
        /// The phase.
        phase: PhaseId,
    },
    /// The changes of the draft on top of what others have saved meanwhile.
    Merge,
}

/// A draft after an edit.
#[derive(Clone, Debug)]
pub(crate) struct EditedDraft {
    /// The rows.
    pub(crate) rows: Vec<DraftRow>,
    /// What the edit did, in a sentence; empty for nothing.
    pub(crate) said: String,
    /// Why the edit was not possible.
    pub(crate) refused: Option<String>,
    /// The phase that the edit is about, which gets the focus.
    pub(crate) focus: Option<PhaseId>,
}

impl EditedDraft {
    fn unchanged(rows: &[DraftRow]) -> Self {
        Self { rows: rows.to_vec(), said: String::new(), refused: None, focus: None }
    }

    fn refusing(rows: &[DraftRow], why: impl Into<String>) -> Self {
        Self { refused: Some(why.into()), ..Self::unchanged(rows) }
    }
}

/// The draft after an edit. `current` is the saved timeline.
pub(crate) fn edited(current: &Timeline, rows: &[DraftRow], edit: &DraftEdit) -> EditedDraft {
    match edit {
        DraftEdit::None | DraftEdit::Merge => EditedDraft::unchanged(rows),
        DraftEdit::Dates { phase, start, end, follow } => dates(current, rows, *phase, [start, end], *follow),
        DraftEdit::Move { phase, by } => moved(current, rows, *phase, *by),
        DraftEdit::Add { within } => added(current, rows, *within),
        DraftEdit::Remove { phase } => removed(current, rows, *phase),
    }
}

/// The timeline that saving the draft would make, if it breaks no rule.
pub(crate) fn timeline_of(current: &Timeline, rows: &[DraftRow]) -> Option<Timeline> {
    let (drafts, faults) = parsed(rows);
    if !faults.is_empty() {
        return None;
    }
    after(current, &command(&drafts)).ok()
}

fn after(timeline: &Timeline, command: &TimelineCommand) -> Result<Timeline, Refusal> {
    let events = decide(timeline, command)?;
    let mut after = timeline.clone();
    events.iter().for_each(|event| after.evolve(event));
    Ok(after)
}

/// The draft's timeline before and after a command, and the rows after it; or why the command is not possible.
type Applied = Result<(Timeline, Timeline, Vec<DraftRow>), String>;

/// A command on a draft; none if the draft breaks rules.
fn with(
    current: &Timeline,
    rows: &[DraftRow],
    command: impl FnOnce(&Timeline) -> Result<TimelineCommand, String>,
) -> Option<Applied> {
    let before = timeline_of(current, rows)?;
    let command = match command(&before) {
        Ok(command) => command,
        Err(why) => return Some(Err(why)),
    };
    Some(match after(&before, &command) {
        Ok(after) => {
            let new: BTreeSet<PhaseId> = rows.iter().filter(|row| row.is_new).map(|row| row.id).collect();
            let known: BTreeSet<PhaseId> = rows.iter().map(|row| row.id).collect();
            let rows = rows_of(&after, |id| new.contains(&id) || !known.contains(&id));
            Ok((before, after, rows))
        }
        Err(refusal) => Err(explained(&refusal)),
    })
}

fn explained(refusal: &Refusal) -> String {
    let messages: Vec<String> = refusal.violations().iter().map(Violation::explained).collect();
    messages.join("; ")
}

fn dates(
    current: &Timeline,
    rows: &[DraftRow],
    phase: PhaseId,
    [start, end]: [&str; 2],
    follow: bool,
) -> EditedDraft {
    let mut typed = rows.to_vec();
    let Some(row) = typed.iter_mut().find(|row| row.id == phase) else {
        return EditedDraft::refusing(rows, "The draft does not have this phase any more");
    };
    (row.start_date, row.end_date) = (start.to_owned(), end.to_owned());
    let requested = row.parse().ok().map(|draft| (draft.start_date, draft.end_date));
    let resized = |(start_date, end_date)| {
        let command = TimelineCommand::ResizePhase {
            phase_id: phase,
            start_date,
            end_date,
            neighbours: Neighbours::Adjust,
        };
        // Dates that were mistyped before are no reason for neighbours to stay.
        let starts = [Some(rows.to_vec()), between_neighbours(current, rows, phase)];
        starts.into_iter().flatten().find_map(|rows| with(current, &rows, |_| Ok(command.clone()))?.ok())
    };
    if let Some((before, after, rows)) = requested.filter(|_| follow).and_then(resized) {
        return EditedDraft {
            rows,
            said: said_dates(&before, &after, phase),
            refused: None,
            focus: Some(phase),
        };
    }
    let said = requested.map(|(start, end)| format!("{} now runs {}", shown_name(row), span(start, end)));
    EditedDraft { rows: typed, said: said.unwrap_or_default(), refused: None, focus: Some(phase) }
}

/// The rows with those dates for a phase that the others leave.
fn between_neighbours(current: &Timeline, rows: &[DraftRow], phase: PhaseId) -> Option<Vec<DraftRow>> {
    let range = current.range()?;
    let place = rows.iter().position(|row| row.id == phase)?;
    let start = match place.checked_sub(1) {
        Some(before) => rows[before].parse().ok()?.end_date.succ_opt()?,
        None => range.start(),
    };
    let end = match rows.get(place + 1) {
        Some(after) => after.parse().ok()?.start_date.pred_opt()?,
        None => range.end(),
    };
    let mut rows = rows.to_vec();
    let row = rows.get_mut(place)?;
    (row.start_date, row.end_date) = (start.to_string(), end.to_string());
    Some(rows)
}

fn shown_name(row: &DraftRow) -> String {
    words::shown(row.name.trim())
}

fn span(start: NaiveDate, end: NaiveDate) -> String {
    let days = (end - start).num_days() + 1;
    format!("{} to {}, {}", words::spoken_day(start), words::spoken_day(end), words::days(days))
}

/// What a change of dates did, the requested phase first.
fn said_dates(before: &Timeline, after: &Timeline, phase: PhaseId) -> String {
    let changed = |found: &&Phase| before.phase(found.id).map(|old| old.range) != Some(found.range);
    let words = |found: &Phase, verb| {
        format!(
            "{} {verb} {}",
            words::shown(found.name.as_str()),
            span(found.range.start(), found.range.end())
        )
    };
    let (first, others): (Vec<&Phase>, Vec<&Phase>) =
        after.phases().iter().filter(changed).partition(|found| found.id == phase);
    let first = first.into_iter().map(|found| words(found, "now runs"));
    let others = others.into_iter().map(|found| words(found, "follows,"));
    first.chain(others).collect::<Vec<_>>().join("; ")
}

fn moved(current: &Timeline, rows: &[DraftRow], phase: PhaseId, by: i32) -> EditedDraft {
    let order = with(current, rows, |timeline| {
        let mut ids: Vec<PhaseId> = timeline.phases().iter().map(|phase| phase.id).collect();
        let place =
            ids.iter().position(|id| *id == phase).ok_or("The draft does not have this phase any more")?;
        let other = place.saturating_add_signed(by as isize).min(ids.len() - 1);
        if other == place {
            return Err(if by < 0 { "This is the first phase" } else { "This is the last phase" }.to_owned());
        }
        let id = ids.remove(place);
        ids.insert(other, id);
        Ok(TimelineCommand::Reorder { phases: ids })
    });
    finish(
        rows,
        order,
        "The order can change once the phases cover the project: mend their dates first",
        |before, after| (said_dates(before, after, phase), Some(phase)),
    )
}

fn added(current: &Timeline, rows: &[DraftRow], within: Option<PhaseId>) -> EditedDraft {
    let id = PhaseId::random();
    let result = with(current, rows, |timeline| {
        let longest = || timeline.phases().iter().max_by_key(|phase| phase.range.days());
        let host = within.and_then(|id| timeline.phase(id)).or_else(longest);
        let host = host.ok_or("The project has no phase yet")?;
        if host.range.days() < 2 {
            return Err(format!(
                "{} has one day only: there is no room for another phase in it",
                words::shown(host.name.as_str())
            ));
        }
        let kept = Days::new(host.range.days().unsigned_abs().div_ceil(2));
        let start_date = host.range.start().checked_add_days(kept).unwrap_or(host.range.end());
        let phase = PhaseDraft {
            id,
            name: NEW_NAME.to_owned(),
            start_date,
            end_date: host.range.end(),
            description: None,
            capital_budget: Decimal::new(0, 2),
            expense_budget: Decimal::new(0, 2),
            total_budget: Decimal::new(0, 2),
        };
        Ok(TimelineCommand::CreatePhase { phase, neighbours: Neighbours::Adjust })
    });
    finish(
        rows,
        result,
        "A phase can be added once the phases cover the project: mend their dates first",
        |before, after| (said_dates(before, after, id), Some(id)),
    )
}

fn removed(current: &Timeline, rows: &[DraftRow], phase: PhaseId) -> EditedDraft {
    let name = rows.iter().find(|row| row.id == phase).map(shown_name).unwrap_or_default();
    let result = with(current, rows, |_| {
        Ok(TimelineCommand::RemovePhase { phase_id: phase, neighbours: Neighbours::Adjust })
    });
    match result {
        None if rows.len() == 1 => EditedDraft::refusing(rows, "Cannot delete the last remaining phase"),
        // The draft breaks rules: then the row goes, and nothing follows.
        None => {
            let rows: Vec<DraftRow> = rows.iter().filter(|row| row.id != phase).cloned().collect();
            let focus = rows.first().map(|row| row.id);
            EditedDraft { rows, said: format!("{name} is removed"), refused: None, focus }
        }
        result => finish(rows, result, "", |before, after| {
            let follows = said_dates(before, after, phase);
            let separator = if follows.is_empty() { "" } else { "; " };
            let place = before.phases().iter().position(|found| found.id == phase).unwrap_or_default();
            let next = after.phases().get(place).or_else(|| after.phases().last()).map(|next| next.id);
            (format!("{name} is removed{separator}{follows}"), next)
        }),
    }
}

fn finish(
    rows: &[DraftRow],
    result: Option<Applied>,
    invalid: &str,
    said: impl FnOnce(&Timeline, &Timeline) -> (String, Option<PhaseId>),
) -> EditedDraft {
    match result {
        None => EditedDraft::refusing(rows, invalid),
        Some(Err(why)) => EditedDraft::refusing(rows, why),
        Some(Ok((before, after, rows))) => {
            let (said, focus) = said(&before, &after);
            EditedDraft { rows, said, refused: None, focus }
        }
    }
}
