//! `phaseline phase`: commands about one phase.

use crate::argument;
use crate::context::Context;
use crate::execute::execute;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::ChangeArgs;
use crate::target::Target;
use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};
use phaseline_domain::{Neighbours, PhaseDraft, PhaseId, ProjectId, TimelineCommand};
use phaseline_projections::adopt::need_commands;
use phaseline_projections::planner_view;
use rust_decimal::Decimal;
use sqlx::PgConnection;

/// Create, resize, rename, describe, budget or remove a phase
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline phase rename 1b4e28ba-2fa1-11d2-883f-0016d3cca427 'Detailed design'
  phaseline phase resize 1b4e28ba-2fa1-11d2-883f-0016d3cca427 2026-03-01 2026-04-30 --reason 'supplier is late'")]
pub(crate) struct PhaseArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(CreateArgs),
    Resize(ResizeArgs),
    Rename(RenameArgs),
    Describe(DescribeArgs),
    Budget(BudgetArgs),
    Remove(RemoveArgs),
}

/// The effect of a change of dates on the neighbouring phases.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum NeighboursArg {
    /// They follow, so that the phases still cover all dates of the project
    Adjust,
    /// They stay; a gap or an overlap refuses the change
    Refuse,
}

impl From<NeighboursArg> for Neighbours {
    fn from(argument: NeighboursArg) -> Self {
        match argument {
            NeighboursArg::Adjust => Self::Adjust,
            NeighboursArg::Refuse => Self::Refuse,
        }
    }
}

#[derive(Args, Debug)]
struct DatesArgs {
    /// The first date
    #[arg(value_parser = argument::date)]
    start: NaiveDate,
    /// The last date, inclusive
    #[arg(value_parser = argument::date)]
    end: NaiveDate,
}

#[derive(Args, Debug)]
struct NeighboursArgs {
    /// Effect on the neighbouring phases
    #[arg(long, value_enum, default_value = "adjust")]
    neighbours: NeighboursArg,
}

