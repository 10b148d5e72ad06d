//! Reads the log: all events in order of position, or one stream in order of version.

use crate::copy::{self, CopyError, Row};
use crate::hash;
use crate::{Metadata, Pace, RawEvent, RecordedEvent, StoreError, StreamId};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use phaseline_domain::ProjectId;
use sqlx::{Connection, Database, PgConnection, Postgres, Transaction, TransactionManager};
use std::ops::RangeInclusive;
use uuid::Uuid;

const COLUMNS: &str = "position, stream_type, stream_id, version, event_id, event_type, schema_version, \
                       payload, metadata, salt, recorded_at, hash, login";

/// The statement that begins the transaction of a [`snapshot`].
pub(crate) const BEGIN_SNAPSHOT: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Begins a transaction in which log and tables are read as of one moment, and nothing can be written: a savepoint if the session
/// is such a transaction already.
pub async fn snapshot(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    type Transactions = <Postgres as Database>::TransactionManager;
    if Transactions::get_transaction_depth(connection) > 0 {
        let is_snapshot: bool = sqlx::query_scalar(
            "SELECT pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'repeatable read'",
        )
        .fetch_one(&mut *connection)
        .await?;
        if is_snapshot {
            return connection.begin().await;
        }
    }
    connection.begin_with(BEGIN_SNAPSHOT).await
}

/// Begins a transaction for a read of several queries: a snapshot or, inside a transaction that is none, such as that of a session
/// behind a pooler, a savepoint. For reads up to a position: what the log has until there does not change.
pub async fn snapshot_or_savepoint(
    connection: &mut PgConnection,
) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    if <Postgres as Database>::TransactionManager::get_transaction_depth(connection) > 0 {
        connection.begin().await
    } else {
        connection.begin_with(BEGIN_SNAPSHOT).await
    }
}

/// Whether the table of events has all columns of this program's version.
pub async fn has_all_columns(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let columns: Vec<&str> = COLUMNS.split(", ").collect();
    let found: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = 'phaseline.events'::regclass AND a.attname = ANY ($1) AND NOT a.attisdropped",
    )
    .bind(&columns)
    .fetch_one(connection)
    .await?;
    Ok(usize::try_from(found).is_ok_and(|found| found == columns.len()))
}

/// The size of the table of events in bytes, without its indexes; none without a log.
pub async fn size(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_catalog.pg_relation_size(pg_catalog.to_regclass('phaseline.events'))")
        .fetch_one(connection)
        .await
}

/// The query over events, such that `login` is NULL where the table has no such column yet: a log can be read before it is
/// upgraded. A name that the inner query does not have is resolved in the outer one.
fn with_login(query: &str) -> String {
    format!("SELECT e.* FROM (SELECT NULL::text AS login) absent CROSS JOIN LATERAL ({query}) e")
}

fn raw<'a>(row: &Row<'a>) -> Result<RawEvent<'a>, CopyError> {
    Ok(RawEvent {
        position: row.i64(0)?,
        stream_type: row.text(1)?,
        stream_id: row.uuid(2)?,
        version: row.i64(3)?,
        event_id: row.uuid(4)?,
        event_type: row.text(5)?,
        schema_version: row.i32(6)?,
        payload: row.text(7)?,
        metadata: row.text(8)?,
        salt: row.bytes(9)?,
        recorded_at: row.timestamptz(10)?,
        hash: row.bytes(11)?.try_into().map_err(|_| CopyError::Field(11))?,
        login: row.nullable_text(12)?,
    })
}

/// Calls `each` with every event up to position `up_to` (all if `None`), in order of position, as it arrives: memory
/// does not grow with the log. Returns their number. A truncated result is an error; the caller must check for missing
/// positions ([`crate::chain::Inspector`] does).
pub async fn scan<E>(
    connection: &mut PgConnection,
    up_to: Option<i64>,
    each: impl FnMut(&RawEvent<'_>) -> Result<(), E>,
) -> Result<u64, E>
where
    E: From<StoreError> + From<sqlx::Error> + From<CopyError>,
{
    let limit = up_to.unwrap_or(i64::MAX);
    scan_where(connection, &format!("position <= {limit}"), each).await
}

/// The same with the events after a position.
pub async fn scan_after<E>(
    connection: &mut PgConnection,
    position: i64,
    each: impl FnMut(&RawEvent<'_>) -> Result<(), E>,
) -> Result<u64, E>
where
    E: From<StoreError> + From<sqlx::Error> + From<CopyError>,
{
    scan_where(connection, &format!("position > {position}"), each).await
}

/// An event, and the hash before it.
#[derive(Clone, Copy, Debug)]
pub struct ChainedEvent<'a> {
    /// The event.
    pub event: RawEvent<'a>,
    /// The hash of the event before it in the log; none if the log lacks that event.
    pub previous: Option<hash::Hash>,
}

impl ChainedEvent<'_> {
    /// Whether the event fits its hash.
    pub fn fits(&self) -> bool {
        self.previous.is_some_and(|previous| hash::fits(&previous, &self.event))
    }
}

