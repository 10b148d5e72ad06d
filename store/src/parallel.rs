//! Reads the timelines of a whole log with several connections at once, in order of position.
//!
//! The log is cut into chunks of positions. Each reader takes the next chunk, reads it on a snapshot that all share, and
//! decodes it on its own core; the caller gets the chunks one after the other, in order. Positions are gapless, so
//! that every chunk proves that it is whole. By position and not by ranges of the heap: heap order is not version order,
//! and what a reader may have to keep until an earlier event comes would grow with the log
//! (`docs/decisions/rebuild.md`).

use crate::copy::{self, Row};
use crate::read;
use crate::stream::TIMELINE;
use crate::unreadable::{self, EventHeader};
use crate::{StoreError, UnreadableEvent};
use chrono::{DateTime, Utc};
use phaseline_domain::TimelineEvent;
use sqlx::{Connection, Executor, PgConnection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Positions in one chunk: many enough that the cost of a statement does not matter, few enough that some chunks per reader need
/// little memory.
const CHUNK: i64 = 10_000;
/// Chunks per reader: one that is decoded, one that waits for its turn.
const AHEAD: usize = 2;

/// One position of the log, with its event if that is a timeline's.
#[derive(Clone, Copy, Debug)]
pub struct LogEntry<'a> {
    /// The position.
    pub position: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The event, if it is a timeline's.
    pub timeline: Option<TimelineEntry<'a>>,
}

/// A timeline's event as far as folds need it.
#[derive(Clone, Copy, Debug)]
pub struct TimelineEntry<'a> {
    /// The project.
    pub stream_id: Uuid,
    /// Its position in its stream, from 1 without gaps.
    pub version: i64,
    /// Its type's name.
    pub event_type: &'a str,
    /// The payload's schema version.
    pub schema_version: i32,
    /// JSON text, byte for byte as written.
    pub payload: &'a str,
    /// JSON text: a flat object of strings.
    pub metadata: &'a str,
}

impl LogEntry<'_> {
    /// The decoded event, or why it cannot be read. Does not check whether the event is possible at its version.
    pub fn decode(&self) -> Option<Result<TimelineEvent, Box<UnreadableEvent>>> {
        let found = self.timeline?;
        let header = EventHeader {
            position: self.position,
            stream_type: TIMELINE,
            stream_id: found.stream_id,
            version: found.version,
            event_type: found.event_type,
            schema_version: found.schema_version,
        };
        Some(unreadable::decode(header, found.payload, found.metadata))
    }
}

/// Exports the snapshot of a connection's transaction for others. The transaction must be at
/// REPEATABLE READ and last until all have begun.
pub async fn export_snapshot(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.pg_export_snapshot()").fetch_one(connection).await
}

/// The connections that read, one reader each, and how much each takes at a time.
#[derive(Debug)]
pub struct Readers {
    connections: Vec<PgConnection>,
    chunk: i64,
}

impl Readers {
    /// Sets the number of positions per chunk, at least one. The result does not depend on it.
    #[must_use]
    pub fn with_chunk(self, positions: i64) -> Self {
        Self { chunk: positions.clamp(1, i64::from(i32::MAX)), ..self }
    }
}

impl From<Vec<PgConnection>> for Readers {
    fn from(connections: Vec<PgConnection>) -> Self {
        Self { connections, chunk: CHUNK }
    }
}

