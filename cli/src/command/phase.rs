//! `phaseline phase`: commands about one phase.

use crate::argument;
use crate::context::Context;
use crate::execute::execute;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_reads::{is_project, needs_timeline};
use crate::options::ChangeArgs;
use crate::project::{PhaseArg, ProjectArg, is_a_project};
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
  phaseline phase resize 1b4e28ba-2fa1-11d2-883f-0016d3cca427 2026-03-01 2026-04-30 --reason 'supplier is late'
  phaseline phase rename 'Alpha/Design' 'Detailed design'   by the names of project and phase")]
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
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre
    project: ProjectArg,
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
    /// The phase: its id, an id prefix (4 characters or more), or PROJECT/NAME
    phase: PhaseArg,
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
    /// The phase: its id, an id prefix (4 characters or more), or PROJECT/NAME
    phase: PhaseArg,
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
    /// The phase: its id, an id prefix (4 characters or more), or PROJECT/NAME
    phase: PhaseArg,
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
    /// The phase: its id, an id prefix (4 characters or more), or PROJECT/NAME
    phase: PhaseArg,
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
    /// The phase: its id, an id prefix (4 characters or more), or PROJECT/NAME
    phase: PhaseArg,
    #[command(flatten)]
    neighbours: NeighboursArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

impl PhaseArgs {
    /// Whether it writes events.
    pub(crate) const fn writes(&self) -> bool {
        !self.action.options().dry_run
    }
}

impl Action {
    /// What the command is about.
    const fn subject(&self) -> SubjectArg<'_> {
        match self {
            Self::Create(args) => SubjectArg::Project(&args.project),
            Self::Resize(args) => SubjectArg::Phase(&args.phase),
            Self::Rename(args) => SubjectArg::Phase(&args.phase),
            Self::Describe(args) => SubjectArg::Phase(&args.phase),
            Self::Budget(args) => SubjectArg::Phase(&args.phase),
            Self::Remove(args) => SubjectArg::Phase(&args.phase),
        }
    }

    /// The options of the command.
    const fn options(&self) -> &ChangeArgs {
        match self {
            Self::Create(args) => &args.change,
            Self::Resize(args) => &args.change,
            Self::Rename(args) => &args.change,
            Self::Describe(args) => &args.change,
            Self::Budget(args) => &args.change,
            Self::Remove(args) => &args.change,
        }
    }

    /// The command on this phase, which one that creates a phase does not use.
    fn command(&self, phase_id: PhaseId) -> TimelineCommand {
        match self {
            Self::Create(args) => {
                let phase = PhaseDraft {
                    id: args.id.unwrap_or_else(PhaseId::random),
                    name: args.name.clone(),
                    start_date: args.dates.start,
                    end_date: args.dates.end,
                    description: visible(args.description.as_deref()),
                    capital_budget: args.capital,
                    expense_budget: args.expense,
                    total_budget: args.capital + args.expense,
                };
                let neighbours = args.neighbours.neighbours.into();
                TimelineCommand::CreatePhase { phase, neighbours }
            }
            Self::Resize(args) => TimelineCommand::ResizePhase {
                phase_id,
                start_date: args.dates.start,
                end_date: args.dates.end,
                neighbours: args.neighbours.neighbours.into(),
            },
            Self::Rename(args) => TimelineCommand::RenamePhase { phase_id, name: args.name.clone() },
            Self::Describe(args) => {
                TimelineCommand::DescribePhase { phase_id, description: visible(args.text.as_deref()) }
            }
            Self::Budget(args) => TimelineCommand::BudgetPhase {
                phase_id,
                capital_budget: args.capital,
                expense_budget: args.expense,
                total_budget: None,
            },
            Self::Remove(args) => {
                let neighbours = args.neighbours.neighbours.into();
                TimelineCommand::RemovePhase { phase_id, neighbours }
            }
        }
    }
}

enum SubjectArg<'a> {
    Project(&'a ProjectArg),
    Phase(&'a PhaseArg),
}

pub(crate) async fn run(context: &Context, args: &PhaseArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("command").await?;
    need_commands(&mut connection).await?;
    let (project, phase) = match args.action.subject() {
        SubjectArg::Project(project) => (project.resolve(&mut connection).await?, PhaseId::random()),
        SubjectArg::Phase(phase) => {
            let phase = phase.resolve(&mut connection).await?;
            (project_of(&mut connection, phase).await?, phase)
        }
    };
    let command = args.action.command(phase);
    context.name_ids(&mut connection, &project).await;
    drop(connection);
    let done = execute(context, &target, project, &command, args.action.options()).await;
    match args.action.subject() {
        SubjectArg::Project(given) => done.map_err(|failure| needs_timeline(failure, given)),
        SubjectArg::Phase(_) => done,
    }
}

/// A description; none if it has blanks only.
fn visible(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

/// The project of an existing or a removed phase; the command on its timeline refuses a removed one.
async fn project_of(connection: &mut PgConnection, phase: PhaseId) -> Result<ProjectId, Failure> {
    if let Some(project) = planner_view::past_project_of(connection, phase, |_| true).await? {
        return Ok(project);
    }
    let same_id = ProjectId::from(phase.uuid());
    Err(if is_project(connection, same_id).await? {
        is_a_project(same_id)
    } else {
        Failure::refused("not_found", format!("Phase with ID {phase} not found")).remedy(
            "Check the id: `phaseline timeline show PROJECT` lists a project's phases with their ids.",
        )
    })
}
