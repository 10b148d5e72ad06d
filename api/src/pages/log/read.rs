//! Reads the events of the page.

use super::form::{ENDS, LogForm};
use crate::auth::Caller;
use crate::problem::{Problem, internal, of_read};
use crate::routes::actor_names;
use crate::routes::log::{LogRequest, MOST_LOOKED_THROUGH};
use crate::state::AppState;
use phaseline_domain::ProjectId;
use phaseline_projections::log_entries::{ActorFilter, DescribedEvent, LogSelection, log_page};
use phaseline_projections::planner_users::UserNames;
use phaseline_projections::planner_view::{ProjectName, project_names};
use phaseline_store::moment::{Moment, first_position};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why there is no list.
#[derive(Debug)]
pub(super) enum RefusedLog {
    /// The log does not have a given end of the range.
    Field(&'static str, Box<Problem>),
    /// Anything else.
    Failed(Box<Problem>),
}

impl From<Box<Problem>> for RefusedLog {
    fn from(problem: Box<Problem>) -> Self {
        Self::Failed(problem)
    }
}

/// The events of a page.
#[derive(Debug)]
pub(super) struct FoundEvents {
    /// The range.
    pub(super) range: [i64; 2],
    /// Oldest first, each command together.
    pub(super) commands: Vec<Vec<DescribedEvent>>,
    /// The position before each command, by its first event here.
    pub(super) previous: BTreeMap<i64, i64>,
    pub(super) names: HashMap<ProjectId, ProjectName>,
    /// The last position that was looked through; none if the page is the last one.
    pub(super) next: Option<i64>,
}

/// Finds the events that a caller may see.
pub(super) async fn find(
    app: &AppState,
    caller: &Caller,
    form: &LogForm,
    request: &LogRequest,
) -> Result<FoundEvents, RefusedLog> {
    // Describing a page reads the timelines of its events from their beginnings.
    let reading = app.readers.acquire().await.map_err(|_| Box::new(internal()))?;
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let found = read(&mut session, caller, form, request).await;
    let found = session.end(found);
    drop(reading);
    found
}

async fn read(
    connection: &mut PgConnection,
    caller: &Caller,
    form: &LogForm,
    request: &LogRequest,
) -> Result<FoundEvents, RefusedLog> {
    let place = match request.place(connection).await {
        Ok(place) => place,
        Err(problem) => return Err(refused(connection, form, problem).await),
    };
    let (mut first, mut last) = (place.first, place.last);
    if let Some(before) = form.before {
        last = last.min(before - 1);
    }
    if let Some(after) = form.after {
        first = first.max(after.saturating_add(1));
    }
    let selection = request.selection(&place, caller.projects.clone());
    let selection = LogSelection {
        positions: first..=last,
        actor: form.parameters.get("actor").map(|actor| ActorFilter::NameOrLogin(actor.to_owned())),
        newest_first: !form.is_oldest_first,
        ..selection
    };
    let page = log_page(connection, &selection, MOST_LOOKED_THROUGH).await;
    let page = page.map_err(|error| Box::new(Problem::of_store(&error)))?;
    let mut events = page.events;
    let projects: BTreeSet<ProjectId> = events.iter().filter_map(|event| event.project_id).collect();
    let projects: Vec<ProjectId> = projects.into_iter().collect();
    let names = project_names(connection, &projects).await.map_err(of_read)?;
    let actors = events.iter().filter_map(|event| actor_names::unnamed(&event.entry.metadata));
    let users = UserNames::of(connection, actors).await.map_err(of_read)?;
    for event in &mut events {
        actor_names::complete(&users, &mut event.entry.metadata);
    }
    let commands = commands(events);
    let previous = previous(connection, &commands).await?;
    Ok(FoundEvents { range: [place.first, place.last], commands, previous, names, next: page.last })
}

/// A range that the log does not have: which of its ends that is.
async fn refused(connection: &mut PgConnection, form: &LogForm, problem: Box<Problem>) -> RefusedLog {
    for end in ENDS {
        let Some(request) = form.request_of_end(end) else { continue };
        if let Err(problem) = request.place(connection).await
            && matches!(problem.code(), "no_such_position" | "in_the_future")
        {
            return RefusedLog::Field(end, problem);
        }
    }
    match problem.code() {
        "bad_request" => RefusedLog::Field("form", problem),
        _ => RefusedLog::Failed(problem),
    }
}

/// What tells whether two events that follow each other belong to one command.
fn command_of(event: &DescribedEvent) -> Option<(&str, Option<i64>)> {
    let metadata = &event.entry.metadata;
    // A run's begin and its failure have transactions of their own.
    if matches!(event.entry.event_type.as_str(), "RunStarted" | "RunFailed") {
        return None;
    }
    let time = event.entry.recorded_at.timestamp_micros();
    let of_command = metadata.command_id.as_deref().map(|id| (id, Some(time)));
    of_command.or_else(|| metadata.correlation_id.as_deref().map(|id| (id, None)))
}

fn commands(events: Vec<DescribedEvent>) -> Vec<Vec<DescribedEvent>> {
    let mut commands: Vec<Vec<DescribedEvent>> = Vec::new();
    for event in events {
        let command = command_of(&event);
        match commands.last_mut() {
            Some(last) if command.is_some() && last.last().and_then(command_of) == command => {
                last.push(event)
            }
            _ => commands.push(vec![event]),
        }
    }
    commands
}

/// The position before each command. Where the event before it is on the page, too, that is its position.
async fn previous(
    connection: &mut PgConnection,
    commands: &[Vec<DescribedEvent>],
) -> Result<BTreeMap<i64, i64>, Box<Problem>> {
    let mut previous = BTreeMap::new();
    let mut shown = None;
    for command in commands {
        let Some([first, last]) = ends(command) else { continue };
        let before = match shown {
            Some(shown) if shown + 1 == first => shown,
            _ => first_position(connection, Moment::Position(first)).await.map_err(Problem::from)? - 1,
        };
        previous.insert(first, before);
        shown = Some(last);
    }
    Ok(previous)
}

fn ends(command: &[DescribedEvent]) -> Option<[i64; 2]> {
    Some([command.first()?.entry.position, command.last()?.entry.position])
}
