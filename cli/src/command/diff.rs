//! `phaseline diff`: what changed between two moments.

mod portfolio;
mod table;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::given_moment::{GivenMoment, given_moment, refuse_idle_zone};
use crate::log_reads::{need_log, without_timeline};
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render;
use crate::target::Target;
use clap::Args;
use phaseline_projections::TimelineDiff;
use phaseline_store::{ResolvedMoment, stream};
use serde::Serialize;

/// Show what changed of all timelines, or of one project's, between two moments: phases, days, money, and who did it
///
/// A moment is a position of the log, a time, or `now`. A position inside a command means its end. Removed phases and the timelines of
/// deleted projects are on the earlier side. Without --project the changed projects are listed, with sums over all; --json and
/// --output jsonl have their phases and events as well.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline diff 4711
  phaseline diff 2026-01-31 now --zone Europe/Berlin --output csv
  phaseline diff 4711 now --project 'Alpha'
  phaseline diff 2026-01-31T23:59:59Z now --project 'Alpha'
  phaseline diff 2026-01-31 2026-02-28 --zone Europe/Berlin --project 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline diff 4711 now --project 'Alpha' --output jsonl | jq 'select(.status == \"removed\")'")]
pub(crate) struct DiffArgs {
    /// The earlier moment: a position, a time, or with --zone a local time or a day (its end); 0 is before the first event
    #[arg(value_name = "FROM", value_parser = given_moment)]
    from: GivenMoment,
    /// The later moment; also `now`
    #[arg(value_name = "TO", default_value = "now", value_parser = given_moment)]
    to: GivenMoment,
    /// Only this project: its id, an id prefix (4 characters or more), its name or its cost centre
    #[arg(long, value_name = "PROJECT")]
    project: Option<ProjectArg>,
    /// The time zone of days and local times, such as Europe/Berlin or +02:00
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

/// The rows of a difference.
const ROWS: Rows = Rows::of("phases", "phaseline.diff.phase/1");

#[derive(Serialize)]
struct DiffReport {
    format: &'static str,
    from: ResolvedMoment,
    to: ResolvedMoment,
    #[serde(flatten)]
    diff: TimelineDiff,
}

pub(crate) async fn run(context: &Context, args: &DiffArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("diff").await?;
    need_log(&mut connection).await?;
    let project = match &args.project {
        Some(project) => Some(project.resolve(&mut connection).await?),
        None => None,
    };
    let zone = args.zone.as_deref();
    refuse_idle_zone(zone, [args.from.time(), args.to.time()], "FROM or TO")?;
    let from = args.from.resolved(&mut connection, "diff", zone).await?;
    let to = args.to.resolved(&mut connection, "diff", zone).await?;
    if from.position > to.position {
        return Err(Failure::usage(format!(
            "the first moment (position {}) is after the second (position {}); exchange them",
            from.position, to.position
        )));
    }
    let Some(project) = project else { return portfolio::run(context, &mut connection, from, to).await };
    context.name_ids(&mut connection, &project).await;
    let history = stream::history(&mut connection, project, Some(to.position)).await?;
    if history.is_empty() && stream::projects_between(&mut connection, [project.uuid(); 2]).await?.is_empty()
    {
        return Err(without_timeline(&mut connection, project).await?);
    }
    let diff = TimelineDiff::of_history(project, &history, from.position);
    if let Some(mut csv) = context.output.csv(&table::COLUMNS) {
        let names = context.output.names().projects();
        let name = names.get(&project.uuid()).map(String::as_str);
        table::rows(&diff, name).iter().for_each(|row| csv.row(row));
        return Ok(Exit::Done);
    }
    let report = DiffReport { format: "phaseline.diff/1", from, to, diff };
    context.output.result_with_rows(&report, &[ROWS], || render::diff::page(from, to, &report.diff));
    Ok(Exit::Done)
}
