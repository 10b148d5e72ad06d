//! `phaseline quarantine`: lists unreadable events and leaves them out.

use crate::argument;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::metadata;
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render;
use crate::report::quarantine::{SkipPreview, Skipped};
use crate::target::Target;
use clap::{Args, Subcommand};
use phaseline_migrator::progress::Progress;
use phaseline_migrator::quarantine::{EventSelection, SkipResult, list, preview_skip, skip};
use sqlx::PgConnection;

/// List events that cannot be read, and leave them out permanently
///
/// An event of an unknown type or schema version, or with a payload or metadata that cannot be read, puts its timeline into
/// quarantine: commands on it are refused, and its rows are not checked. All other timelines are unaffected.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline quarantine list
  phaseline quarantine skip 6f9619ff-8b86-d011-b42d-00c04fc964ff --position 4711 --reason 'written by a test'")]
pub(crate) struct QuarantineArgs {
    #[command(subcommand)]
    action: QuarantineAction,
}

impl QuarantineArgs {
    /// Whether it leaves events out, or shows which.
    pub(crate) const fn is_skip(&self) -> bool {
        matches!(self.action, QuarantineAction::Skip(_))
    }

    /// Whether it writes events.
    pub(crate) const fn writes(&self) -> bool {
        matches!(&self.action, QuarantineAction::Skip(args) if !args.dry_run)
    }
}

#[derive(Debug, Subcommand)]
enum QuarantineAction {
    List(ListArgs),
    Skip(SkipArgs),
}

/// List the events that cannot be read, and those that are left out
///
/// Reads the whole log. Exits with 6 if an event cannot be read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline quarantine list
  phaseline quarantine list --json | jq '.unreadable[].position'")]
struct ListArgs {}

/// Leave events that cannot be read out of a timeline, permanently
///
/// The log stays append-only: a later event, the mark, records who left the event out and why. From then on the fold of
/// the timeline skips it, and the timeline accepts commands again. Only events that cannot be read can be left out, and a
/// mark cannot be removed. Rows that the event's writer changed are drift then: `phaseline drift` lists them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline quarantine skip 6f9619ff-8b86-d011-b42d-00c04fc964ff --position 4711 --reason 'written by a test'
  phaseline quarantine skip 6f9619ff-8b86-d011-b42d-00c04fc964ff --all --reason 'written by a test' --dry-run")]
struct SkipArgs {
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre; for an event of a run, the run's id
    project: ProjectArg,
    /// The event's position in the log; may be given several times
    #[arg(long, value_name = "N", required_unless_present = "all", conflicts_with = "all",
          value_parser = argument::position)]
    position: Vec<i64>,
    /// All events of the project that cannot be read
    #[arg(long)]
    all: bool,
    /// The reason, recorded in the log with actor and time
    #[arg(long, value_name = "TEXT", value_parser = non_empty)]
    reason: String,
    /// Only show which events would be left out, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; on a terminal the command asks first, since a mark cannot be removed
    #[arg(long, short)]
    yes: bool,
}

/// Parses a reason.
fn non_empty(reason: &str) -> Result<String, String> {
    if reason.trim().is_empty() { Err("the reason is empty".to_owned()) } else { Ok(reason.to_owned()) }
}

/// The rows of a list.
const ROWS: [Rows; 2] = [
    Rows::of("unreadable", "phaseline.quarantine.unreadable/1"),
    Rows::of("skipped", "phaseline.quarantine.skipped/1"),
];

pub(crate) async fn run(context: &Context, args: &QuarantineArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("quarantine").await?;
    match &args.action {
        QuarantineAction::List(ListArgs {}) => {
            let watcher = context.watcher();
            let found = list(&mut connection, &watcher as &dyn Progress).await?;
            watcher.finish();
            context.name_ids(&mut connection, &found).await;
            context.output.result_with_rows(&found, &ROWS, || render::quarantine::list(&found));
            Ok(if found.unreadable_count == 0 { Exit::Done } else { Exit::VerificationFailed })
        }
        QuarantineAction::Skip(args) => leave_out(context, &mut connection, args).await,
    }
}

async fn leave_out(
    context: &Context,
    connection: &mut PgConnection,
    args: &SkipArgs,
) -> Result<Exit, Failure> {
    let stream = args.project.resolve(connection).await?.uuid();
    let mut selected = if args.all { EventSelection::All } else { EventSelection::At(args.position.clone()) };
    let ask = !args.yes && Context::on_terminal();
    if args.dry_run || ask {
        let events = match preview_skip(connection, stream, &selected).await? {
            Ok(events) => events,
            Err(reasons) => {
                context.name_ids(connection, &reasons).await;
                return Err(not_skippable(reasons));
            }
        };
        if args.dry_run {
            let preview = SkipPreview { format: "phaseline.quarantine.preview/1", events };
            context.name_ids(connection, &preview).await;
            context.output.result(&preview, || render::quarantine::preview(&preview.events));
            return Ok(Exit::Done);
        }
        if !context.can_ask() {
            return Err(Context::cannot_ask("leave events out")
                .remedy("Read the output of the same command with --dry-run first."));
        }
        context.name_ids(connection, &events).await;
        context.output.beside(render::quarantine::unreadable(&events));
        let place = context.place();
        let question = format!("Leave these events out permanently, in {}?", render::clean(&place));
        if !context.ask(&question).await {
            return Err(Failure::declined());
        }
        // Only the confirmed events are left out.
        selected = EventSelection::At(events.iter().map(|event| event.position).collect());
    }
    let metadata = metadata(&context.global, Some(&args.reason));
    match skip(connection, stream, &selected, &metadata).await? {
        SkipResult::Done(skipped) => {
            let done = Skipped { format: "phaseline.quarantine.skip/1", skipped };
            context.name_ids(connection, &done).await;
            context.output.result(&done, || render::quarantine::skip(&done));
            Ok(Exit::Done)
        }
        SkipResult::Refused(reasons) => {
            context.name_ids(connection, &reasons).await;
            Err(not_skippable(reasons))
        }
    }
}

fn not_skippable(reasons: Vec<String>) -> Failure {
    Failure::refused("not_skippable", "these events cannot be left out; nothing was written")
        .detail(reasons)
        .remedy("List the events that cannot be read: phaseline quarantine list")
}
