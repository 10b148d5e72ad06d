//! The names of actors who are users of the planner, beside their ids.

use crate::problem::{Problem, of_read};
use crate::state::AppState;
use phaseline_projections::planner_users::UserNames;
use phaseline_projections::{HistoryEntry, TimelineDiff};
use phaseline_store::Metadata;

/// The actor of an event that has no name of the actor.
pub(crate) fn unnamed(metadata: &Metadata) -> Option<&str> {
    metadata.actor.as_deref().filter(|_| metadata.actor_name.is_none())
}

/// Adds the actor's present name, unless the event has one.
pub(crate) fn complete(users: &UserNames, metadata: &mut Metadata) {
    users.complete(metadata.actor.as_deref(), &mut metadata.actor_name);
}

/// Adds the present names to the entries of a history.
pub(super) async fn add_to_history(app: &AppState, entries: &mut [HistoryEntry]) -> Result<(), Box<Problem>> {
    let users = read(app, entries.iter().filter_map(|entry| unnamed(&entry.metadata))).await?;
    entries.iter_mut().for_each(|entry| complete(&users, &mut entry.metadata));
    Ok(())
}

/// Adds the present names to the events of a difference.
pub(super) async fn add_to_diff(app: &AppState, diff: &mut TimelineDiff) -> Result<(), Box<Problem>> {
    add_to_diffs(app, &mut [diff]).await
}

/// Adds the present names to the events of differences.
pub(super) async fn add_to_diffs(
    app: &AppState,
    diffs: &mut [&mut TimelineDiff],
) -> Result<(), Box<Problem>> {
    let events = diffs.iter().flat_map(|diff| diff.all_events());
    let unnamed = events.filter(|event| event.actor_name.is_none());
    let users = read(app, unnamed.filter_map(|event| event.actor.as_deref())).await?;
    for event in diffs.iter_mut().flat_map(|diff| diff.all_events_mut()) {
        users.complete(event.actor.as_deref(), &mut event.actor_name);
    }
    Ok(())
}

async fn read<'a>(app: &AppState, actors: impl Iterator<Item = &'a str>) -> Result<UserNames, Box<Problem>> {
    let actors: Vec<&str> = actors.collect();
    if actors.is_empty() {
        return Ok(UserNames::default());
    }
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let users = UserNames::of(&mut session, actors).await;
    session.end(users).map_err(of_read)
}
