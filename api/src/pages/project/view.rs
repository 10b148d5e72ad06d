//! What the templates of a project's page show.

use super::commands::CommandView;
use super::draft::{DraftRow, RowFault};
use super::effects::EffectsView;
use super::rows::{ChartView, PhaseRowView};
use crate::pages::frame::Frame;
use crate::pages::words;
use chrono::{DateTime, Utc};
use phaseline_domain::{DateRange, PhaseId, ProjectId};
use phaseline_projections::effects::BudgetSums;

/// Which side of a timeline the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As it is saved.
    Now,
    /// As it was.
    Past,
    /// As someone shapes it.
    Draft,
    /// As a restored moment would make it.
    Restore,
}

/// A moment of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MomentView {
    /// The position.
    pub(crate) position: i64,
    /// Its time; none before the first event.
    pub(crate) time: Option<DateTime<Utc>>,
}

impl MomentView {
    /// In words.
    pub(crate) fn shown(&self) -> String {
        self.time.map_or_else(|| "before the first event".to_owned(), words::time)
    }

    /// For programs.
    pub(crate) fn machine(&self) -> String {
        self.time.map(words::machine_time).unwrap_or_default()
    }
}

/// A notice above the timeline.
#[derive(Clone, Debug)]
pub(crate) struct NoteView {
    /// `info`, `warn` or `bad`.
    pub(crate) kind: &'static str,
    /// The text.
    pub(crate) text: String,
}

/// A broken rule, or a field that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct FaultView {
    /// The phase, if it is about one.
    pub(crate) phase: Option<PhaseId>,
    /// The rule.
    pub(crate) rule: Option<&'static str>,
    /// The field at which it is shown, as rules name it.
    pub(crate) field: &'static str,
    /// What is wrong.
    pub(crate) message: String,
}

/// A row of the draft's table.
#[derive(Clone, Debug)]
pub(crate) struct DraftRowView {
    /// The row, as it was typed.
    pub(crate) row: DraftRow,
    /// Its place, from 1.
    pub(crate) number: usize,
    /// The name for labels.
    pub(crate) name: String,
    /// How many days it has, if its dates can be read.
    pub(crate) days: Option<i64>,
    /// The sum of its budget, if it can be read.
    pub(crate) total: Option<String>,
    /// The assignments on its dates.
    pub(crate) assignments: Option<i64>,
    /// Hints with the weekdays.
    pub(crate) hints: [String; 2],
    /// What is wrong with its fields.
    pub(crate) faults: Vec<RowFault>,
    /// What rules say about it.
    pub(crate) broken: Vec<FaultView>,
    /// The phase as others saved it, if that is another and there is a conflict.
    pub(crate) theirs: Option<String>,
    /// Whether it is the first or the last one.
    pub(crate) ends: [bool; 2],
}

impl DraftRowView {
    /// Whether something is wrong with a field.
    pub(crate) fn is_bad(&self, field: &str) -> bool {
        let is_about = |fault: &FaultView| match fault.field {
            "dates" | "timeline" => field.ends_with("_date"),
            "budget" => field.ends_with("_budget"),
            other => other == field,
        };
        self.faults.iter().any(|fault| fault.field == field) || self.broken.iter().any(is_about)
    }

    /// Everything that is wrong with the row.
    pub(crate) fn messages(&self) -> Vec<&str> {
        self.faults
            .iter()
            .map(|fault| fault.message.as_str())
            .chain(self.broken.iter().map(|fault| fault.message.as_str()))
            .collect()
    }
}

/// A draft.
#[derive(Clone, Debug)]
pub(crate) struct DraftView {
    /// Its rows.
    pub(crate) rows: Vec<DraftRowView>,
    /// What the browser holds: the version, the rows from which it began, and its rows. JSON.
    pub(crate) state: String,
    /// How many phases differ from the saved ones.
    pub(crate) changed: usize,
    /// Whether it can be saved.
    pub(crate) is_valid: bool,
    /// Whether others saved something since it was begun.
    pub(crate) conflict: Option<Vec<CommandView>>,
    /// What putting it on top of theirs did.
    pub(crate) merged: Vec<String>,
}

