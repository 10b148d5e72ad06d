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

impl ReplacementPhase {
    /// The phase as it should be.
    pub const fn draft(&self) -> &PhaseDraft {
        match self {
            Self::Existing(draft) | Self::New(draft) => draft,
        }
    }
}

/// What is to become of one phase; what is not stated stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhaseChanges {
    /// Its name from now on.
    pub name: Option<String>,
    /// Its first day from now on.
    pub start_date: Option<NaiveDate>,
    /// Its last day from now on.
    pub end_date: Option<NaiveDate>,
    /// Its description from now on; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// Capital part of its budget from now on.
    pub capital_budget: Option<Decimal>,
    /// Expense part of its budget from now on.
    pub expense_budget: Option<Decimal>,
    /// The whole of it, if the caller states it; must be the sum.
    pub total_budget: Option<Decimal>,
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
    /// Changes several things of a phase at once: all of them, or none.
    ChangePhase {
        /// The phase.
        phase_id: PhaseId,
        /// What is to change.
        changes: PhaseChanges,
        /// Whether neighbours follow, if its days change.
        neighbours: Neighbours,
    },
    /// Puts the phases into another order. Each keeps its length, from the project's first day on; the last one gets
    /// whatever is left of the project.
    Reorder {
        /// All phases of the project, in their new order.
        phases: Vec<PhaseId>,
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
