//! `phaseline sample`: generates a legacy database.

use crate::argument;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Page;
use crate::render::format::count;
use crate::style::{BOLD, GOOD};
use crate::target::Target;
use clap::Args;
use phaseline_migrator::progress::Progress;
use phaseline_migrator::sample::{SampleCounts, SampleOptions, check, create};
use serde::Serialize;

/// Fill an empty database with a sample legacy database, for trials and rehearsals
///
/// The same options generate the same database, byte for byte.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline sample
  phaseline sample --projects 10000 --assignments 1000000 --seed 7")]
pub(crate) struct SampleArgs {
    /// Number of projects
    #[arg(long, value_name = "N", default_value = "100", value_parser = argument::count::<u32>)]
    pub(crate) projects: u32,
    /// Number of assignments over all projects
    #[arg(long, value_name = "M", default_value = "2000", value_parser = argument::count::<u64>)]
    pub(crate) assignments: u64,
    /// Seed of the random choices
    #[arg(long, value_name = "S", default_value = "1", value_parser = argument::count::<u64>)]
    pub(crate) seed: u64,
    /// Only check that the database is empty, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `phaseline.sample.preview/1`
#[derive(Serialize)]
struct SamplePreview {
    format: &'static str,
    seed: u64,
    projects: u32,
    assignments: u64,
}

/// The generated rows.
#[derive(Serialize)]
pub(crate) struct Sample {
    format: &'static str,
    seed: u64,
    programs: u64,
    projects: u64,
    phases: u64,
    resources: u64,
    assignments: u64,
    actuals: u64,
}

impl Sample {
    fn new(seed: u64, counts: SampleCounts) -> Self {
        let SampleCounts { programs, projects, phases, resources, assignments, actuals } = counts;
        Self {
            format: "phaseline.sample/1",
            seed,
            programs,
            projects,
            phases,
            resources,
            assignments,
            actuals,
        }
    }
}

pub(crate) async fn run(context: &Context, args: &SampleArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let options = SampleOptions { projects: args.projects, assignments: args.assignments, seed: args.seed };
    if args.dry_run {
        return preview(context, &target, &options).await;
    }
    let sample = make(context, &target, &options).await?;
    context.output.result(&sample, || {
        let mut page = Page::default();
        page.entry("projects", count(sample.projects));
        page.entry("phases", count(sample.phases));
        page.entry("resources", count(sample.resources));
        page.entry("assignments", count(sample.assignments));
        page.gap().line(format_args!("{GOOD}DONE{GOOD:#}. Next: {BOLD}{} plan{BOLD:#}", target.program()));
        page
    });
    Ok(Exit::Done)
}

/// Checks that the database is empty, and shows what would be generated.
async fn preview(context: &Context, target: &Target, options: &SampleOptions) -> Result<Exit, Failure> {
    check(&mut target.connect("sample").await?, options).await?;
    let &SampleOptions { projects, assignments, seed } = options;
    let preview = SamplePreview { format: "phaseline.sample.preview/1", seed, projects, assignments };
    context.output.result(&preview, || {
        let mut page = Page::default();
        page.entry("projects", count(projects.into()));
        page.entry("assignments", count(assignments));
        page.gap().line(format_args!("{GOOD}DRY RUN{GOOD:#}. The database is empty; nothing was written."));
        page
    });
    Ok(Exit::Done)
}

pub(super) async fn make(
    context: &Context,
    target: &Target,
    options: &SampleOptions,
) -> Result<Sample, Failure> {
    let mut connection = target.connect("sample").await?;
    // The generator's SQL relies on default session settings.
    sqlx::raw_sql("RESET search_path; RESET max_parallel_workers_per_gather")
        .execute(&mut connection)
        .await?;
    let watcher = context.watcher();
    watcher.step("generating a sample legacy database", None);
    let counts = create(&mut connection, options).await?;
    watcher.finish();
    Ok(Sample::new(options.seed, counts))
}
