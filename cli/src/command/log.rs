//! `phaseline log`: the events of all streams in order of position.

use crate::argument;
use crate::context::Context;
use crate::event_printer::EventPrinter;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_range::RangeArgs;
use crate::log_reads::need_log;
use crate::names::KnownNames;
use crate::project::ProjectArg;
use crate::target::Target;
use clap::Args;
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::event_types;
use phaseline_projections::log_entries::{ActorFilter, DescriptionPlan, LogSelection};
use phaseline_store::stream;
use sqlx::PgConnection;
use uuid::Uuid;

/// Show the log: every event of all projects, runs and repairs in the order in which they were recorded
///
/// Who changed what, when and why, with the values before and after, as `history` shows it for one project; and beside it migrations,
/// rollbacks, repairs and left out events. Exits with 6 if one of the shown events cannot be read, or does not fit its hash.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline log --limit 20 --newest-first
  phaseline log --since 2026-01-01 --until 2026-01-31 --zone Europe/Berlin
  phaseline log --from 4711 --to 4800
  phaseline log --type PhaseRemoved --actor ada@desk
  phaseline log --project 'Alpha' --since 2026-01-31T12:00:00Z
  phaseline log --output jsonl | jq -r 'select(.reason) | [.position, .project_name, .words, .reason] | @tsv'")]
pub(crate) struct LogArgs {
    #[command(flatten)]
    range: RangeArgs,
    /// Only events by this actor, or with this login
    // The id of the global option, which it replaces here.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only events of this type, such as `PhaseResized` or `RunStarted`
    #[arg(long = "type", value_name = "EVENT_TYPE", value_parser = event_type)]
    event_type: Option<String>,
    /// Only events about this project: its id, an id prefix (4 characters or more), its name or its cost centre
    #[arg(long, value_name = "PROJECT")]
    project: Option<ProjectArg>,
    /// Show only so many events: the first ones, or the last ones with --newest-first
    #[arg(long, value_name = "N", value_parser = argument::count::<usize>)]
    limit: Option<usize>,
    /// Show the newest event first
    #[arg(long, requires = "limit")]
    newest_first: bool,
}

/// An event type that the program knows.
fn event_type(text: &str) -> Result<String, String> {
    if event_types().any(|known| known == text) {
        return Ok(text.to_owned());
    }
    let known: Vec<&str> = event_types().collect();
    Err(format!("not the type of an event: expected one of {}", known.join(", ")))
}

pub(crate) async fn run(context: &Context, args: &LogArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("log").await?;
    need_log(&mut connection).await?;
    let project = match &args.project {
        Some(project) => Some(project.resolve(&mut connection).await?),
        None => None,
    };
    let selection = LogSelection {
        positions: args.range.resolved(&mut connection, &context.output).await?,
        project,
        visible: None,
        actor: args.actor.clone().map(ActorFilter::NameOrLogin),
        event_type: args.event_type.clone(),
        limit: args.limit,
        newest_first: args.newest_first,
    };
    let plan = DescriptionPlan::of(&mut connection, &selection).await?;
    name_projects(context, &mut connection, plan.projects.as_deref()).await?;
    let mut printer = EventPrinter::begin(&context.output, &selection);
    plan.describe(&mut connection, &selection, |event| printer.event(event)).await?;
    Ok(printer.end())
}

/// Shows the names of these projects beside their ids, or those of all projects of the log.
async fn name_projects(
    context: &Context,
    connection: &mut PgConnection,
    projects: Option<&[ProjectId]>,
) -> Result<(), Failure> {
    let all;
    let projects = match projects {
        Some(projects) => projects,
        None => {
            all = stream::projects_between(connection, [Uuid::nil(), Uuid::max()]).await?;
            &all
        }
    };
    context.output.set_names(KnownNames::of_projects(connection, projects).await);
    Ok(())
}
