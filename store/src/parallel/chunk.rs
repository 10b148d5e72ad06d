//! Reads the entries of one chunk.

use super::cursor::Chunk;
use super::entry::{LogEntry, TimelineEntry};
use crate::copy::{self, Row};
use crate::read::{self, ChainedEvent};
use crate::stream::TIMELINE;
use crate::{RawEvent, StoreError, hash};
use sqlx::PgConnection;
use std::future::Future;

/// What is read of each chunk.
pub(super) trait ChunkSource: Clone + Send + 'static {
    /// An entry as the caller wants it.
    type Entry: Send + 'static;

    /// All entries of a chunk, in order of position.
    fn read(
        &self,
        connection: &mut PgConnection,
        chunk: Chunk,
    ) -> impl Future<Output = Result<Vec<Self::Entry>, StoreError>> + Send;
}

/// Entries of all positions, decoded if they are a timeline's.
#[derive(Clone)]
pub(super) struct TimelineChunks<D> {
    pub(super) decode: D,
    pub(super) compares_hashes: bool,
}

impl<T, D> ChunkSource for TimelineChunks<D>
where
    T: Send + 'static,
    D: Fn(&LogEntry<'_>) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
{
    type Entry = T;

    async fn read(&self, connection: &mut PgConnection, chunk: Chunk) -> Result<Vec<T>, StoreError> {
        let mut entries = room(chunk);
        let mut expected = chunk.after + 1;
        let mut take = |entry: LogEntry<'_>| {
            if entry.position != expected {
                return Err(StoreError::PositionGap { expected, found: Some(entry.position) });
            }
            expected += 1;
            entries.push((self.decode)(&entry)?);
            Ok(())
        };
        if self.compares_hashes {
            read_chained(connection, chunk, |chained| take(entry_of(chained))).await?;
        } else {
            copy::read(connection, &timelines(chunk), |row| take(log_entry(&row)?)).await?;
        }
        if expected == chunk.last + 1 {
            Ok(entries)
        } else {
            Err(StoreError::PositionGap { expected, found: None })
        }
    }
}

/// All events there are, each with the hash before it.
#[derive(Clone)]
pub(super) struct ChainedChunks<D> {
    pub(super) decode: D,
}

impl<T, D> ChunkSource for ChainedChunks<D>
where
    T: Send + 'static,
    D: Fn(&ChainedEvent<'_>) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
{
    type Entry = T;

    async fn read(&self, connection: &mut PgConnection, chunk: Chunk) -> Result<Vec<T>, StoreError> {
        let mut entries = room(chunk);
        read_chained(connection, chunk, |chained| {
            entries.push((self.decode)(chained)?);
            Ok(())
        })
        .await?;
        Ok(entries)
    }
}

fn room<T>(chunk: Chunk) -> Vec<T> {
    Vec::with_capacity(usize::try_from(chunk.last - chunk.after).unwrap_or_default())
}

/// The position of the first event behind another.
pub(super) async fn next_position(
    connection: &mut PgConnection,
    position: i64,
) -> Result<Option<i64>, StoreError> {
    let query = "SELECT min(position) FROM phaseline.events WHERE position > $1";
    Ok(sqlx::query_scalar(query).bind(position).fetch_one(connection).await?)
}

/// Calls `each` with the events of a chunk. The first chunk begins with the first event, whatever its position.
async fn read_chained(
    connection: &mut PgConnection,
    chunk: Chunk,
    mut each: impl FnMut(&ChainedEvent<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let Chunk { number, after, last } = chunk;
    // With the event before the first one, whose hash the first one continues.
    let begin = match number {
        0 => String::new(),
        _ => format!(
            "position >= (SELECT coalesce(max(p.position), {after}) FROM phaseline.events p WHERE p.position <= {after}) AND"
        ),
    };
    let mut previous = hash::GENESIS;
    read::scan_where(connection, &format!("{begin} position <= {last}"), |event: &RawEvent<'_>| {
        let chained = ChainedEvent { event: *event, previous: Some(previous) };
        previous = event.hash;
        if number > 0 && event.position <= after {
            return Ok(());
        }
        each(&chained)
    })
    .await?;
    Ok(())
}

fn entry_of<'a>(chained: &ChainedEvent<'a>) -> LogEntry<'a> {
    let event = &chained.event;
    let timeline = (event.stream_type == TIMELINE).then_some(TimelineEntry {
        stream_id: event.stream_id,
        version: event.version,
        event_type: event.event_type,
        schema_version: event.schema_version,
        payload: event.payload,
        metadata: event.metadata,
    });
    // Another stream's event is in no fold.
    let is_altered = timeline.is_some() && !chained.fits();
    LogEntry { position: event.position, recorded_at: event.recorded_at, timeline, is_altered }
}

/// The query for a chunk without hashes.
fn timelines(chunk: Chunk) -> String {
    let Chunk { after, last, .. } = chunk;
    format!(
        "SELECT position, recorded_at, CASE WHEN stream_type = '{TIMELINE}' THEN stream_id END, version, event_type,
                schema_version, CASE WHEN stream_type = '{TIMELINE}' THEN payload END,
                CASE WHEN stream_type = '{TIMELINE}' THEN metadata END
           FROM phaseline.events WHERE position > {after} AND position <= {last} ORDER BY position"
    )
}

fn log_entry<'a>(row: &Row<'a>) -> Result<LogEntry<'a>, StoreError> {
    let timeline = match row.nullable_uuid(2)? {
        None => None,
        Some(stream_id) => Some(TimelineEntry {
            stream_id,
            version: row.i64(3)?,
            event_type: row.text(4)?,
            schema_version: row.i32(5)?,
            payload: row.text(6)?,
            metadata: row.text(7)?,
        }),
    };
    Ok(LogEntry { position: row.i64(0)?, recorded_at: row.timestamptz(1)?, timeline, is_altered: false })
}
