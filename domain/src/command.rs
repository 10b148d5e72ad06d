//! The commands on a timeline, with unchecked values; [`crate::decide()`] checks them.

use crate::{DateRange, Phase, PhaseId, ProjectId, Timeline};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// The effect of a change on the neighbouring phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Neighbours {
    /// They follow, so that phases still cover the project; the change is refused if that is impossible.
    #[default]
    Adjust,
    /// They keep their dates; a change that leaves a gap or an overlap is refused.
    Refuse,
}

/// A requested phase, unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseDraft {
    /// Its id: that of an existing phase, or a new one.
    pub id: PhaseId,
    /// Its name.
    pub name: String,
    /// Its first day.
    pub start_date: NaiveDate,
    /// Its last day.
    pub end_date: NaiveDate,
    /// Its description.
    pub description: Option<String>,
    /// Capital part of its budget.
    pub capital_budget: Decimal,
    /// Expense part of its budget.
    pub expense_budget: Decimal,
    /// The total; must be the sum of the two.
    pub total_budget: Decimal,
}

impl From<&Phase> for PhaseDraft {
    fn from(phase: &Phase) -> Self {
        Self {
            id: phase.id,
            name: phase.name.as_str().to_owned(),
            start_date: phase.range.start(),
            end_date: phase.range.end(),
            description: phase.description.as_ref().map(|text| text.as_str().to_owned()),
            capital_budget: phase.budget.capital().amount(),
            expense_budget: phase.budget.expense().amount(),
            total_budget: phase.budget.total().amount(),
        }
    }
}

/// One entry of the complete list in [`TimelineCommand::ReplaceAll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplacementPhase {
    /// An existing phase, to change. Refused if the timeline does not have it.
    Existing(PhaseDraft),
    /// A phase to create, under the draft's new id.
    New(PhaseDraft),
}

impl ReplacementPhase {
    /// The phase as it should be.
    pub const fn draft(&self) -> &PhaseDraft {
        match self {
            Self::Existing(draft) | Self::New(draft) => draft,
        }
    }
}

/// The changes to one phase; a field that is none stays unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhaseChanges {
    /// Its new name.
    pub name: Option<String>,
    /// Its new first day.
    pub start_date: Option<NaiveDate>,
    /// Its new last day.
    pub end_date: Option<NaiveDate>,
    /// Its new description; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// The new capital part of its budget.
    pub capital_budget: Option<Decimal>,
    /// The new expense part of its budget.
    pub expense_budget: Option<Decimal>,
    /// The total, if the caller states it; must be the sum.
    pub total_budget: Option<Decimal>,
}

/// A command on a project's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineCommand {
    /// Opens the timeline with one "Default Phase" over all its dates, without a budget.
    Open {
        /// The project.
        project_id: ProjectId,
        /// The project's dates.
        range: DateRange,
        /// The id for the default phase.
        default_phase_id: PhaseId,
    },
    /// Moves the project's own dates; the first phase's start and the last phase's end follow.
    Reschedule {
        /// The project's first day.
        start_date: NaiveDate,
        /// The project's last day.
        end_date: NaiveDate,
    },
    /// Adds a phase.
    CreatePhase {
        /// The phase, with a fresh id.
        phase: PhaseDraft,
        /// Whether neighbours make room.
        neighbours: Neighbours,
    },
    /// Changes the dates of a phase.
    ResizePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Its new first day.
        start_date: NaiveDate,
        /// Its new last day.
        end_date: NaiveDate,
        /// Whether neighbours follow.
        neighbours: Neighbours,
    },
    /// Renames a phase.
    RenamePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Its new name.
        name: String,
    },
    /// Changes or removes the description of a phase.
    DescribePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Its new description.
        description: Option<String>,
    },
    /// Changes the budget of a phase.
    BudgetPhase {
        /// The phase.
        phase_id: PhaseId,
        /// Capital part.
        capital_budget: Decimal,
        /// Expense part.
        expense_budget: Decimal,
        /// The total, if the caller states it; must be the sum.
        total_budget: Option<Decimal>,
    },
    /// Changes several fields of a phase at once: all of them, or none.
    ChangePhase {
        /// The phase.
        phase_id: PhaseId,
        /// The changes.
        changes: PhaseChanges,
        /// Whether neighbours follow, if its dates change.
        neighbours: Neighbours,
    },
    /// Puts the phases into another order. Each keeps its length, from the project's first day on; the last one gets
    /// the rest of the project.
    Reorder {
        /// All phases of the project, in their new order.
        phases: Vec<PhaseId>,
    },
    /// Removes a phase.
    RemovePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Whether its dates go to a neighbour (the one before it, else the one after).
        neighbours: Neighbours,
    },
    /// The complete list: phases left out are removed, the others changed or created.
    ReplaceAll {
        /// All phases of the project.
        phases: Vec<ReplacementPhase>,
    },
    /// The timeline as it was: exactly these phases. One that the timeline lacks is created under its old id.
    Restore {
        /// All phases of the project at that moment.
        phases: Vec<PhaseDraft>,
        /// The project's dates at that moment.
        range: DateRange,
        /// Whether the project gets these dates, too. If it does not, and has other dates now, the command is refused.
        with_project_days: bool,
    },
}

impl TimelineCommand {
    /// The command that restores an earlier timeline; none if that one is not open.
    pub fn restore(earlier: &Timeline, with_project_days: bool) -> Option<Self> {
        let phases = earlier.phases().iter().map(PhaseDraft::from).collect();
        Some(Self::Restore { phases, range: earlier.range()?, with_project_days })
    }
}
