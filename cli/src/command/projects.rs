//! `phaseline projects`: the planner's projects, with the ids that other commands take.

use crate::argument;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Rows;
use crate::render;
use crate::report::projects::ProjectsReport;
use crate::target::Target;
use clap::Args;
use phaseline_projections::planner_view::list_projects;

/// List the planner's projects by name, with dates, phases and budgets, and the ids that other commands take
///
/// Reads the planner's tables, in the legacy shape and in the timeline shape. Other commands take a project's name, its cost centre or
/// an id prefix (4 characters or more) in place of the id, if only one project fits.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline projects
  phaseline projects alpha           those with alpha in their name or cost centre
  phaseline projects 6f96            those whose ids have this prefix
  phaseline projects --output jsonl | jq -r '[.project_id, .name] | @tsv'")]
pub(crate) struct ProjectsArgs {
    /// Only projects with this text in name or cost centre, in any case, or as a prefix of the id
    filter: Option<String>,
    /// Show only so many projects
    #[arg(long, value_name = "N", value_parser = argument::count::<usize>)]
    limit: Option<usize>,
}

/// The rows of the list.
const ROWS: Rows = Rows::of("projects", "phaseline.projects.project/1");

pub(crate) async fn run(context: &Context, args: &ProjectsArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("projects").await?;
    let filter = args.filter.clone().filter(|filter| !filter.is_empty());
    let mut projects = list_projects(&mut connection, filter.as_deref()).await?;
    let total = projects.len() as u64;
    projects.truncate(args.limit.unwrap_or(usize::MAX));
    let report = ProjectsReport { format: "phaseline.projects/1", filter, total, projects };
    context.output.result_with_rows(&report, &[ROWS], || render::projects::page(&report));
    Ok(Exit::Done)
}
