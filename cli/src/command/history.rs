//! `phaseline history`: actor, change, time and reason of every event.

use crate::argument;
use crate::as_of::AsOfArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_reads::{absent, moment, recorded};
use crate::output::Streamed;
use crate::render::format::plural;
use crate::render::{self, Page};
use crate::target::Target;
use clap::Args;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::HistoryEntry;
use phaseline_projections::history::{EventDescriber, entries};
use phaseline_store::stream::{self, altered_of, quarantine_of};
use phaseline_store::{AlteredEvents, skip};
use serde::Serialize;
use sqlx::PgConnection;

/// Show a project's history: who changed what, when and why, with the values before and after
///
/// Events that cannot be read are listed among the others; then it exits with 6, see `phaseline quarantine`. So are events that do not
/// fit their hashes, marked ALTERED.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --as-of 2026-01-31
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --phase 1b4e28ba-2fa1-11d2-883f-0016d3cca427
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --actor ada@desk
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --output jsonl | jq -r 'select(.reason) | .words'")]
pub(crate) struct HistoryArgs {
    /// The project's id
    #[arg(value_parser = argument::id::<ProjectId>)]
    project: ProjectId,
    /// Only events about this phase
    #[arg(long, value_name = "ID", value_parser = argument::id::<PhaseId>)]
    phase: Option<PhaseId>,
    /// Only events by this actor, or with this login
    // The id of the global option, which it replaces here.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    moment: AsOfArgs,
}

impl HistoryArgs {
    /// Whether the event is by the wanted actor.
    fn wants(&self, entry: &HistoryEntry) -> bool {
        let Some(wanted) = &self.actor else { return true };
        let metadata = &entry.metadata;
        [&metadata.actor, &metadata.actor_name, &entry.login].into_iter().flatten().any(|name| name == wanted)
    }

    /// ` by ada`, if only an actor's events are wanted.
    fn by(&self) -> String {
        self.actor.as_deref().map_or_else(String::new, |actor| format!(" by {}", render::clean(actor)))
    }
}

const FORMAT: &str = "phaseline.history/1";

#[derive(Serialize)]
struct History<'a> {
    format: &'static str,
    project_id: ProjectId,
    phase_id: Option<PhaseId>,
    /// The actor or login of the events; null for all.
    actor: Option<String>,
    /// The last position; null for all.
    up_to_position: Option<i64>,
    /// The positions of altered events, of all phases and actors.
    #[serde(skip_serializing_if = "<[i64]>::is_empty")]
    altered_positions: &'a [i64],
    events: Vec<HistoryEntry>,
}

/// The same without its events, which are printed already.
#[derive(Serialize)]
struct HistoryEnd<'a> {
    format: &'static str,
    project_id: ProjectId,
    phase_id: Option<PhaseId>,
    actor: Option<String>,
    up_to_position: Option<i64>,
    #[serde(skip_serializing_if = "<[i64]>::is_empty")]
    altered_positions: &'a [i64],
}

pub(crate) async fn run(context: &Context, args: &HistoryArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("history").await?;
    if let Some(lines) = context.output.stream("phaseline.history.event/1") {
        return stream(&mut connection, args, lines).await;
    }
    let (position, recorded) = recorded(&mut connection, args.project, &args.moment).await?;
    let skipped = skip::of_stream(&mut connection, args.project.uuid()).await?;
    let mut events = entries(&recorded, &skipped, args.phase);
    events.retain(|entry| args.wants(entry));
    if events.is_empty() {
        return Err(nothing_about(args));
    }
    let altered = altered_of(args.project, &recorded);
    let history = History {
        format: FORMAT,
        project_id: args.project,
        phase_id: args.phase,
        actor: args.actor.clone(),
        up_to_position: position,
        altered_positions: altered.positions(),
        events,
    };
    let quarantine = quarantine_of(&recorded);
    context.output.result(&history, || {
        let mut page = Page::default();
        let of =
            args.phase.map_or_else(|| format!("project {}", args.project), |phase| format!("phase {phase}"));
        let events = plural(history.events.len() as u64, "event");
        page.line(format_args!(
            "History of {of}{}{}: {events}, oldest first",
            args.by(),
            args.moment.words()
        ))
        .gap();
        render::history::entries(&mut page, &history.events);
        render::quarantine::listed(&mut page, &quarantine);
        render::history::altered(&mut page, &altered);
        page.into_text()
    });
    let intact = quarantine.is_empty() && altered.is_empty();
    Ok(if intact { Exit::Done } else { Exit::VerificationFailed })
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
    let mut altered = AlteredEvents::none_of(args.project);
    stream::history_each(connection, args.project, position, |recorded| {
        known = true;
        altered.see(&recorded.recorded);
        if let Some(entry) = describer.describe(&recorded) {
            quarantined |= entry.unreadable.is_some();
            if args.wants(&entry) {
                printed = true;
                lines.row(&entry);
            }
        }
    })
    .await?;
    if !known {
        return Err(absent(connection, args.project, position, &args.moment).await?);
    }
    if !printed {
        return Err(nothing_about(args));
    }
    lines.end(&HistoryEnd {
        format: FORMAT,
        project_id: args.project,
        phase_id: args.phase,
        actor: args.actor.clone(),
        up_to_position: position,
        altered_positions: altered.positions(),
    });
    Ok(if quarantined || !altered.is_empty() { Exit::VerificationFailed } else { Exit::Done })
}

/// The history has no event about the requested phase.
fn nothing_about(args: &HistoryArgs) -> Failure {
    let phase = args.phase.map_or_else(String::new, |phase| format!(" about a phase with ID {phase}"));
    let message = format!("the history of project {} has no event{phase}{}", args.project, args.by());
    Failure::refused("not_found", format!("{message}{}", args.moment.words()))
}
