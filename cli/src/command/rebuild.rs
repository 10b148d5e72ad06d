//! `phaseline rebuild`: `project_phases` once more from the log.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::metadata;
use crate::options::ReasonArgs;
use crate::output::Rows;
use crate::page;
use crate::report::{elapsed_ms, rebuild::Report};
use crate::target::Target;
use clap::Args;
use phaseline_domain::ProjectId;
use phaseline_migrator::progress::Progress;
use phaseline_projections::adopt::need_commands;
use phaseline_projections::rebuild::{RebuildOptions, rebuild};
use std::time::Instant;

/// More connections than this are a mistake in typing rather than a wish.
const MOST_JOBS: u16 = 64;

/// Fold the whole log anew and set right where the rows of phases differ
///
/// Several connections read the log as it stood at one moment, every position of it, and `project_phases` is compared with
/// what it amounts to. Where a row is missing or holds something else, it is written, in one short transaction, after all
/// that others wrote meanwhile was taken in: readers never wait, commands only for that transaction. What is overwritten is
/// written into the log first. A rebuild that is interrupted leaves the table as it was.
///
/// Rows that the log does not have are named and left, unless --delete-unknown is given; then it ends with 6, as --check
/// does when anything differs. Projects that are in the log, but not in `public.projects`, cannot have rows and end it with
/// 6, too: see `phaseline drift`; so do timelines that hold an event that cannot be read, whose rows are left as they are:
/// see `phaseline quarantine`. Rows of projects that the log does not know are no difference: see `phaseline adopt`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline rebuild --check            is every row what the log says?
  phaseline rebuild                    make it so
  phaseline rebuild --jobs 8           with eight connections at once
  phaseline rebuild --project 6f9619ff-8b86-d011-b42d-00c04fc964ff")]
pub(crate) struct RebuildArgs {
    /// Only compare, and write nothing
    #[arg(long)]
    check: bool,
    /// Only this project: its stream is read, and no other
    #[arg(long, value_name = "ID")]
    project: Option<ProjectId>,
    /// How many connections read the log at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_JOBS)), conflicts_with = "project")]
    jobs: Option<u16>,
    /// Delete rows of known projects that the log does not have
    #[arg(long, conflicts_with = "check")]
    delete_unknown: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// The rows of a report.
const ROWS: [Rows; 2] =
    [Rows::of("differences", "phaseline.rebuild.difference/1"), Rows::of("left", "phaseline.rebuild.left/1")];

pub(crate) async fn run(context: &Context, args: &RebuildArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(&context.global).await?;
    let mut connection = target.connect("rebuild").await?;
    need_commands(&mut connection).await?;
    let jobs = if args.project.is_some() { 1 } else { args.jobs.unwrap_or_else(cores) };
    let mut readers = Vec::new();
    if args.project.is_none() {
        for _ in 0..jobs {
            readers.push(target.connect("rebuild reader").await?);
        }
    }
    let options = RebuildOptions {
        check: args.check,
        project: args.project,
        delete_unknown: args.delete_unknown,
        metadata: metadata(&context.global, args.reason.reason.as_deref()),
    };
    let watcher = context.watcher();
    let begun = Instant::now();
    let rebuilt = rebuild(&mut connection, readers, &options, &watcher as &dyn Progress).await?;
    if let Some(project) = args.project.filter(|_| rebuilt.events == 0 && rebuilt.left.is_empty()) {
        return Err(Failure::refused("not_found", format!("the log has no timeline of project {project}"))
            .remedy("Rows of a project that the log does not know are taken in by: phaseline adopt"));
    }
    watcher.finish();
    let report = Report {
        format: "phaseline.rebuild/1",
        check: args.check,
        project_id: args.project,
        jobs,
        rebuilt,
        took_ms: elapsed_ms(begun),
    };
    context.output.answer_rows(&report, &ROWS, || page::rebuild::page(&report));
    Ok(if report.rebuilt.is_right() { Exit::Done } else { Exit::VerificationFailed })
}

fn cores() -> u16 {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u16::try_from(cores).unwrap_or(MOST_JOBS).min(MOST_JOBS)
}
