//! `phaseline diff`: what changed between two moments.

mod portfolio;
mod table;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::given_moment::{DayEdge, GivenMoment, MomentPlace, given_moment, refuse_idle_zone};
use crate::log_reads::{need_log, without_timeline};
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render;
use crate::target::Target;
use clap::Args;
use phaseline_projections::TimelineDiff;
use phaseline_store::{ResolvedMoment, stream};
use serde::Serialize;
use table::RowContext;
use uuid::Uuid;

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
const ROWS: Rows = Rows::of("phases", "phaseline.diff.phase/1").with(&[
    "project_id",
    "project_name",
    "version",
    "position",
    "event_id",
    "hash",
]);

#[derive(Serialize)]
struct DiffReport {
    format: &'static str,
    from: ResolvedMoment,
    to: ResolvedMoment,
    /// The timeline's version at the later moment.
    version: i64,
    /// The position of its last event; 0 if there is none.
    position: i64,
    /// The id of that event.
    event_id: Option<Uuid>,
    /// The hash of that event, in hexadecimal.
    hash: Option<String>,
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
    let place = MomentPlace { option: "diff", zone, edge: DayEdge::End };
    let earlier = args.from.exact(&mut connection, place).await?;
    let later = args.to.exact(&mut connection, place).await?;
    if earlier.is_after(&later) {
        return Err(Failure::usage("the first moment is after the second; exchange them"));
    }
    let from = earlier.resolved(&mut connection).await?;
    let to = later.resolved(&mut connection).await?;
    if from.position > to.position {
        return Err(Failure::usage(format!(
            "the first moment (position {}) is after the second (position {}); exchange them",
            from.position, to.position
        )));
    }
    for (given, found) in [(args.from, from), (args.to, to)] {
        given.remark(&mut connection, found, &context.output).await?;
    }
    let Some(project) = project else { return portfolio::run(context, &mut connection, from, to).await };
    context.name_ids(&mut connection, &project).await;
    let history = stream::history(&mut connection, project, Some(to.position)).await?;
    if history.is_empty() && stream::projects_between(&mut connection, [project.uuid(); 2]).await?.is_empty()
    {
        return Err(without_timeline(&mut connection, project).await?);
    }
    let diff = TimelineDiff::of_history(project, &history, from.position);
    let last = history.last().map(|event| event.recorded.identity());
    let (event_id, hash) = last.map(|last| (last.event_id, last.hash_text())).unzip();
    if let Some(mut csv) = context.output.csv(&table::COLUMNS) {
        let names = context.output.names().projects();
        let name = names.get(&project.uuid()).map(String::as_str);
        let row_of = RowContext { name, event_id, hash: hash.as_deref() };
        table::rows(&diff, row_of).iter().for_each(|row| csv.row(row));
        return Ok(Exit::Done);
    }
    let (version, position) = (diff.after.version, diff.after.position);
    let report = DiffReport { format: "phaseline.diff/1", from, to, version, position, event_id, hash, diff };
    context.output.result_with_rows(&report, &[ROWS], || render::diff::page(from, to, &report.diff));
    Ok(Exit::Done)
}
