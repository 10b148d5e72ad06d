//! Reads the timelines of a whole log with several connections at once, in order of position.
//!
//! The log is cut into chunks of positions. Each reader takes the next chunk, reads it on a snapshot that all share, and
//! decodes it on its own core; the caller gets the chunks one after the other, in order. Positions are gapless, so
//! that every chunk proves that it is whole. A reader also compares each event with its hash, if the caller wants it: the hash before
//! it is that of the row before, so that hashes are as parallel as decoding. By position and not by ranges of the heap: heap order is
//! not version order, and what a reader may have to keep until an earlier event comes would grow with the log
//! (`docs/decisions/rebuild.md`).

mod chunk;
mod cursor;
mod entry;

pub use entry::{LogEntry, TimelineEntry};

use crate::StoreError;
use crate::read::{self, ChainedEvent};
use chunk::{ChainedChunks, ChunkSource, TimelineChunks};
use cursor::{Cursor, LargeEvents};
use sqlx::{Connection, Executor, PgConnection};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

/// Positions in one chunk: many enough that the cost of a statement does not matter, few enough that some chunks per reader need
/// little memory.
const CHUNK: i64 = 10_000;
/// Chunks per reader: one that is decoded, one that waits for its turn.
const AHEAD: usize = 2;

/// Exports the snapshot of a connection's transaction for others. The transaction must be at
/// REPEATABLE READ and last until all have begun.
pub async fn export_snapshot(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.pg_export_snapshot()").fetch_one(connection).await
}

/// The ranges of positions, in order, that contain all events of a type of stream. Events that are at most an ordinary chunk apart are in
/// one range, with what lies between them.
///
/// # Errors
/// The database's own.
pub async fn positions_of_type(
    connection: &mut PgConnection,
    stream_type: &str,
) -> Result<Vec<RangeInclusive<i64>>, StoreError> {
    let query = "SELECT min(e.position), max(e.position)
                   FROM (SELECT e.position, count(*) FILTER (WHERE e.position - e.previous > $2) OVER (ORDER BY e.position) AS range
                           FROM (SELECT position, lag(position) OVER (ORDER BY position) AS previous
                                   FROM phaseline.events WHERE stream_type = $1) e) e
                  GROUP BY e.range ORDER BY 1";
    let ranges: Vec<(i64, i64)> =
        sqlx::query_as(query).bind(stream_type).bind(CHUNK).fetch_all(connection).await?;
    Ok(ranges.into_iter().map(|(first, last)| first..=last).collect())
}

/// The connections that read, one reader each, and how much each takes at a time.
#[derive(Debug)]
pub struct Readers {
    connections: Vec<PgConnection>,
    chunk: i64,
    large: Option<LargeEvents>,
    compares_hashes: bool,
}

impl Readers {
    /// Sets the number of positions per chunk, at least one. The result does not depend on it.
    #[must_use]
    pub fn with_chunk(self, positions: i64) -> Self {
        Self { chunk: positions.clamp(1, i64::from(i32::MAX)), ..self }
    }

    /// Sets the number of positions per chunk, at least one, for the ranges in which events are large ([`positions_of_type`]), in order
    /// of position: so chunks there need no more memory than elsewhere. The result does not depend on it.
    #[must_use]
    pub fn with_chunk_of_large_events(self, mut ranges: Vec<RangeInclusive<i64>>, positions: i64) -> Self {
        ranges.retain(|range| !range.is_empty());
        let size = positions.clamp(1, i64::from(i32::MAX));
        Self { large: Some(LargeEvents { ranges, size }), ..self }
    }

    /// Compares each event with its hash, too.
    #[must_use]
    pub fn comparing_hashes(self) -> Self {
        Self { compares_hashes: true, ..self }
    }
}

impl From<Vec<PgConnection>> for Readers {
    fn from(connections: Vec<PgConnection>) -> Self {
        Self { connections, chunk: CHUNK, large: None, compares_hashes: false }
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
    each: impl FnMut(Vec<T>) -> Result<(), StoreError>,
) -> Result<u64, StoreError>
where
    T: Send + 'static,
    D: Fn(&LogEntry<'_>) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
{
    let source = TimelineChunks { decode, compares_hashes: readers.compares_hashes };
    let read = read_chunks(readers, snapshot, up_to, source, each).await?;
    if read == up_to.unsigned_abs() {
        return Ok(read);
    }
    let expected = i64::try_from(read).unwrap_or(i64::MAX).saturating_add(1);
    Err(StoreError::PositionGap { expected, found: None })
}

/// Reads all events up to a position with these connections, each with the hash of the event before it, like [`read_timelines`]. A
/// missing position is no error: a caller that checks a damaged log finds all its damage. Returns the number of events.
///
/// # Errors
/// [`StoreError::SelfCheck`] without a connection; what `decode` or `each` return; the database's own, and one for a truncated result.
pub async fn read_chained<T, D>(
    readers: Readers,
    snapshot: &str,
    up_to: i64,
    decode: D,
    each: impl FnMut(Vec<T>) -> Result<(), StoreError>,
) -> Result<u64, StoreError>
where
    T: Send + 'static,
    D: Fn(&ChainedEvent<'_>) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
{
    read_chunks(readers, snapshot, up_to, ChainedChunks { decode }, each).await
}

async fn read_chunks<S: ChunkSource>(
    readers: Readers,
    snapshot: &str,
    up_to: i64,
    source: S,
    mut each: impl FnMut(Vec<S::Entry>) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let Readers { connections, chunk, large, .. } = readers;
    if connections.is_empty() {
        return Err(StoreError::SelfCheck("the log cannot be read without a connection".to_owned()));
    }
    let cursor = Arc::new(Cursor::new(chunk, large, up_to));
    let ahead = Arc::new(Semaphore::new(connections.len() * AHEAD));
    let (sender, mut chunks) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for connection in connections {
        let reader = ChunkReader {
            connection,
            snapshot: snapshot.to_owned(),
            cursor: Arc::clone(&cursor),
            ahead: Arc::clone(&ahead),
        };
        tasks.spawn(reader.read(source.clone(), sender.clone()));
    }
    drop(sender);
    let mut waiting: BTreeMap<u64, Vec<S::Entry>> = BTreeMap::new();
    let (mut next, mut done) = (0, 0);
    while let Some((number, entries)) = chunks.recv().await {
        waiting.insert(number, entries);
        while let Some(entries) = waiting.remove(&next) {
            next += 1;
            done += entries.len() as u64;
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
    Ok(done)
}

/// One connection that takes chunk after chunk.
struct ChunkReader {
    connection: PgConnection,
    snapshot: String,
    cursor: Arc<Cursor>,
    ahead: Arc<Semaphore>,
}

impl ChunkReader {
    async fn read<S: ChunkSource>(
        mut self,
        source: S,
        sender: mpsc::UnboundedSender<(u64, Vec<S::Entry>)>,
    ) -> Result<(), StoreError> {
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
            let Some(chunk) = self.cursor.take() else { break };
            let entries = source.read(&mut transaction, chunk).await?;
            if entries.is_empty() {
                // Positions may be missing in millions.
                let behind = chunk::next_position(&mut transaction, chunk.last).await?;
                self.cursor.skip_to(behind.unwrap_or(i64::MAX));
            }
            if sender.send((chunk.number, entries)).is_err() {
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
