//! `phaseline diff`: what changed between two moments.

use crate::argument::{self, GivenTime};
use crate::as_of::instant;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_reads::{need_log, without_timeline};
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render;
use crate::target::Target;
use clap::Args;
use phaseline_projections::TimelineDiff;
use phaseline_store::moment::{Moment, ResolvedMoment, resolve};
use phaseline_store::{schema, stream};
use serde::Serialize;
use sqlx::PgConnection;

/// Show what changed of a project's timeline between two moments: phases, days, money, and who did it
///
/// A moment is a position of the log, a time, or `now`. A position inside a command means its end. Removed phases and the timelines of
/// deleted projects are on the earlier side.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline diff 4711 now --project 'Alpha'
  phaseline diff 2026-01-31T23:59:59Z now --project 'Alpha'
  phaseline diff 2026-01-31 2026-02-28 --zone Europe/Berlin --project 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline diff 4711 now --project 'Alpha' --output jsonl | jq 'select(.status == \"removed\")'")]
pub(crate) struct DiffArgs {
    /// The earlier moment: a position, a time, or with --zone a local time or a day (its end); 0 is before the first event
    #[arg(value_name = "FROM", value_parser = given)]
    from: GivenMoment,
    /// The later moment; also `now`
    #[arg(value_name = "TO", default_value = "now", value_parser = given)]
    to: GivenMoment,
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre
    #[arg(long, value_name = "PROJECT")]
    project: ProjectArg,
    /// The time zone of days and local times, such as Europe/Berlin or +02:00
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

/// A moment as the user gives it.
#[derive(Clone, Copy, Debug)]
enum GivenMoment {
    Position(i64),
    Time(GivenTime),
    Now,
}

fn given(text: &str) -> Result<GivenMoment, String> {
    if text == "now" {
        return Ok(GivenMoment::Now);
    }
    if let Ok(position) = text.parse()
        && position >= 0
    {
        return Ok(GivenMoment::Position(position));
    }
    argument::moment(text)
        .map(GivenMoment::Time)
        .map_err(|expected| format!("neither a position of the log, such as 4711, nor `now`; and {expected}"))
}

impl GivenMoment {
    async fn resolved(
        self,
        connection: &mut PgConnection,
        zone: Option<&str>,
    ) -> Result<ResolvedMoment, Failure> {
        let moment = match self {
            Self::Now => Moment::Position(schema::tip(connection).await?.position),
            Self::Position(position) => Moment::Position(position),
            Self::Time(GivenTime::Instant(time)) => Moment::Time(time),
            Self::Time(time) => Moment::Time(instant(connection, "diff", time, zone).await?),
        };
        Ok(resolve(connection, moment).await?)
    }
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
    let project = args.project.resolve(&mut connection).await?;
    context.name_ids(&mut connection, &project).await;
    let zone = args.zone.as_deref();
    let from = args.from.resolved(&mut connection, zone).await?;
    let to = args.to.resolved(&mut connection, zone).await?;
    if from.position > to.position {
        return Err(Failure::usage(format!(
            "the first moment (position {}) is after the second (position {}); exchange them",
            from.position, to.position
        )));
    }
    let history = stream::history(&mut connection, project, Some(to.position)).await?;
    if history.is_empty() && stream::projects_between(&mut connection, [project.uuid(); 2]).await?.is_empty()
    {
        return Err(without_timeline(&mut connection, project).await?);
    }
    let diff = TimelineDiff::of_history(project, &history, from.position);
    let report = DiffReport { format: "phaseline.diff/1", from, to, diff };
    context.output.result_with_rows(&report, &[ROWS], || render::diff::page(from, to, &report.diff));
    Ok(Exit::Done)
}