/// Calls `each` with the events of these positions in order, as they arrive. A missing position is an error.
pub async fn scan_between<E>(
    connection: &mut PgConnection,
    positions: RangeInclusive<i64>,
    mut each: impl FnMut(&ChainedEvent<'_>) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<StoreError> + From<sqlx::Error> + From<CopyError>,
{
    let (first, last) = (*positions.start().max(&1), *positions.end());
    // The event before the first one has the hash before it.
    let mut previous = (first == 1).then_some((0, hash::GENESIS));
    let condition = format!("position BETWEEN {} AND {last}", first - 1);
    scan_where(connection, &condition, |event| {
        let before = previous.replace((event.position, event.hash));
        if event.position < first {
            return Ok(());
        }
        let expected = before.map_or(first, |(position, _)| position + 1);
        if event.position != expected {
            return Err(StoreError::PositionGap { expected, found: Some(event.position) }.into());
        }
        each(&ChainedEvent { event: *event, previous: before.map(|(_, hash)| hash) })
    })
    .await?;
    match previous {
        Some((position, _)) if position < last => {
            Err(StoreError::PositionGap { expected: position + 1, found: None }.into())
        }
        _ => Ok(()),
    }
}

/// Calls `each` with all events about one project up to a position: of its timeline, its links, marks on them, and of the repairs
/// that name it.
pub async fn scan_project<E>(
    connection: &mut PgConnection,
    project: ProjectId,
    up_to: i64,
    each: impl FnMut(&ChainedEvent<'_>) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<StoreError> + From<sqlx::Error> + From<CopyError>,
{
    scan_projects(connection, &[project], up_to, each).await
}

/// The same about several projects, in order of position.
pub async fn scan_projects<E>(
    connection: &mut PgConnection,
    projects: &[ProjectId],
    up_to: i64,
    mut each: impl FnMut(&ChainedEvent<'_>) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<StoreError> + From<sqlx::Error> + From<CopyError>,
{
    let listed =
        |pattern: &dyn Fn(&ProjectId) -> String| projects.iter().map(pattern).collect::<Vec<_>>().join(",");
    let ids = listed(&ToString::to_string);
    let named = listed(&|project| format!("%{project}%"));
    let query = with_login(&format!(
        "SELECT {COLUMNS},
                (SELECT p.hash FROM phaseline.events p WHERE p.position = e.position - 1) AS previous
           FROM phaseline.events e
          WHERE position <= {up_to}
            AND (stream_type IN ('Timeline', 'LegacyLinks', 'SkippedEvents') AND stream_id = ANY ('{{{ids}}}'::uuid[])
                 OR stream_type = 'DriftRepair' AND payload::text LIKE ANY ('{{{named}}}'::text[]))
          ORDER BY position"
    ));
    copy::read(connection, &query, |row| {
        let event = raw(&row).map_err(E::from)?;
        let previous = match row.nullable(13).map_err(E::from)? {
            Some(hash) => hash.try_into().ok(),
            None => (event.position == 1).then_some(hash::GENESIS),
        };
        each(&ChainedEvent { event, previous })
    })
    .await?;
    Ok(())
}

pub(crate) async fn scan_where<E>(
    connection: &mut PgConnection,
    condition: &str,
    mut each: impl FnMut(&RawEvent<'_>) -> Result<(), E>,
) -> Result<u64, E>
where
    E: From<StoreError> + From<sqlx::Error> + From<CopyError>,
{
    let query =
        with_login(&format!("SELECT {COLUMNS} FROM phaseline.events WHERE {condition} ORDER BY position"));
    copy::read(connection, &query, |row| {
        let event = raw(&row).map_err(E::from)?;
        each(&event)
    })
    .await
}

/// One stream's events in order of version, up to position `up_to`. A missing version is an error.
pub async fn stream(
    connection: &mut PgConnection,
    stream: StreamId,
    up_to: Option<i64>,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut events = Vec::new();
    stream_each(connection, stream, up_to, |event| {
        events.push(event);
        Ok(())
    })
    .await?;
    Ok(events)
}

/// Calls `each` with one stream's events in order of version, up to position `up_to`, as they arrive. A missing version
/// is an error.
pub async fn stream_each(
    connection: &mut PgConnection,
    stream: StreamId,
    up_to: Option<i64>,
    each: impl FnMut(RecordedEvent) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    stream_from(connection, stream, 1, up_to, each).await
}

/// The same from a version on. Each event is compared with its hash.
pub async fn stream_from(
    connection: &mut PgConnection,
    stream: StreamId,
    first: i64,
    up_to: Option<i64>,
    each: impl FnMut(RecordedEvent) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    stream_rows(connection, stream, (first, up_to), false, each).await.map(|_| ())
}

/// Like [`stream_each`] for a stream without marks. False, and `each` was not called, if it has marks: they are rare, so that one
/// statement is nearly always enough.
pub(crate) async fn unmarked_stream_each(
    connection: &mut PgConnection,
    stream: StreamId,
    up_to: Option<i64>,
    each: impl FnMut(RecordedEvent) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    stream_rows(connection, stream, (1, up_to), true, each).await
}

/// False if the stream has marks and `refuses_marks` is set.
async fn stream_rows(
    connection: &mut PgConnection,
    stream: StreamId,
    (first, up_to): (i64, Option<i64>),
    refuses_marks: bool,
    mut each: impl FnMut(RecordedEvent) -> Result<(), StoreError>,
) -> Result<bool, StoreError> {
    let query = with_login(
        "SELECT s.position, s.version, s.event_id, s.event_type, s.schema_version, s.payload::text AS payload,
                s.metadata::text AS metadata, s.salt, s.recorded_at, s.hash,
                (SELECT p.hash FROM phaseline.events p WHERE p.position = s.position - 1) AS previous, login,
                EXISTS (SELECT FROM phaseline.events m WHERE m.stream_type = 'SkippedEvents' AND m.stream_id = $2) AS has_marks
           FROM phaseline.events s
          WHERE s.stream_type = $1 AND s.stream_id = $2 AND s.version >= $3 AND s.position <= $4
          ORDER BY s.version",
    );
    let mut rows = sqlx::query_as(&query)
        .bind(stream.stream_type)
        .bind(stream.id)
        .bind(first)
        .bind(up_to.unwrap_or(i64::MAX))
        .fetch(connection);
    let mut expected = first - 1;
    let mut pace = Pace::begin();
    while let Some(row) = rows.try_next().await? {
        let row: StreamRow = row;
        if refuses_marks && row.has_marks {
            return Ok(false);
        }
        expected += 1;
        if row.version != expected {
            return Err(StoreError::VersionGap { stream, expected, found: row.version });
        }
        each(row.into_event(stream))?;
        pace.pause().await;
    }
    Ok(true)
}

/// Events of one stream: those behind version `after`, and before version `before`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamPart {
    pub(crate) id: Uuid,
    pub(crate) after: i64,
    pub(crate) before: i64,
}

/// Whether events are compared with their hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HashCheck {
    Each,
    None,
}

/// Calls `each` with the events of these parts of streams of one type up to position `up_to`, in order of stream and version.
pub(crate) async fn stream_parts(
    connection: &mut PgConnection,
    stream_type: &'static str,
    parts: &[StreamPart],
    up_to: i64,
    check: HashCheck,
    mut each: impl FnMut(RecordedEvent) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let checks = check == HashCheck::Each;
    let query = with_login(
        "SELECT s.stream_id, s.position, s.version, s.event_id, s.event_type, s.schema_version, s.payload::text AS payload,
                s.metadata::text AS metadata, s.salt, s.recorded_at, s.hash,
                CASE WHEN $6 THEN (SELECT p.hash FROM phaseline.events p WHERE p.position = s.position - 1) END AS previous, login
           FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS part (id, after, before)
           JOIN phaseline.events s
             ON s.stream_type = $1 AND s.stream_id = part.id AND s.version > part.after AND s.version < part.before
            AND s.position <= $5
          ORDER BY s.stream_id, s.version",
    );
    let mut rows = sqlx::query_as(&query)
        .bind(stream_type)
        .bind(parts.iter().map(|part| part.id).collect::<Vec<_>>())
        .bind(parts.iter().map(|part| part.after).collect::<Vec<_>>())
        .bind(parts.iter().map(|part| part.before).collect::<Vec<_>>())
        .bind(up_to)
        .bind(checks)
        .fetch(connection);
    let mut pace = Pace::begin();
    while let Some(row) = rows.try_next().await? {
        let PartRow { stream_id, row } = row;
        let stream = StreamId { stream_type, id: stream_id };
        let is_altered = checks && !row.fits_hash(stream);
        each(RecordedEvent { is_altered, ..row.unchecked(stream) })?;
        pace.pause().await;
    }
    Ok(())
}

/// A row of one of several streams.
#[derive(sqlx::FromRow)]
struct PartRow {
    stream_id: Uuid,
    #[sqlx(flatten)]
    row: StreamRow,
}

/// A row of one stream.
#[derive(sqlx::FromRow)]
struct StreamRow {
    position: i64,
    version: i64,
    event_id: Uuid,
    event_type: String,
    schema_version: i32,
    payload: String,
    metadata: String,
    salt: Vec<u8>,
    recorded_at: DateTime<Utc>,
    hash: Vec<u8>,
    /// The hash of the event before it in the log; none at position 1, and where that event is missing.
    previous: Option<Vec<u8>>,
    login: Option<String>,
    /// Whether the stream has marks; not asked for in parts of several streams.
    #[sqlx(default)]
    has_marks: bool,
}

impl StreamRow {
    /// Whether the event has the hash that follows from its content and from the hash before it.
    fn fits_hash(&self, stream: StreamId) -> bool {
        let previous = match &self.previous {
            Some(previous) => previous.as_slice().try_into().ok(),
            None => (self.position == 1).then_some(hash::GENESIS),
        };
        let (Some(previous), Ok(hash)) = (previous, self.hash.as_slice().try_into()) else { return false };
        let event = RawEvent {
            position: self.position,
            stream_type: stream.stream_type,
            stream_id: stream.id,
            version: self.version,
            event_id: self.event_id,
            event_type: &self.event_type,
            schema_version: self.schema_version,
            payload: &self.payload,
            metadata: &self.metadata,
            salt: &self.salt,
            recorded_at: self.recorded_at,
            hash,
            login: self.login.as_deref(),
        };
        hash::fits(&previous, &event)
    }

    fn into_event(self, stream: StreamId) -> RecordedEvent {
        RecordedEvent { is_altered: !self.fits_hash(stream), ..self.unchecked(stream) }
    }

    fn unchecked(self, stream: StreamId) -> RecordedEvent {
        let (metadata, metadata_error) = Metadata::read(&self.metadata);
        RecordedEvent {
            is_altered: false,
            position: self.position,
            stream_type: stream.stream_type.to_owned(),
            stream_id: stream.id,
            version: self.version,
            event_id: self.event_id,
            event_type: self.event_type,
            schema_version: self.schema_version,
            payload: self.payload,
            metadata,
            metadata_error,
            recorded_at: self.recorded_at,
            // A hash of another length fits no event.
            hash: self.hash.try_into().unwrap_or(hash::GENESIS),
            login: self.login,
        }
    }
}

/// The id of the stream that has the event at a position; none if the log has no such position.
pub async fn stream_id_at(connection: &mut PgConnection, position: i64) -> Result<Option<Uuid>, StoreError> {
    Ok(sqlx::query_scalar("SELECT stream_id FROM phaseline.events WHERE position = $1")
        .bind(position)
        .fetch_optional(connection)
        .await?)
}

/// All events of one stream type in order of position; for types of few events, such as runs.
pub async fn of_type(
    connection: &mut PgConnection,
    stream_type: &str,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let quoted = stream_type.replace('\'', "''");
    let query = with_login(&format!(
        "SELECT {COLUMNS} FROM phaseline.events WHERE stream_type = '{quoted}' ORDER BY position"
    ));
    let mut events = Vec::new();
    copy::read(connection, &query, |row| {
        events.push(raw(&row)?.to_owned_event());
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(events)
}

/// The number of events behind a position: equal to the number of positions, unless the log is damaged.
pub async fn count_behind(connection: &mut PgConnection, position: i64) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM phaseline.events WHERE position > $1")
        .bind(position)
        .fetch_one(connection)
        .await?)
}

/// The first position up to `last` without an event; none unless the log is damaged. Reads the index only.
pub async fn first_missing(connection: &mut PgConnection, last: i64) -> Result<Option<i64>, StoreError> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM phaseline.events WHERE position BETWEEN 1 AND $1")
            .bind(last)
            .fetch_one(&mut *connection)
            .await?;
    if count == last {
        return Ok(None);
    }
    Ok(sqlx::query_scalar(
        "SELECT min(s.position) + 1 FROM (SELECT 0::bigint AS position UNION ALL SELECT position FROM phaseline.events) s
          WHERE s.position < $1
            AND NOT EXISTS (SELECT FROM phaseline.events e WHERE e.position = s.position + 1)",
    )
    .bind(last)
    .fetch_one(connection)
    .await?)
}
