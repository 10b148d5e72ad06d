//! What may be asked of a timeline. A command carries what was asked, still unchecked; [`crate::decide()`] checks it.

use crate::{DateRange, PhaseId, ProjectId};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// What a change does to the phases beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Neighbours {
    /// They follow, so that the project stays covered; refused only where that is impossible.
    #[default]
    Adjust,
    /// They stay as they are; the change is refused if it leaves a gap or an overlap.
    Refuse,
}

/// A phase as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseDraft {
    /// Its id: an existing phase's to change it, a fresh one to create it.
    pub id: PhaseId,
    /// Its name.
    pub name: String,
    /// Its first day.
    pub start_date: NaiveDate,
    /// Its last day.
    pub end_date: NaiveDate,
    /// What is said about it.
    pub description: Option<String>,
    /// Capital part of its budget.
    pub capital_budget: Decimal,
    /// Expense part of its budget.
    pub expense_budget: Decimal,
    /// The whole of it; must be the sum of the two.
    pub total_budget: Decimal,
}

/// One entry of the complete list in [`TimelineCommand::ReplaceAll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplacementPhase {
    /// A phase that is there already: it is changed to the draft. Refused if the timeline does not have it.
    Existing(PhaseDraft),
    /// A phase to create, under the draft's fresh id.
    New(PhaseDraft),
}

/// A command to a project's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineCommand {
    /// Opens the timeline with one "Default Phase" over all its days, without money.
    Open {
        /// The project.
        project_id: ProjectId,
        /// The project's days.
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
    /// Gives a phase other days.
    ResizePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Its first day from now on.
        start_date: NaiveDate,
        /// Its last day from now on.
        end_date: NaiveDate,
        /// Whether neighbours follow.
        neighbours: Neighbours,
    },
    /// Gives a phase another name.
    RenamePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Its name from now on.
        name: String,
    },
    /// Says something else about a phase, or nothing.
    DescribePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Its description from now on.
        description: Option<String>,
    },
    /// Gives a phase another budget.
    BudgetPhase {
        /// The phase.
        phase_id: PhaseId,
        /// Capital part.
        capital_budget: Decimal,
        /// Expense part.
        expense_budget: Decimal,
        /// The whole, if the caller states it; must be the sum.
        total_budget: Option<Decimal>,
    },
    /// Removes a phase.
    RemovePhase {
        /// The phase.
        phase_id: PhaseId,
        /// Whether its days go to a neighbour (the one before it, else the one after).
        neighbours: Neighbours,
    },
    /// The complete list: phases left out are removed, the others changed or created.
    ReplaceAll {
        /// All phases of the project.
        phases: Vec<ReplacementPhase>,
    },
}
