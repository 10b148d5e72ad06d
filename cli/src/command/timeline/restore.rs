//! `phaseline timeline restore`: gives a timeline the phases of an earlier moment.

use crate::as_of::AsOfArgs;
use crate::context::Context;
use crate::execute::execute_restore;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_reads::{moment, needs_timeline, without_timeline};
use crate::options::ChangeArgs;
use crate::project::ProjectArg;
use crate::target::Target;
use clap::Args;
use phaseline_domain::{ProjectId, TimelineCommand};
use phaseline_projections::adopt::need_commands;
use phaseline_store::earlier::timeline_at;
use phaseline_store::stream;
use sqlx::PgConnection;

/// Restore the phases of an earlier moment under their ids; later phases go. The dates of the project stay, unless chosen
#[derive(Args, Debug)]
#[command(
    // As in the request over HTTP.
    mut_arg("at", |at| at.visible_alias("to")),
    after_help = "\
Examples:
  phaseline timeline restore 6f9619ff-8b86-d011-b42d-00c04fc964ff --at 4711 --dry-run
  phaseline timeline restore 6f9619ff-8b86-d011-b42d-00c04fc964ff --as-of 2026-01-31T12:00:00Z --reason 'wrong import'
  phaseline timeline restore 6f9619ff-8b86-d011-b42d-00c04fc964ff --to 4711 --with-project-days

`phaseline history PROJECT` lists the positions. One inside a command means the end of the command."
)]
pub(super) struct RestoreArgs {
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre
    project: ProjectArg,
    #[command(flatten)]
    moment: AsOfArgs,
    /// Restore the project's own dates, too. Without it, other dates than today's are refused
    #[arg(long)]
    with_project_days: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

impl RestoreArgs {
    pub(super) const fn is_dry_run(&self) -> bool {
        self.change.dry_run
    }

    /// Fails without a moment. The parser would not name --to.
    pub(super) fn need_moment(&self) -> Result<(), Failure> {
        if self.moment.is_given() { Ok(()) } else { Err(no_moment()) }
    }
}

pub(super) async fn restore(context: &Context, target: &Target, args: &RestoreArgs) -> Result<Exit, Failure> {
    let mut connection = target.read("command").await?;
    need_commands(&mut connection).await?;
    let project = args.project.resolve(&mut connection).await?;
    context.name_ids(&mut connection, &project).await;
    let moment = moment(&mut connection, &args.moment).await?.ok_or_else(no_moment)?;
    args.moment.remark(&mut connection, Some(moment), &context.output).await?;
    let earlier = timeline_at(&mut connection, project, moment).await?;
    let Some(command) =
        earlier.and_then(|earlier| TimelineCommand::restore(&earlier, args.with_project_days))
    else {
        return Err(nothing_there(&mut connection, project, &args.moment).await?);
    };
    let position = moment.position;
    drop(connection);
    let done = execute_restore(context, target, project, &command, &args.change, position).await;
    done.map_err(|failure| needs_timeline(failure, &args.project))
}

/// The failure without a moment.
fn no_moment() -> Failure {
    Failure::usage("the moment whose phases are restored is missing: --to or --at POSITION, or --as-of TIME")
}

/// The failure for a moment without an open timeline.
async fn nothing_there(
    connection: &mut PgConnection,
    project: ProjectId,
    moment: &AsOfArgs,
) -> Result<Failure, Failure> {
    let history = stream::whole_history(connection, project, None).await?;
    let Some(first) = history.first() else { return without_timeline(connection, project).await };
    let message = format!("project {project} had no open timeline{}", moment.words());
    Ok(Failure::refused("no_earlier_timeline", message)
        .detail([format!("its history begins at position {}", first.recorded.position)])
        .remedy(format!("`phaseline history {project}` lists its events with their positions.")))
}
