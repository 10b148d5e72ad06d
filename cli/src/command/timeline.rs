//! `phaseline timeline`: shows, opens, reschedules and restores a project's timeline.

mod restore;

use crate::argument;
use crate::as_of::AsOfArgs;
use crate::context::Context;
use crate::execute::execute;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_reads::{needs_timeline, recorded};
use crate::options::ChangeArgs;
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render::{self, Page};
use crate::target::Target;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use phaseline_domain::{DateRange, PhaseId, ProjectId, TimelineCommand};
use phaseline_projections::adopt::{self, Unadopted, need_commands};
use phaseline_projections::{FoldedTimeline, PhaseRow, project_phases};
use phaseline_store::stream::{quarantine_of, refuse_altered};
use phaseline_store::{ResolvedMoment, StoreError};
use restore::{RestoreArgs, restore};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// Show, open, reschedule or restore a project's timeline
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline timeline show 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline timeline reschedule 6f9619ff-8b86-d011-b42d-00c04fc964ff 2026-01-01 2026-12-31 --reason 'late start'
  phaseline timeline restore 6f9619ff-8b86-d011-b42d-00c04fc964ff --at 4711 --dry-run")]
pub(crate) struct TimelineArgs {
    #[command(subcommand)]
    action: TimelineAction,
}

impl TimelineArgs {
    /// Whether it writes events.
    pub(crate) const fn writes(&self) -> bool {
        match &self.action {
            TimelineAction::Show(_) => false,
            TimelineAction::Open(args) => !args.change.dry_run,
            TimelineAction::Reschedule(args) => !args.change.dry_run,
            TimelineAction::Restore(args) => !args.is_dry_run(),
        }
    }

    /// Whether it is a command on a timeline, or a dry run of one.
    pub(crate) const fn is_command(&self) -> bool {
        !matches!(self.action, TimelineAction::Show(_))
    }
}

#[derive(Debug, Subcommand)]
enum TimelineAction {
    Show(TimelineShowArgs),
    Open(OpenArgs),
    Reschedule(RescheduleArgs),
    Restore(RestoreArgs),
}

/// Show a project's phases, now or at any earlier moment
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline timeline show 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline timeline show 6f9619ff-8b86-d011-b42d-00c04fc964ff --as-of 2026-01-31 --zone Europe/Berlin
  phaseline timeline show 6f9619ff-8b86-d011-b42d-00c04fc964ff --at 4711")]
struct TimelineShowArgs {
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre
    project: ProjectArg,
    #[command(flatten)]
    moment: AsOfArgs,
}

