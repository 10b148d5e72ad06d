//! `phaseline rebuild`: compares `project_phases` with the whole log, and repairs it.

use crate::argument;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_readers::{MOST_READERS, cores};
use crate::log_reads::without_timeline;
use crate::operator::metadata;
use crate::options::ReasonArgs;
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render;
use crate::report::{elapsed_ms, rebuild::RebuildReport};
use crate::target::Target;
use clap::Args;
use phaseline_domain::ProjectId;
use phaseline_migrator::progress::Progress;
use phaseline_projections::adopt::need_commands;
use phaseline_projections::rebuild::{RebuildOptions, rebuild};
use phaseline_store::timeline_states::remake;
use sqlx::PgConnection;
use std::time::Instant;

/// Fold the whole log and repair rows of phases that differ
///
/// Several connections read one snapshot of the log completely and compare its fold with `project_phases`. Rows that are
/// missing or different are written in one short transaction, after the fold has caught up with events appended
/// meanwhile: commands wait only for that transaction. Readers never wait, unless most rows are missing: then two seconds
/// at most, and --check says so. The log first records what is overwritten. An interrupted rebuild leaves the table
/// unchanged.
///
/// Unknown rows are listed and kept, unless --delete-unknown is given; then it exits with 6, as --check does for any
/// difference. Projects of the log that are not in `public.projects` cannot have rows: exit 6, see `phaseline drift`.
/// Timelines with an event that cannot be read keep their rows: exit 6, see `phaseline quarantine`. Rows of projects
/// without timeline do not count: see `phaseline adopt`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline rebuild --check            compare only
  phaseline rebuild                    compare and repair
  phaseline rebuild --jobs 8           with eight connections
  phaseline rebuild --project 6f9619ff-8b86-d011-b42d-00c04fc964ff")]
pub(crate) struct RebuildArgs {
    /// Only compare, and write nothing; exits with 6 if a row differs
    #[arg(long, visible_alias = "dry-run", overrides_with = "check")]
    pub(crate) check: bool,
    /// Do not ask. On a terminal the command asks before it overwrites or deletes rows
    #[arg(long, short, conflicts_with = "check")]
    yes: bool,
    /// Only this project, by id, id prefix (4 characters or more), name or cost centre: reads its stream only
    #[arg(long, value_name = "PROJECT")]
    project: Option<ProjectArg>,
    /// Number of connections that read the log [default: one for each core]
    #[arg(long, value_name = "N", value_parser = jobs, conflicts_with = "project")]
    jobs: Option<u16>,
    /// Delete unknown rows of projects that have a timeline
    #[arg(long, conflicts_with = "check")]
    delete_unknown: bool,
    /// Delete the stored timeline states, which shorten reads of the past, and make them again from the log
    #[arg(long, conflicts_with_all = ["check", "project"])]
    timeline_states: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

/// Parses a number of connections.
fn jobs(text: &str) -> Result<u16, String> {
    argument::number_to(text, MOST_READERS)
}

impl RebuildArgs {
    /// Whether it repairs.
    pub(crate) const fn writes(&self) -> bool {
        !self.check
    }

    /// Whether a reason is given, and nothing is done.
    pub(crate) const fn has_idle_reason(&self) -> bool {
        self.reason.reason.is_some() && self.check
    }
}

/// The rows of a report.
const ROWS: [Rows; 2] =
    [Rows::of("differences", "phaseline.rebuild.difference/1"), Rows::of("left", "phaseline.rebuild.left/1")];

pub(crate) async fn run(context: &Context, args: &RebuildArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("rebuild").await?;
    need_commands(&mut connection).await?;
    let project = match &args.project {
        Some(project) => Some(project.resolve(&mut connection).await?),
        None => None,
    };
    let mut run = RebuildRun { context, args, project, target: &target, connection };
    let mut report = None;
    if !args.check && !args.yes && Context::on_terminal() {
        let compared = run.rebuild(true).await?;
        if !compared.rebuilt.would_write(args.delete_unknown) {
            // Nothing is left to do: it is the result of the rebuild, too.
            report = Some(RebuildReport { check: false, ..compared });
        } else {
            if !context.can_ask() {
                return Err(Context::cannot_ask("write rows from the log")
                    .remedy("Read the output of `phaseline rebuild --check` first."));
            }
            context.name_ids(&mut run.connection, &compared).await;
            context.output.beside(render::rebuild::page(&compared));
            let place = context.place();
            if !context.ask(&format!("Write these rows from the log to {}?", render::clean(&place))).await {
                return Err(Failure::declined());
            }
        }
    }
    let report = match report {
        Some(report) => report,
        None => run.rebuild(args.check).await?,
    };
    if args.timeline_states {
        remake_states(context, &mut run.connection).await?;
    }
    context.name_ids(&mut run.connection, &report).await;
    context.output.result_with_rows(&report, &ROWS, || render::rebuild::page(&report));
    Ok(if report.rebuilt.is_right() { Exit::Done } else { Exit::VerificationFailed })
}

/// A rebuild on its connections.
struct RebuildRun<'a> {
    context: &'a Context,
    args: &'a RebuildArgs,
    /// The only project, if not all are requested.
    project: Option<ProjectId>,
    target: &'a Target,
    connection: PgConnection,
}

impl RebuildRun<'_> {
    /// Compares, and writes unless it is a check.
    async fn rebuild(&mut self, check: bool) -> Result<RebuildReport, Failure> {
        let Self { context, args, project, target, connection } = self;
        let project = *project;
        let jobs = if project.is_some() { 1 } else { args.jobs.unwrap_or_else(cores) };
        let mut readers = Vec::new();
        if project.is_none() {
            for _ in 0..jobs {
                readers.push(target.connect("rebuild reader").await?);
            }
        }
        let options = RebuildOptions {
            check,
            project,
            delete_unknown: args.delete_unknown,
            metadata: metadata(&context.global, args.reason.reason.as_deref()),
        };
        let watcher = context.watcher();
        let begun = Instant::now();
        let rebuilt = match rebuild(connection, readers, &options, &watcher as &dyn Progress).await {
            Ok(rebuilt) => rebuilt,
            Err(error) => {
                let failure = Failure::from(error);
                context.name_ids(connection, &failure.message()).await;
                return Err(failure);
            }
        };
        if let Some(project) = project.filter(|_| rebuilt.events == 0 && rebuilt.left.is_empty()) {
            context.name_ids(connection, &project).await;
            return Err(without_timeline(connection, project).await?);
        }
        watcher.finish();
        Ok(RebuildReport {
            format: "phaseline.rebuild/1",
            check,
            project_id: project,
            jobs,
            rebuilt,
            took_ms: elapsed_ms(begun),
        })
    }
}

async fn remake_states(context: &Context, connection: &mut PgConnection) -> Result<(), Failure> {
    let watcher = context.watcher();
    let mut begun = false;
    let made = remake(connection, |position, last| {
        if !begun {
            watcher.step("storing timeline states", Some(last.unsigned_abs()));
            begun = true;
        }
        watcher.advance(position.unsigned_abs());
    })
    .await?;
    watcher.finish();
    let Some(made) = made else {
        return Err(Failure::refused(
            "no_timeline_states",
            "the rows are right, but no timeline states were made: their tables are missing, or belong to a newer program",
        )
        .remedy("Run phaseline upgrade, and then this command again."));
    };
    context.output.beside(format!("Stored {made} timeline states."));
    Ok(())
}