/// The part of a project's page that changes: chart, table, and what goes with them.
#[derive(Clone, Debug)]
pub(crate) struct ProjectTimelineView {
    /// What the page has in common with others.
    pub(crate) frame: Frame,
    /// The project.
    pub(crate) project: ProjectId,
    /// Its name.
    pub(crate) name: String,
    /// Which side it shows.
    pub(crate) mode: Mode,
    /// The version.
    pub(crate) version: i64,
    /// Changes with everything that is shown of the present.
    pub(crate) digest: String,
    /// The project's dates.
    pub(crate) dates: Option<DateRange>,
    /// The chart.
    pub(crate) chart: Option<ChartView>,
    /// Its rows.
    pub(crate) rows: Vec<PhaseRowView>,
    /// The sums of budgets.
    pub(crate) sums: BudgetSums,
    /// Assignments outside all phases, if that is known.
    pub(crate) outside: Option<i64>,
    /// The moment that it shows; none for now.
    pub(crate) at: Option<MomentView>,
    /// The moment that it is compared with.
    pub(crate) compare: Option<MomentView>,
    /// The phase that is selected.
    pub(crate) select: Option<PhaseId>,
    /// Whether the visitor may edit this timeline now.
    pub(crate) can_edit: bool,
    /// Whether the visitor may restore this moment.
    pub(crate) can_restore: bool,
    /// Whether the project has no phases yet, and may get them.
    pub(crate) can_open: bool,
    /// Notes.
    pub(crate) notes: Vec<NoteView>,
    /// What a change would do.
    pub(crate) effects: Option<EffectsView>,
    /// What is wrong with it.
    pub(crate) faults: Vec<FaultView>,
    /// The draft.
    pub(crate) draft: Option<DraftView>,
    /// The announcement of the last edit for assistive technology.
    pub(crate) said: String,
    /// Whether a restored timeline brings its project's dates along.
    pub(crate) with_days: bool,
}

impl ProjectTimelineView {
    /// The mode for scripts and styles.
    pub(crate) const fn mode_name(&self) -> &'static str {
        match self.mode {
            Mode::Now => "now",
            Mode::Past => "past",
            Mode::Draft => "draft",
            Mode::Restore => "restore",
        }
    }

    /// Whether the bars are those of a past moment.
    pub(crate) fn is_past(&self) -> bool {
        self.mode == Mode::Past
    }

    /// Whether it is a draft.
    pub(crate) fn is_draft(&self) -> bool {
        self.mode == Mode::Draft
    }

    /// Whether it shows what restoring would do.
    pub(crate) fn is_restore(&self) -> bool {
        self.mode == Mode::Restore
    }

    /// What the dashed bars are.
    pub(crate) fn ghost_words(&self) -> String {
        match (self.mode, &self.compare) {
            (Mode::Draft, _) if self.draft.as_ref().is_some_and(|draft| draft.conflict.is_some()) => {
                "as others saved it".to_owned()
            }
            (Mode::Draft, _) => "as saved".to_owned(),
            (Mode::Restore, _) => "as it is now".to_owned(),
            (_, Some(compare)) => format!("at position {}, {}", compare.position, compare.shown()),
            (_, None) => String::new(),
        }
    }

    /// Whether there is another side.
    pub(crate) fn has_ghosts(&self) -> bool {
        self.compare.is_some() || matches!(self.mode, Mode::Draft | Mode::Restore)
    }

    /// The project's first day with the weekday.
    pub(crate) fn start_hint(&self) -> String {
        self.dates.map(|range| words::weekday(range.start())).unwrap_or_default()
    }

    /// Its last day with the weekday.
    pub(crate) fn end_hint(&self) -> String {
        self.dates.map(|range| words::weekday(range.end())).unwrap_or_default()
    }

    /// How many days the project has.
    pub(crate) fn days(&self) -> String {
        self.dates.map(|range| words::days(range.days())).unwrap_or_default()
    }

    /// A sum.
    pub(crate) fn sum(&self, amount: &rust_decimal::Decimal) -> String {
        words::amount(*amount)
    }

    /// A number of phases.
    pub(crate) fn phases(&self) -> String {
        let count = self.rows.iter().filter(|row| !row.is_removed()).count();
        words::counted(i64::try_from(count).unwrap_or_default(), "phase")
    }

    /// The sum of all assignments on phases, if they are known.
    pub(crate) fn assignments(&self) -> Option<i64> {
        self.rows.iter().filter(|row| !row.is_removed()).map(|row| row.assignments).sum()
    }

    /// Whether a phase is selected.
    pub(crate) fn is_selected(&self, id: &PhaseId) -> bool {
        self.select == Some(*id)
    }

    /// Whether a bar gets the focus first: the selected one, else the first.
    pub(crate) fn is_first_stop(&self, index: &usize, id: &PhaseId) -> bool {
        let is_selectable = self.select.is_some_and(|select| self.rows.iter().any(|row| row.id == select));
        if is_selectable { self.select == Some(*id) } else { *index == 0 }
    }
}