/// Reads positions 1 to `up_to` with these connections, on a snapshot from [`export_snapshot`]. `decode` turns entries
/// into the caller's type, on any core and in any order; `each` gets the results chunk by chunk in order of position.
/// Returns their number, which is always `up_to`.
///
/// Memory: a few chunks per reader, regardless of the log's length. When the future is dropped, the readers end.
///
/// # Errors
/// [`StoreError::PositionGap`] if a position is missing; [`StoreError::SelfCheck`] without a connection; what `decode` or
/// `each` return; the database's own, and one for a truncated result.
pub async fn read_timelines<T, D>(
    readers: Readers,
    snapshot: &str,
    up_to: i64,
    decode: D,
    mut each: impl FnMut(Vec<T>) -> Result<(), StoreError>,
) -> Result<u64, StoreError>
where
    T: Send + 'static,
    D: Fn(&LogEntry<'_>) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
{
    let Readers { connections, chunk } = readers;
    if connections.is_empty() {
        return Err(StoreError::SelfCheck("the log cannot be read without a connection".to_owned()));
    }
    let next = Arc::new(AtomicI64::new(0));
    let ahead = Arc::new(Semaphore::new(connections.len() * AHEAD));
    let (sender, mut chunks) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for connection in connections {
        let reader = ChunkReader {
            connection,
            chunk,
            snapshot: snapshot.to_owned(),
            up_to,
            next: Arc::clone(&next),
            ahead: Arc::clone(&ahead),
        };
        tasks.spawn(reader.read(decode.clone(), sender.clone()));
    }
    drop(sender);
    let mut waiting: BTreeMap<i64, Vec<T>> = BTreeMap::new();
    let mut done = 0;
    while let Some((after, entries)) = chunks.recv().await {
        waiting.insert(after, entries);
        while let Some(entries) = waiting.remove(&done) {
            done += i64::try_from(entries.len()).unwrap_or(i64::MAX);
            each(entries)?;
            ahead.add_permits(1);
        }
    }
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(read) => read?,
            Err(error) => return Err(StoreError::SelfCheck(format!("a reader of the log failed: {error}"))),
        }
    }
    if done == up_to {
        return Ok(done.unsigned_abs());
    }
    Err(StoreError::PositionGap { expected: done + 1, found: None })
}

/// One connection that takes chunk after chunk.
struct ChunkReader {
    connection: PgConnection,
    /// Positions in a chunk.
    chunk: i64,
    snapshot: String,
    up_to: i64,
    /// The position behind which the next chunk begins.
    next: Arc<AtomicI64>,
    ahead: Arc<Semaphore>,
}

impl ChunkReader {
    async fn read<T, D>(
        mut self,
        decode: D,
        sender: mpsc::UnboundedSender<(i64, Vec<T>)>,
    ) -> Result<(), StoreError>
    where
        D: Fn(&LogEntry<'_>) -> Result<T, StoreError>,
    {
        let mut transaction = self.connection.begin_with(read::BEGIN_SNAPSHOT).await?;
        // Reading by position needs the index, even if statistics of a newly filled table suggest otherwise.
        let settings = format!(
            "SET TRANSACTION SNAPSHOT '{}'; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
             SET LOCAL enable_sort = off",
            self.snapshot.replace('\'', "''")
        );
        transaction.execute(settings.as_str()).await?;
        // A closed gate means that all chunks are taken, or that another reader failed and reports its error.
        while let Ok(permit) = self.ahead.acquire().await {
            permit.forget();
            let after = self.next.fetch_add(self.chunk, Ordering::Relaxed);
            if after >= self.up_to {
                break;
            }
            let last = after.saturating_add(self.chunk).min(self.up_to);
            let entries = read_chunk(&mut transaction, after, last, &decode).await?;
            if sender.send((after, entries)).is_err() {
                break;
            }
        }
        transaction.rollback().await?;
        Ok(())
    }
}

impl Drop for ChunkReader {
    /// When a reader ends, no other may wait for a chunk: all chunks are taken, or this reader failed.
    fn drop(&mut self) {
        self.ahead.close();
    }
}

/// All entries behind `after` up to `last`.
async fn read_chunk<T>(
    connection: &mut PgConnection,
    after: i64,
    last: i64,
    decode: &impl Fn(&LogEntry<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let query = format!(
        "SELECT position, recorded_at, CASE WHEN stream_type = '{TIMELINE}' THEN stream_id END, version, event_type,
                schema_version, CASE WHEN stream_type = '{TIMELINE}' THEN payload END,
                CASE WHEN stream_type = '{TIMELINE}' THEN metadata END
           FROM phaseline.events WHERE position > {after} AND position <= {last} ORDER BY position"
    );
    let mut entries = Vec::with_capacity(usize::try_from(last - after).unwrap_or_default());
    let mut expected = after + 1;
    copy::read(connection, &query, |row| {
        let entry = log_entry(&row)?;
        if entry.position != expected {
            return Err(StoreError::PositionGap { expected, found: Some(entry.position) });
        }
        expected += 1;
        entries.push(decode(&entry)?);
        Ok(())
    })
    .await?;
    if expected == last + 1 { Ok(entries) } else { Err(StoreError::PositionGap { expected, found: None }) }
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
    Ok(LogEntry { position: row.i64(0)?, recorded_at: row.timestamptz(1)?, timeline })
}