/// Add a phase to a project's timeline; its neighbours are shortened
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  phaseline phase create 6f9619ff-8b86-d011-b42d-00c04fc964ff 'Testing' 2026-05-01 2026-05-31 --expense 12000")]
struct CreateArgs {
    /// The project's id
    #[arg(value_parser = argument::id::<ProjectId>)]
    project: ProjectId,
    /// The name, at most 100 characters
    name: String,
    #[command(flatten)]
    dates: DatesArgs,
    /// The description, at most 500 characters
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The capital budget
    #[arg(long, value_name = "AMOUNT", default_value = "0", allow_negative_numbers = true, value_parser = argument::amount)]
    capital: Decimal,
    /// The expense budget
    #[arg(long, value_name = "AMOUNT", default_value = "0", allow_negative_numbers = true, value_parser = argument::amount)]
    expense: Decimal,
    /// The phase's id (default: a random one)
    #[arg(long, value_name = "ID", value_parser = argument::id::<PhaseId>)]
    id: Option<PhaseId>,
    #[command(flatten)]
    neighbours: NeighboursArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Change a phase's dates; its neighbours follow
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  phaseline phase resize 1b4e28ba-2fa1-11d2-883f-0016d3cca427 2026-03-01 2026-04-30 --neighbours refuse")]
struct ResizeArgs {
    /// The phase's id
    #[arg(value_parser = argument::id::<PhaseId>)]
    phase: PhaseId,
    #[command(flatten)]
    dates: DatesArgs,
    #[command(flatten)]
    neighbours: NeighboursArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Rename a phase
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  phaseline phase rename 1b4e28ba-2fa1-11d2-883f-0016d3cca427 'Detailed design'")]
struct RenameArgs {
    /// The phase's id
    #[arg(value_parser = argument::id::<PhaseId>)]
    phase: PhaseId,
    /// The name, at most 100 characters
    name: String,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Set or clear a phase's description
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline phase describe 1b4e28ba-2fa1-11d2-883f-0016d3cca427 'Until the authority has answered'
  phaseline phase describe 1b4e28ba-2fa1-11d2-883f-0016d3cca427 --clear")]
struct DescribeArgs {
    /// The phase's id
    #[arg(value_parser = argument::id::<PhaseId>)]
    phase: PhaseId,
    /// The description, at most 500 characters
    #[arg(required_unless_present = "clear")]
    text: Option<String>,
    /// Clear the description
    #[arg(long, conflicts_with = "text")]
    clear: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Set a phase's budget; the total is the sum of both parts
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  phaseline phase budget 1b4e28ba-2fa1-11d2-883f-0016d3cca427 50000 12500.50 --reason 'second offer'")]
struct BudgetArgs {
    /// The phase's id
    #[arg(value_parser = argument::id::<PhaseId>)]
    phase: PhaseId,
    /// The capital budget
    #[arg(allow_negative_numbers = true, value_parser = argument::amount)]
    capital: Decimal,
    /// The expense budget
    #[arg(allow_negative_numbers = true, value_parser = argument::amount)]
    expense: Decimal,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Remove a phase; the phase before it gets its dates, else the phase after it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline phase remove 1b4e28ba-2fa1-11d2-883f-0016d3cca427 --dry-run
  phaseline phase remove 1b4e28ba-2fa1-11d2-883f-0016d3cca427 --reason 'merged into the design'")]
struct RemoveArgs {
    /// The phase's id
    #[arg(value_parser = argument::id::<PhaseId>)]
    phase: PhaseId,
    #[command(flatten)]
    neighbours: NeighboursArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

impl PhaseArgs {
    /// Whether it writes events.
    pub(crate) fn writes(&self) -> bool {
        !self.action.parts().2.dry_run
    }
}

impl Action {
    /// The subject, the command and its options.
    fn parts(&self) -> (Subject, TimelineCommand, &ChangeArgs) {
        match self {
            Self::Create(args) => {
                let phase = PhaseDraft {
                    id: args.id.unwrap_or_else(PhaseId::random),
                    name: args.name.clone(),
                    start_date: args.dates.start,
                    end_date: args.dates.end,
                    description: args.description.clone(),
                    capital_budget: args.capital,
                    expense_budget: args.expense,
                    total_budget: args.capital + args.expense,
                };
                let neighbours = args.neighbours.neighbours.into();
                (
                    Subject::Project(args.project),
                    TimelineCommand::CreatePhase { phase, neighbours },
                    &args.change,
                )
            }
            Self::Resize(args) => {
                let command = TimelineCommand::ResizePhase {
                    phase_id: args.phase,
                    start_date: args.dates.start,
                    end_date: args.dates.end,
                    neighbours: args.neighbours.neighbours.into(),
                };
                (Subject::Phase(args.phase), command, &args.change)
            }
            Self::Rename(args) => {
                let command = TimelineCommand::RenamePhase { phase_id: args.phase, name: args.name.clone() };
                (Subject::Phase(args.phase), command, &args.change)
            }
            Self::Describe(args) => {
                let command =
                    TimelineCommand::DescribePhase { phase_id: args.phase, description: args.text.clone() };
                (Subject::Phase(args.phase), command, &args.change)
            }
            Self::Budget(args) => {
                let command = TimelineCommand::BudgetPhase {
                    phase_id: args.phase,
                    capital_budget: args.capital,
                    expense_budget: args.expense,
                    total_budget: None,
                };
                (Subject::Phase(args.phase), command, &args.change)
            }
            Self::Remove(args) => {
                let neighbours = args.neighbours.neighbours.into();
                let command = TimelineCommand::RemovePhase { phase_id: args.phase, neighbours };
                (Subject::Phase(args.phase), command, &args.change)
            }
        }
    }
}

enum Subject {
    Project(ProjectId),
    Phase(PhaseId),
}

pub(crate) async fn run(context: &Context, args: &PhaseArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("command").await?;
    need_commands(&mut connection).await?;
    let (about, command, options) = args.action.parts();
    let project = match about {
        Subject::Project(project) => project,
        Subject::Phase(phase) => project_of(&mut connection, phase).await?,
    };
    drop(connection);
    execute(context, &target, project, &command, options).await
}

/// The project of an existing or a removed phase; the command on its timeline refuses a removed one.
async fn project_of(connection: &mut PgConnection, phase: PhaseId) -> Result<ProjectId, Failure> {
    let found = planner_view::past_project_of(connection, phase, |_| true).await?;
    found.ok_or_else(|| {
        Failure::refused("not_found", format!("Phase with ID {phase} not found")).remedy(
            "Check the id: `phaseline timeline show PROJECT` lists a project's phases with their ids.",
        )
    })
}
