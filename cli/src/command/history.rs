//! `phaseline history`: actor, change, time and reason of every event.

use crate::as_of::AsOfArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_reads::{absent, moment, need_log, recorded};
use crate::output::Streamed;
use crate::project::{ProjectArg, phase_among};
use crate::render::format::plural;
use crate::render::{self, Page};
use crate::target::Target;
use clap::Args;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::history::{EventDescriber, entries};
use phaseline_projections::planner_view::Match;
use phaseline_projections::{ChangedField, HistoryEntry};
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
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --as-of 2026-01-31 --zone Europe/Berlin
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --phase 1b4e28ba-2fa1-11d2-883f-0016d3cca427
  phaseline history 'Alpha' --phase 'Design'
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --actor ada@desk
  phaseline history 6f9619ff-8b86-d011-b42d-00c04fc964ff --output jsonl | jq -r 'select(.reason) | .words'")]
pub(crate) struct HistoryArgs {
    /// The project: its id, an id prefix (4 characters or more), its name or its cost centre
    project: ProjectArg,
    /// Only events about this phase: its id, an id prefix (4 characters or more), or one of its names
    #[arg(long, value_name = "PHASE")]
    phase: Option<String>,
    /// Only events by this actor, or with this login
    // The id of the global option, which it replaces here.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    #[command(flatten)]
    moment: AsOfArgs,
}

/// The requested events.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    project: ProjectId,
    phase: Option<PhaseId>,
    args: &'a HistoryArgs,
}

impl<'a> Wanted<'a> {
    /// Finds out which project and which phase the arguments mean. A phase may have any of its names, or be removed.
    async fn resolve(connection: &mut PgConnection, args: &'a HistoryArgs) -> Result<Self, Failure> {
        let project = args.project.resolve(connection).await?;
        let phase = match &args.phase {
            None => None,
            Some(text) => match text.parse() {
                Ok(id) => Some(id),
                Err(_) => Some(phase_among(text, &phases_of(connection, project, args).await?)?),
            },
        };
        Ok(Self { project, phase, args })
    }

    /// Whether the event is by the wanted actor.
    fn wants(&self, entry: &HistoryEntry) -> bool {
        let Some(wanted) = &self.args.actor else { return true };
        let metadata = &entry.metadata;
        [&metadata.actor, &metadata.actor_name, &entry.login].into_iter().flatten().any(|name| name == wanted)
    }

    /// ` by ada`, if only an actor's events are wanted.
    fn by(&self) -> String {
        self.args.actor.as_deref().map_or_else(String::new, |actor| format!(" by {}", render::clean(actor)))
    }

    /// The history has no such event.
    fn nothing(&self) -> Failure {
        let phase = self.phase.map_or_else(String::new, |phase| format!(" about a phase with ID {phase}"));
        let message = format!("the history of project {} has no event{phase}{}", self.project, self.by());
        Failure::refused("not_found", format!("{message}{}", self.args.moment.words()))
    }
}

/// The phases that a history is about, once for each of their names.
async fn phases_of(
    connection: &mut PgConnection,
    project: ProjectId,
    args: &HistoryArgs,
) -> Result<Vec<Match<PhaseId>>, Failure> {
    let (_, recorded) = recorded(connection, project, &args.moment).await?;
    let mut phases = Vec::new();
    for entry in entries(&recorded, &[], None) {
        let Some(id) = entry.phase_id else { continue };
        let renamed = entry
            .changes
            .into_iter()
            .filter(|change| change.field == ChangedField::Name)
            .filter_map(|change| change.after);
        let names = entry.phase_name.into_iter().chain(renamed);
        phases.extend(names.map(|name| Match { id, name: Some(name), cost_center: None }));
    }
    Ok(phases)
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
    altered_positions: &'a [i64],
}

/// An event as a row, with what the result has once.
#[derive(Serialize)]
struct HistoryRow<'a> {
    project_id: ProjectId,
    #[serde(flatten)]
    entry: &'a HistoryEntry,
}

pub(crate) async fn run(context: &Context, args: &HistoryArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("history").await?;
    need_log(&mut connection).await?;
    let wanted = Wanted::resolve(&mut connection, args).await?;
    context.name_ids(&mut connection, &(wanted.project, wanted.phase)).await;
    if let Some(lines) = context.output.stream("phaseline.history.event/1") {
        return stream(&mut connection, wanted, lines).await;
    }
    let (moment, recorded) = recorded(&mut connection, wanted.project, &args.moment).await?;
    let skipped = skip::of_stream(&mut connection, wanted.project.uuid()).await?;
    let mut events = entries(&recorded, &skipped, wanted.phase);
    events.retain(|entry| wanted.wants(entry));
    if events.is_empty() {
        return Err(wanted.nothing());
    }
    let altered = altered_of(wanted.project, &recorded);
    let history = History {
        format: FORMAT,
        project_id: wanted.project,
        phase_id: wanted.phase,
        actor: args.actor.clone(),
        up_to_position: moment.map(|moment| moment.position),
        altered_positions: altered.positions(),
        events,
    };
    let quarantine = quarantine_of(&recorded);
    context.output.result(&history, || {
        let mut page = Page::default();
        let of = wanted
            .phase
            .map_or_else(|| format!("project {}", wanted.project), |phase| format!("phase {phase}"));
        let events = plural(history.events.len() as u64, "event");
        page.line(format_args!(
            "History of {of}{}{}: {events}, oldest first",
            wanted.by(),
            args.moment.words()
        ))
        .gap();
        render::history::entries(&mut page, &history.events);
        render::quarantine::listed(&mut page, &quarantine);
        render::history::altered(&mut page, &altered);
        page
    });
    let intact = quarantine.is_empty() && altered.is_empty();
    Ok(if intact { Exit::Done } else { Exit::VerificationFailed })
}

/// Prints the events while reading them, so that memory does not grow with their number.
async fn stream(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
    mut lines: Streamed<'_>,
) -> Result<Exit, Failure> {
    let args = wanted.args;
    let position = moment(connection, &args.moment).await?.map(|moment| moment.position);
    let (mut known, mut printed, mut quarantined) = (false, false, false);
    let skipped = skip::of_stream(connection, wanted.project.uuid()).await?;
    let mut describer = EventDescriber::new(wanted.phase, &skipped);
    let mut altered = AlteredEvents::none_of(wanted.project);
    stream::history_each(connection, wanted.project, position, |recorded| {
        known = true;
        altered.see(&recorded.recorded);
        if let Some(entry) = describer.describe(&recorded) {
            quarantined |= entry.unreadable.is_some();
            if wanted.wants(&entry) {
                printed = true;
                lines.row(&HistoryRow { project_id: wanted.project, entry: &entry });
            }
        }
    })
    .await?;
    if !known {
        return Err(absent(connection, wanted.project, position, &args.moment).await?);
    }
    if !printed {
        return Err(wanted.nothing());
    }
    lines.end(&HistoryEnd {
        format: FORMAT,
        project_id: wanted.project,
        phase_id: wanted.phase,
        actor: args.actor.clone(),
        up_to_position: position,
        altered_positions: altered.positions(),
    });
    Ok(if quarantined || !altered.is_empty() { Exit::VerificationFailed } else { Exit::Done })
}
