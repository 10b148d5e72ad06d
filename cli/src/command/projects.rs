//! `phaseline projects`: the planner's projects, with the ids that other commands take.

mod past;

pub(crate) use past::WITHOUT_NAMES;

use crate::argument;
use crate::as_of::AsOfArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::export_table::TableValue;
use crate::failure::Failure;
use crate::output::Rows;
use crate::render;
use crate::report::projects::ProjectsReport;
use crate::target::Target;
use chrono::NaiveDate;
use clap::Args;
use past::PastProjects;
use phaseline_projections::planner_view::{ListedProject, list_projects};

/// List the planner's projects by name, with dates, phases and budgets, and the ids that other commands take
///
/// Reads the planner's tables, in the legacy shape and in the timeline shape. With --at, --as-of or --on it reads the log: the projects
/// whose timelines were open at that moment, also those that were deleted since, with names and cost centres as they are now; projects
/// without a timeline are not listed. Other commands take a
/// project's name, its cost centre or an id prefix (4 characters or more) in place of the id, if only one project fits.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline projects
  phaseline projects alpha           those with alpha in their name or cost centre
  phaseline projects 6f96            those whose ids have this prefix
  phaseline projects --as-of 2026-01-31 --zone Europe/Berlin
  phaseline projects --at 4711 --on 2026-06-30    what ran on that day, as it was known at position 4711
  phaseline projects --at 4711 --output csv
  phaseline projects --output jsonl | jq -r 'select(.kind != \"end\") | [.project_id, .name] | @tsv'")]
pub(crate) struct ProjectsArgs {
    /// Only projects with this text in name or cost centre, in any case, or as a prefix of the id
    filter: Option<String>,
    #[command(flatten)]
    moment: AsOfArgs,
    /// Only projects that run on this day, with the phases that do
    #[arg(long, value_name = "DATE", value_parser = argument::date)]
    on: Option<NaiveDate>,
    /// Show only so many projects
    #[arg(long, value_name = "N", value_parser = argument::count::<usize>)]
    limit: Option<usize>,
}

/// The rows of the list.
const ROWS: Rows = Rows::of("projects", "phaseline.projects.project/1");

/// The columns of a table.
const COLUMNS: [&str; 7] =
    ["project_id", "name", "cost_center", "start_date", "end_date", "phases", "total_budget"];

pub(crate) async fn run(context: &Context, args: &ProjectsArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("projects").await?;
    let filter = args.filter.clone().filter(|filter| !filter.is_empty());
    if args.moment.is_given() || args.on.is_some() {
        let (moment, on, limit) = (&args.moment, args.on, args.limit);
        return past::run(context, &mut connection, PastProjects { moment, on, filter, limit }).await;
    }
    let mut projects = list_projects(&mut connection, filter.as_deref()).await?;
    let total = projects.len() as u64;
    projects.truncate(args.limit.unwrap_or(usize::MAX));
    if let Some(mut table) = context.output.csv(&COLUMNS) {
        projects.iter().for_each(|project| table.row(&row(project)));
        return Ok(Exit::Done);
    }
    let report = ProjectsReport { format: "phaseline.projects/1", filter, total, projects };
    context.output.result_with_rows(&report, &[ROWS], || render::projects::page(&report));
    Ok(Exit::Done)
}

/// A project as a row of the table.
fn row(project: &ListedProject) -> [TableValue<'_>; COLUMNS.len()] {
    [
        project.project_id.to_string().into(),
        project.name.as_deref().into(),
        project.cost_center.as_deref().into(),
        project.start_date.as_deref().into(),
        project.end_date.as_deref().into(),
        project.phases.into(),
        project.total_budget.as_deref().into(),
    ]
}
