//! Writes many events at once, by binary COPY, chained like any other.

use crate::copy::Sink;
use crate::{NewEvent, StoreError, StreamId, append::salt, hash, schema};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// The stream type of the log's own first event, `LogOpened`; the stream's id is the log's id.
pub const LOG: &str = "Log";

/// A running bulk import. Its events become visible when the caller's transaction commits, at the positions behind
/// all events that were committed before.
#[derive(Debug)]
pub struct Import<'c> {
    sink: Sink<'c>,
    first: i64,
    position: i64,
    previous: hash::Hash,
    recorded_at: DateTime<Utc>,
    login: String,
}

/// The result of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The number of events, including `LogOpened` if the log was empty.
    pub count: u64,
    /// The position before the first of them.
    pub after: i64,
    /// The position of the last of them.
    pub position: i64,
    /// The time under which all of them were recorded.
    pub recorded_at: DateTime<Utc>,
}

impl<'c> Import<'c> {
    /// Locks the head and starts. Must run inside a transaction at READ COMMITTED: the tip is read by a statement of
    /// its own after the lock, so that it is the latest.
    pub async fn begin(connection: &'c mut PgConnection) -> Result<Self, StoreError> {
        schema::lock_head(connection).await?;
        let tip = schema::tip(connection).await?;
        let log_id = schema::log_id(connection).await?;
        schema::version::refuse_older(connection).await?;
        let (now, login): (DateTime<Utc>, String) =
            sqlx::query_as("SELECT pg_catalog.clock_timestamp(), session_user::pg_catalog.text")
                .fetch_one(&mut *connection)
                .await?;
        let recorded_at = tip.recorded_at.map_or(now, |last| last.max(now));
        let sink = Sink::open(
            connection,
            "phaseline.events (position, stream_type, stream_id, version, event_id, event_type, schema_version,
                payload, metadata, salt, recorded_at, hash, login)",
        )
        .await?;
        let mut import = Self {
            sink,
            first: tip.position,
            position: tip.position,
            previous: tip.hash,
            recorded_at,
            login,
        };
        if tip.position == 0 {
            // A log begins with its own id, so that the id is under the chain too.
            let payload = serde_json::json!({ "log_id": log_id }).to_string();
            let opened = NewEvent::new("LogOpened", 1, payload);
            import.push(StreamId { stream_type: LOG, id: log_id }, 1, &opened, "{}").await?;
        }
        Ok(import)
    }

    /// The time under which this import's events are recorded.
    pub const fn recorded_at(&self) -> DateTime<Utc> {
        self.recorded_at
    }

    /// The position of the event pushed last.
    pub const fn position(&self) -> i64 {
        self.position
    }

    /// Adds one event. `version` is its position in its stream, and must be one more than the stream's last: the database's unique key
    /// refuses duplicates only. `metadata` is JSON text.
    pub async fn push(
        &mut self,
        stream: StreamId,
        version: i64,
        event: &NewEvent,
        metadata: &str,
    ) -> Result<(), StoreError> {
        let salt = salt();
        let content = hash::content(&hash::HashedContent {
            stream_type: stream.stream_type,
            stream_id: stream.id,
            version,
            event_id: event.event_id,
            event_type: event.event_type,
            schema_version: event.schema_version,
            payload: event.payload.as_bytes(),
            salt: &salt,
            metadata: metadata.as_bytes(),
            login: Some(&self.login),
        });
        self.position += 1;
        self.previous = hash::chain(&self.previous, self.position, self.recorded_at, &content);
        let (position, recorded_at, chained, login) =
            (self.position, self.recorded_at, self.previous, &self.login);
        self.sink
            .row(13, |row| {
                row.i64(position);
                row.text(stream.stream_type);
                row.uuid(stream.id);
                row.i64(version);
                row.uuid(event.event_id);
                row.text(event.event_type);
                row.i32(event.schema_version);
                row.text(&event.payload);
                row.text(metadata);
                row.bytes(&salt);
                row.timestamptz(recorded_at);
                row.bytes(&chained);
                row.text(login);
            })
            .await?;
        Ok(())
    }

    /// Ends the import; fails unless as many rows were inserted as were pushed.
    pub async fn finish(self) -> Result<Imported, StoreError> {
        let count = self.sink.finish().await?;
        Ok(Imported { count, after: self.first, position: self.position, recorded_at: self.recorded_at })
    }
}

/// Has the server look at the log after a large import: until it has, its plans of reads by stream take seconds instead of
/// milliseconds, and autovacuum comes within a minute or later. All columns, since only that covers the expressions of indexes. Only the
/// table's owner may; for others the server ignores it.
pub async fn analyze(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::raw_sql("ANALYZE phaseline.events").execute(connection).await?;
    Ok(())
}
