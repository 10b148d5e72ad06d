//! Ends quarantines: marks an event that cannot be read, so that it is left out.

use crate::database;
use crate::error::MigratorError;
use crate::log::events::{RUN, RunEvent};
use crate::log::link_events::{self, LEGACY_LINKS};
use crate::progress::Progress;
use crate::verify::unreadable_events;
use phaseline_domain::ProjectId;
use phaseline_store::stream;
use phaseline_store::{
    Content, Metadata, RecordedEvent, SkippedEvent, StoreError, StreamId, UnreadableEvent, read, schema, skip,
};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// The events that cannot be read, and those that are left out.
#[derive(Clone, Debug, Serialize)]
pub struct QuarantineList {
    /// `phaseline.quarantine/1`
    pub format: &'static str,
    /// The events that cannot be read, in order of position: the first of them in full.
    pub unreadable: Vec<UnreadableEvent>,
    /// Their number.
    pub unreadable_count: u64,
    /// The events that are left out, in the order in which they were marked.
    pub skipped: Vec<SkippedEvent>,
}

/// Reads the whole log, in one snapshot.
///
/// # Errors
/// [`StoreError::NotInstalled`] without a log; the database's own.
pub async fn list(
    connection: &mut PgConnection,
    progress: &dyn Progress,
) -> Result<QuarantineList, MigratorError> {
    let mut transaction = read::snapshot(connection).await?;
    let found = unreadable_events(&mut transaction, progress).await?.ok_or(StoreError::NotInstalled)?;
    let marks = read::of_type(&mut transaction, skip::SKIPPED_EVENTS).await?;
    transaction.rollback().await?;
    Ok(QuarantineList {
        format: "phaseline.quarantine/1",
        unreadable_count: found.count,
        unreadable: found.events,
        skipped: marks.iter().filter_map(|mark| skip::decode(mark).ok()).collect(),
    })
}

/// The events of a stream to leave out.
#[derive(Clone, Debug)]
pub enum EventSelection {
    /// Events at these positions.
    At(Vec<i64>),
    /// All unreadable events.
    All,
}

/// The result of leaving events out.
#[derive(Clone, Debug)]
pub enum SkipResult {
    /// The events, now marked.
    Done(Vec<SkippedEvent>),
    /// Nothing was written: the reasons why events cannot be left out.
    Refused(Vec<String>),
}

/// Marks events of the stream `id` (a project's, or a run's), so that they are left out. All or none: only events that
/// cannot be read are left out. Waits up to 30 seconds for the log's head, and checks under its lock.
///
/// # Errors
/// [`StoreError::NotInstalled`] without a log; the database's own. Then nothing was written.
pub async fn skip(
    connection: &mut PgConnection,
    id: Uuid,
    selection: &EventSelection,
    metadata: &Metadata,
) -> Result<SkipResult, MigratorError> {
    if !schema::installed(connection).await? {
        return Err(StoreError::NotInstalled.into());
    }
    let mut transaction = database::read_write(connection).await?;
    let connection = &mut *transaction;
    sqlx::raw_sql("SET LOCAL lock_timeout = '30s'").execute(&mut *connection).await?;
    schema::lock_head(connection).await?;
    let chosen = match choose(connection, id, selection).await? {
        Ok(chosen) => chosen,
        Err(reasons) => return Ok(SkipResult::Refused(reasons)),
    };
    skip::mark(connection, &chosen, metadata).await?;
    let marks = skip::of_stream(connection, id).await?;
    transaction.commit().await?;
    let is_chosen = |mark: &SkippedEvent| chosen.iter().any(|event| event.position == mark.position);
    Ok(SkipResult::Done(marks.into_iter().filter(is_chosen).collect()))
}

/// The events that [`skip()`] would mark, or the reasons why it would refuse. Writes and locks nothing.
///
/// # Errors
/// [`StoreError::NotInstalled`] without a log; the database's own.
pub async fn preview_skip(
    connection: &mut PgConnection,
    id: Uuid,
    selection: &EventSelection,
) -> Result<Result<Vec<UnreadableEvent>, Vec<String>>, MigratorError> {
    if !schema::installed(connection).await? {
        return Err(StoreError::NotInstalled.into());
    }
    let mut transaction = read::snapshot(connection).await?;
    let chosen = choose(&mut transaction, id, selection).await?;
    transaction.rollback().await?;
    Ok(chosen)
}

/// The selected events, at least one, if each can be left out; otherwise every reason.
async fn choose(
    connection: &mut PgConnection,
    id: Uuid,
    selection: &EventSelection,
) -> Result<Result<Vec<UnreadableEvent>, Vec<String>>, StoreError> {
    let found = unreadable_of(connection, id).await?;
    let chosen = match selection {
        EventSelection::All => found,
        EventSelection::At(positions) => {
            let (mut chosen, mut refused) = (Vec::new(), Vec::new());
            for position in positions {
                match found.iter().find(|event| event.position == *position) {
                    Some(event) => chosen.push(event.clone()),
                    None => refused.push(why_not(connection, id, *position).await?),
                }
            }
            if !refused.is_empty() {
                return Ok(Err(refused));
            }
            chosen
        }
    };
    if chosen.is_empty() {
        return Ok(Err(vec![format!("{id} has no event that cannot be read")]));
    }
    let damaged: Vec<String> = chosen.iter().filter(|event| event.damage).map(ToString::to_string).collect();
    Ok(if damaged.is_empty() { Ok(chosen) } else { Err(damaged) })
}

/// Every event with this stream id that cannot be read and is not left out, in order of position.
async fn unreadable_of(connection: &mut PgConnection, id: Uuid) -> Result<Vec<UnreadableEvent>, StoreError> {
    let mut found = Vec::new();
    stream::history_each(connection, ProjectId::from(id), None, |recorded| {
        if let Content::Unreadable(event) = recorded.content {
            found.push(*event);
        }
    })
    .await?;
    let skipped: Vec<i64> = skip::of_stream(connection, id).await?.iter().map(|mark| mark.position).collect();
    let unreadable = |event: &RecordedEvent| {
        let fault = match event.stream_type.as_str() {
            LEGACY_LINKS => link_events::check(event).err(),
            RUN => RunEvent::from_recorded(event).err(),
            _ => return skip::decode(event).err().map(|found| *found),
        };
        fault.map(|fault| UnreadableEvent::at(event, fault))
    };
    for stream_type in [LEGACY_LINKS, RUN, skip::SKIPPED_EVENTS] {
        let events = read::stream(connection, StreamId { stream_type, id }, None).await?;
        let left = events.iter().filter(|event| !skipped.contains(&event.position));
        found.extend(left.filter_map(unreadable));
    }
    found.sort_by_key(|event| event.position);
    Ok(found)
}

/// Why an event cannot be left out.
async fn why_not(connection: &mut PgConnection, id: Uuid, position: i64) -> Result<String, StoreError> {
    let holder = read::stream_id_at(connection, position).await?;
    let marks = skip::of_stream(connection, id).await?;
    Ok(match holder {
        None => format!("position {position}: the log has no event there"),
        Some(stream) if stream != id => format!("position {position}: the event belongs to {stream}"),
        Some(_) if marks.iter().any(|mark| mark.position == position) => {
            format!("position {position}: the event is left out already")
        }
        Some(_) => {
            format!(
                "position {position}: nothing is wrong with the event, and only what cannot be read is left out"
            )
        }
    })
}