/// Open the timeline of a project without phases: one "Default Phase" over its dates
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  phaseline timeline open 6f9619ff-8b86-d011-b42d-00c04fc964ff --reason 'new project'")]
struct OpenArgs {
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre. Its dates come from its row in
    /// public.projects
    project: ProjectArg,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Move a project's dates; the first phase's start and the last phase's end follow
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline timeline reschedule 6f9619ff-8b86-d011-b42d-00c04fc964ff 2026-01-01 2026-12-31 --reason 'late start'
  phaseline timeline reschedule 6f9619ff-8b86-d011-b42d-00c04fc964ff --from-table  after another program changed public.projects")]
struct RescheduleArgs {
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre
    project: ProjectArg,
    /// The first date
    #[arg(required_unless_present = "from_table", conflicts_with = "from_table", value_parser = argument::date)]
    start: Option<NaiveDate>,
    /// The last date, inclusive
    #[arg(required_unless_present = "from_table", conflicts_with = "from_table", value_parser = argument::date)]
    end: Option<NaiveDate>,
    /// Use the current dates of the project's row in public.projects
    #[arg(long)]
    from_table: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(crate) async fn run(context: &Context, args: &TimelineArgs) -> Result<Exit, Failure> {
    if let TimelineAction::Restore(args) = &args.action {
        args.need_moment()?;
    }
    let target = Target::resolve(context).await?;
    match &args.action {
        TimelineAction::Show(args) => show(context, &target, args).await,
        TimelineAction::Open(args) => open(context, &target, args).await,
        TimelineAction::Reschedule(args) => reschedule(context, &target, args).await,
        TimelineAction::Restore(args) => restore(context, &target, args).await,
    }
}

/// The rows of a timeline.
const ROWS: Rows =
    Rows::of("phases", "phaseline.timeline.phase/1").with(&["version", "position", "event_id", "hash"]);

#[derive(Serialize)]
struct TimelineReport {
    format: &'static str,
    project_id: ProjectId,
    start_date: Option<NaiveDate>,
    end_date: Option<NaiveDate>,
    /// The stream's version and the position of its last event, at the requested moment.
    version: i64,
    position: i64,
    /// The id of that event.
    event_id: Option<Uuid>,
    /// The hash of that event, in hexadecimal.
    hash: Option<String>,
    /// The requested moment; null for now.
    moment: Option<ResolvedMoment>,
    phases: Vec<PhaseRow>,
}

async fn show(context: &Context, target: &Target, args: &TimelineShowArgs) -> Result<Exit, Failure> {
    let mut connection = target.read("timeline").await?;
    let project = args.project.resolve(&mut connection).await?;
    context.name_ids(&mut connection, &project).await;
    let (moment, recorded) = recorded(&mut connection, project, &args.moment).await?;
    // The table has no place for a mark at one value, so an altered timeline is not shown at all; `history` lists its events.
    refuse_altered(project, &recorded)?;
    args.moment.remark(&mut connection, moment, &context.output).await?;
    let quarantine = quarantine_of(&recorded);
    if !quarantine.is_empty() {
        return Err(StoreError::Quarantined { project, quarantine }.into());
    }
    let folded = FoldedTimeline::of(&recorded);
    let range = folded.timeline.range();
    let last = recorded.last().map(|event| event.recorded.identity());
    let (event_id, hash) = last.map(|last| (last.event_id, last.hash_text())).unzip();
    let shown = TimelineReport {
        format: "phaseline.timeline/1",
        project_id: project,
        start_date: range.map(DateRange::start),
        end_date: range.map(DateRange::end),
        version: folded.version,
        position: folded.position,
        event_id,
        hash,
        moment,
        phases: project_phases::rows(&folded),
    };
    context.output.result_with_rows(&shown, &[ROWS], || {
        let mut page = Page::default();
        let dates = range.map_or_else(
            || ": closed, the project was deleted".to_owned(),
            |range| format!(": {range}, {} days", range.days()),
        );
        page.line(format_args!("Timeline of project {project}{}{dates}", args.moment.words())).gap();
        render::timeline::phases(&mut page, &folded.timeline);
        page.gap().line(format_args!("Version {}, position {} of the log.", folded.version, folded.position));
        if let Some(moment) = moment {
            page.line(format_args!("The log ended at position {} then.", moment.position));
        }
        page
    });
    Ok(Exit::Done)
}

async fn reschedule(context: &Context, target: &Target, args: &RescheduleArgs) -> Result<Exit, Failure> {
    let mut connection = target.read("command").await?;
    need_commands(&mut connection).await?;
    let project = args.project.resolve(&mut connection).await?;
    context.name_ids(&mut connection, &project).await;
    let (start_date, end_date) = match (args.start, args.end) {
        (Some(start), Some(end)) => (start, end),
        _ => {
            let range = dates(&in_tables(&mut connection, project).await?)?;
            (range.start(), range.end())
        }
    };
    drop(connection);
    let command = TimelineCommand::Reschedule { start_date, end_date };
    let done = execute(context, target, project, &command, &args.change).await;
    done.map_err(|failure| needs_timeline(failure, &args.project))
}

async fn open(context: &Context, target: &Target, args: &OpenArgs) -> Result<Exit, Failure> {
    let mut connection = target.read("command").await?;
    need_commands(&mut connection).await?;
    let project_id = args.project.resolve(&mut connection).await?;
    context.name_ids(&mut connection, &project_id).await;
    let range = dates(&in_tables(&mut connection, project_id).await?)?;
    drop(connection);
    let command = TimelineCommand::Open { project_id, range, default_phase_id: PhaseId::random() };
    execute(context, target, project_id, &command, &args.change).await
}

/// The rows of an existing project in the planner's tables.
async fn in_tables(connection: &mut PgConnection, project: ProjectId) -> Result<Unadopted, Failure> {
    let (found, _) = adopt::read_unadopted(connection, project).await?.ok_or(StoreError::NotAccepting)?;
    if found.is_in_projects() {
        Ok(found)
    } else {
        Err(Failure::refused("not_found", format!("Project with ID {project} not found")))
    }
}

/// The dates of its row in `public.projects`.
fn dates(project: &Unadopted) -> Result<DateRange, Failure> {
    project.range().map_err(|reasons| {
        Failure::refused("project_dates", format!("project {} has no valid dates", project.project_id))
            .detail(reasons)
            .remedy("Set both dates of the project in public.projects.")
    })
}
