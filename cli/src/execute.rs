//! Executes one command on one timeline, or previews it, and prints the result.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::metadata;
use crate::options::ChangeArgs;
use crate::preview::preview;
use crate::render::{self, Page, clean};
use crate::style::GOOD;
use crate::target::Target;
use chrono::NaiveDateTime;
use phaseline_domain::{ProjectId, Timeline, TimelineCommand};
use phaseline_projections::{FoldedTimeline, HistoryEntry, PhaseRow, ProjectPhases, history, project_phases};
use phaseline_store::{Request, TimelineStore, stream};
use serde::Serialize;

/// The result of a command.
#[derive(Serialize)]
struct Commanded {
    format: &'static str,
    project_id: ProjectId,
    /// Whether anything changed; a command for the current state changes nothing.
    changed: bool,
    version: i64,
    position: i64,
    /// The position whose timeline was restored, if one was.
    restored_from: Option<i64>,
    events: Vec<HistoryEntry>,
    phases: Vec<PhaseRow>,
}

/// Executes the command and prints its events and the resulting timeline. Previews it first with `--dry-run`, which ends there, and on a
/// terminal, where it asks if the project gives up dates or money.
pub(crate) async fn execute(
    context: &Context,
    target: &Target,
    project: ProjectId,
    command: &TimelineCommand,
    options: &ChangeArgs,
) -> Result<Exit, Failure> {
    execute_recorded(context, target, project, command, options, None).await
}

/// The same for a command that restores the timeline of an earlier position, which its events name.
pub(crate) async fn execute_restore(
    context: &Context,
    target: &Target,
    project: ProjectId,
    command: &TimelineCommand,
    options: &ChangeArgs,
    position: i64,
) -> Result<Exit, Failure> {
    execute_recorded(context, target, project, command, options, Some(position)).await
}

async fn execute_recorded(
    context: &Context,
    target: &Target,
    project: ProjectId,
    command: &TimelineCommand,
    options: &ChangeArgs,
    restored_from: Option<i64>,
) -> Result<Exit, Failure> {
    let explained = |failure: Failure| {
        match command {
        TimelineCommand::Reschedule { .. } if failure.code() == "rule" && failure.remedy_text().is_none() => {
            failure.remedy(
                "The new dates must leave each phase a day. First resize or remove phases that they would leave without one, \
                 or move the project less.",
            )
        }
        _ => failure,
    }
    };
    let sessions = target.sessions().await?;
    let store = TimelineStore::new(sessions.clone(), ProjectPhases);
    let mut metadata = metadata(&context.global, options.reason.reason.as_deref());
    metadata.restored_from = restored_from.map(|position| position.to_string());
    let mut request = Request::new(project, command.clone(), metadata);
    if options.dry_run || !options.yes && Context::on_terminal() {
        let preview = preview(&store, &sessions, project, command).await.map_err(explained)?;
        if options.dry_run {
            sessions.close().await;
            context.output.result(&preview, || preview.page());
            return Ok(Exit::Done);
        }
        if let Some(question) = preview.question(&clean(&context.place())) {
            if !context.can_ask() {
                return Err(Context::cannot_ask("give up dates or money")
                    .detail(preview.gives_up().iter().cloned())
                    .remedy("Read the output of the same command with --dry-run first."));
            }
            context.output.beside(preview.text());
            if !context.ask(&question).await {
                return Err(Failure::declined());
            }
            // Only the confirmed change is executed.
            request.expected = Some(preview.version());
        }
    }
    let committed = store.submit(request).await.map_err(|error| explained(error.into()))?;
    // Read from the log, so that the text equals that of `history`.
    let mut session = sessions.begin().await?;
    let recorded = stream::history(&mut session, project, Some(committed.position)).await;
    let recorded = session.end(recorded)?;
    sessions.close().await;
    let mut events = history::entries(&recorded, &[], None);
    let events = events.split_off(events.len().saturating_sub(committed.events.len()));
    let mut folded = FoldedTimeline::of(&recorded);
    if events.is_empty() {
        // Without a change the project is not adopted: show its current rows.
        for event in &committed.adoption {
            folded.apply(event, NaiveDateTime::default());
        }
    }
    let commanded = Commanded {
        format: "phaseline.command/1",
        project_id: project,
        changed: !events.is_empty(),
        version: committed.version,
        position: committed.position,
        restored_from,
        events,
        phases: project_phases::rows(&folded),
    };
    context.output.result(&commanded, || commanded.page(&committed.after.timeline));
    Ok(Exit::Done)
}

impl Commanded {
    /// The result as text; `after` is the timeline after the command.
    fn page(&self, after: &Timeline) -> Page {
        let mut page = Page::default();
        if self.changed {
            render::history::entries(&mut page, &self.events);
        } else if let Some(position) = self.restored_from {
            page.line(format_args!(
                "  Nothing to restore: the timeline is as it was at position {position}; nothing was written."
            ));
        } else {
            page.line("  Nothing to change: the timeline has these values already.");
        }
        page.gap();
        render::timeline::phases(&mut page, after);
        let restored = match self.restored_from.filter(|_| self.changed) {
            Some(position) => format!(", restored from position {position}"),
            None => String::new(),
        };
        page.gap().line(format_args!(
            "{GOOD}DONE{GOOD:#}. Project {} is at version {}, position {} of the log{restored}.",
            self.project_id, self.version, self.position
        ));
        page
    }
}
