//! One step of a sequence.

use phaseline_domain::TimelineCommand;
use phaseline_tests::model::{Days, Edit};
use uuid::Uuid;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// `migrate`, killed at that progress call if there are so many.
    Migrate { repair: bool, kill: Option<u64> },
    /// `rollback`, with the loss accepted or not.
    RollBack { accept: bool, kill: Option<u64> },
    /// A command on a project's timeline.
    Command { project: Uuid, command: TimelineCommand },
    /// `timeline reschedule PROJECT --from-table`, after the backend moved the project to these days.
    FromTable { project: Uuid, days: Days },
    /// `adopt` of all projects that the log does not have.
    Adopt { repair: bool },
    /// `drift --repair` of a project.
    RepairDrift(Uuid),
    /// An SQL edit. `name` describes it.
    Edit { name: &'static str, edit: Edit },
}

impl Step {
    /// The name under which the step is counted.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Migrate { kill: Some(_), .. } => "migrate, killed",
            Self::Migrate { repair: true, .. } => "migrate with repair",
            Self::Migrate { .. } => "migrate",
            Self::RollBack { kill: Some(_), .. } => "rollback, killed",
            Self::RollBack { accept: true, .. } => "rollback",
            Self::RollBack { .. } => "rollback, loss not accepted",
            Self::FromTable { .. } => "Reschedule from the table",
            Self::Adopt { repair: true } => "adopt with repair",
            Self::Adopt { repair: false } => "adopt",
            Self::RepairDrift(_) => "drift repaired",
            Self::Edit { name, .. } => name,
            Self::Command { command, .. } => match command {
                TimelineCommand::Open { .. } => "Open",
                TimelineCommand::Reschedule { .. } => "Reschedule",
                TimelineCommand::CreatePhase { .. } => "CreatePhase",
                TimelineCommand::ResizePhase { .. } => "ResizePhase",
                TimelineCommand::RenamePhase { .. } => "RenamePhase",
                TimelineCommand::DescribePhase { .. } => "DescribePhase",
                TimelineCommand::BudgetPhase { .. } => "BudgetPhase",
                TimelineCommand::RemovePhase { .. } => "RemovePhase",
                TimelineCommand::ChangePhase { .. } => "ChangePhase",
                TimelineCommand::Reorder { .. } => "Reorder",
                TimelineCommand::ReplaceAll { .. } => "ReplaceAll",
                TimelineCommand::Restore { .. } => "Restore",
            },
        }
    }
}
