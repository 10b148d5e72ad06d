//! `phaseline history`: actor, change, time and reason of every event.

use super::as_of::AsOfArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Streamed;
use crate::page::format::plural;
use crate::page::{self, Page};
use crate::target::Target;
use clap::Args;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::HistoryEntry;
use phaseline_projections::history::{EventDescriber, entries};
use phaseline_store::stream::{self, quarantine_of};
use phaseline_store::{RecordedTimeline, StoreError, schema, skip};
use serde::Serialize;
use sqlx::PgConnection;

/// Show a project's history: who changed what, when and why, with the values before and after
///
/// Events that cannot be read are listed among the others; then it exits with 6, see `phaseline quarantine`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --as-of 2026-01-31
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --phase 1b4e28ba-2fa1-11d2-883f-0016d3cca427
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --output jsonl | jq -r 'select(.reason) | .words'")]
pub(crate) struct HistoryArgs {
    /// The project's id
    project: ProjectId,
    /// Only events about this phase
    #[arg(long, value_name = "ID")]
    phase: Option<PhaseId>,
    #[command(flatten)]
    moment: AsOfArgs,
}

const FORMAT: &str = "phaseline.history/1";

#[derive(Serialize)]
struct History {
    format: &'static str,
    project_id: ProjectId,
    phase_id: Option<PhaseId>,
    /// The last position; null for all.
    up_to_position: Option<i64>,
    events: Vec<HistoryEntry>,
}

/// The same without its events, which are printed already.
#[derive(Serialize)]
struct Ended {
    format: &'static str,
    project_id: ProjectId,
    phase_id: Option<PhaseId>,
    up_to_position: Option<i64>,
}

pub(crate) async fn run(context: &Context, args: &HistoryArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(&context.global).await?;
    let mut connection = target.connect("history").await?;
    if let Some(lines) = context.output.stream("phaseline.history.event/1") {
        return stream(&mut connection, args, lines).await;
    }
    let (position, recorded) = recorded(&mut connection, args.project, &args.moment).await?;
    let skipped = skip::of_stream(&mut connection, args.project.uuid()).await?;
    let events = entries(&recorded, &skipped, args.phase);
    if events.is_empty() {
        return Err(nothing_about(args));
    }
    let history = History {
        format: FORMAT,
        project_id: args.project,
        phase_id: args.phase,
        up_to_position: position,
        events,
    };
    let quarantine = quarantine_of(&recorded);
    context.output.answer(&history, || {
        let mut page = Page::default();
        let of =
            args.phase.map_or_else(|| format!("project {}", args.project), |phase| format!("phase {phase}"));
        let events = plural(history.events.len() as u64, "event");
        page.line(format_args!("History of {of}{}: {events}, oldest first", args.moment.words())).gap();
        page::history::entries(&mut page, &history.events);
        page::quarantine::listed(&mut page, &quarantine);
        page.into_text()
    });
    Ok(if quarantine.is_empty() { Exit::Done } else { Exit::VerificationFailed })
}

/// Prints the events while reading them, so that memory does not grow with their number.
async fn stream(
    connection: &mut PgConnection,
    args: &HistoryArgs,
    mut lines: Streamed<'_>,
) -> Result<Exit, Failure> {
    let position = moment(connection, &args.moment).await?;
    let (mut known, mut printed, mut quarantined) = (false, false, false);
    let skipped = skip::of_stream(connection, args.project.uuid()).await?;
    let mut describer = EventDescriber::new(args.phase, &skipped);
    stream::history_each(connection, args.project, position, |recorded| {
        known = true;
        if let Some(entry) = describer.describe(&recorded) {
            printed = true;
            quarantined |= entry.unreadable.is_some();
            lines.row(&entry);
        }
    })
    .await?;
    if !known {
        return Err(absent(connection, args.project, position, &args.moment).await?);
    }
    if !printed {
        return Err(nothing_about(args));
    }
    lines.end(&Ended {
        format: FORMAT,
        project_id: args.project,
        phase_id: args.phase,
        up_to_position: position,
    });
    Ok(if quarantined { Exit::VerificationFailed } else { Exit::Done })
}

/// The history has no event about the requested phase.
fn nothing_about(args: &HistoryArgs) -> Failure {
    let phase = args.phase.map_or_else(String::new, |phase| format!(" about a phase with ID {phase}"));
    let message = format!("the history of project {} has no event{phase}", args.project);
    Failure::refused("not_found", format!("{message}{}", args.moment.words()))
}

/// The position up to which an existing log is read.
async fn moment(connection: &mut PgConnection, moment: &AsOfArgs) -> Result<Option<i64>, Failure> {
    if !schema::installed(connection).await? {
        return Err(StoreError::NotInstalled.into());
    }
    moment.position(connection).await
}

/// A project's history up to a moment, with its unreadable events; fails without history.
pub(super) async fn recorded(
    connection: &mut PgConnection,
    project: ProjectId,
    moment: &AsOfArgs,
) -> Result<(Option<i64>, Vec<RecordedTimeline>), Failure> {
    let position = self::moment(connection, moment).await?;
    let recorded = stream::whole_history(connection, project, position).await?;
    if !recorded.is_empty() {
        return Ok((position, recorded));
    }
    Err(absent(connection, project, position, moment).await?)
}

/// The failure for a missing history.
async fn absent(
    connection: &mut PgConnection,
    project: ProjectId,
    position: Option<i64>,
    moment: &AsOfArgs,
) -> Result<Failure, Failure> {
    if position.is_some() && !stream::whole_history(connection, project, None).await?.is_empty() {
        let message = format!("the log has no event of project {project}{}", moment.words());
        return Ok(Failure::refused("not_found", message));
    }
    unknown(connection, project).await
}

/// The failure for a project without timeline: with rows of others, without, or unknown.
async fn unknown(connection: &mut PgConnection, project: ProjectId) -> Result<Failure, Failure> {
    let (known, rows): (bool, bool) = match sqlx::query_as(
        "SELECT EXISTS (SELECT FROM public.projects WHERE id = $1),
                EXISTS (SELECT FROM public.project_phases WHERE project_id = $1)",
    )
    .bind(project.uuid())
    .fetch_one(connection)
    .await
    {
        Ok(found) => found,
        // The role may lack SELECT on the tables; the hint is optional.
        Err(sqlx::Error::Database(_)) => (false, false),
        Err(error) => return Err(error.into()),
    };
    let no_timeline =
        || Failure::refused("no_timeline", format!("project {project} has no timeline in the log"));
    Ok(match (known, rows) {
        (_, true) => no_timeline().remedy(format!(
            "Another program wrote its phases. To record them, run: phaseline adopt {project}"
        )),
        (true, false) => no_timeline().remedy(format!("Run: phaseline timeline open {project}")),
        (false, false) => Failure::refused("not_found", format!("Project with ID {project} not found")),
    })
}
