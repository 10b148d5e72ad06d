//! Appends the events of commands together with their inline projection, in one call of one database function.

use crate::schema::version;
use crate::{Metadata, NewEvent, SqlState, StoreError, StreamId};
use chrono::{DateTime, Utc};
use phaseline_domain::DateRange;
use sqlx::PgConnection;
use std::borrow::Borrow;
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// Where a row is in its table: its `ctid`.
pub type RowLocation = Arc<str>;

/// One command's events: all of them are written, or none.
#[derive(Clone, Debug)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// The stream's version that the writer has seen; 0 if the stream was not there.
    pub expected: i64,
    /// The events, in order.
    pub events: Vec<NewEvent>,
    /// Actor, reason and source.
    pub metadata: Metadata,
    /// The rows that the events adopt, as they were read: the append compares them with the current ones under the lock.
    pub witness: Option<String>,
    /// The known locations of the rows of the events' phases, per event. With it the projection returns the new locations.
    pub row_locations: Option<Vec<Option<RowLocation>>>,
    /// The key under which a repeated request is not executed again.
    pub key: Option<IdempotencyKey>,
    /// The dates of the project that the command was decided on. If `public.projects` has others, nothing is written. None if they
    /// do not matter.
    pub project_dates: Option<DateRange>,
    /// How the timeline follows dates that another program gave the project, before the command's own events.
    pub following: Option<FollowingEvents>,
}

/// Events by which a timeline follows its project's dates.
#[derive(Clone, Debug)]
pub struct FollowingEvents {
    /// The events, in order; at least one.
    pub events: Vec<NewEvent>,
    /// Their metadata: another program changed the dates, not the command's actor.
    pub metadata: Metadata,
}

/// Identifies a repeated request, for 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The owner of the key: two callers may choose the same one.
    pub scope: String,
    /// The key, as the caller chose it.
    pub key: String,
    /// SHA-256 of the whole request.
    pub fingerprint: [u8; 32],
}

/// The outcome of one command of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its events are in the log.
    Appended(Appended),
    /// The stream is at another version than it expected; nothing was written.
    Conflict {
        /// The version that the stream has.
        actual: i64,
    },
    /// The same request was executed before, under this key; nothing was written.
    Repeated(EarlierResult),
    /// Its key was used before, for another request; nothing was written.
    KeyReused,
    /// The project has other dates than the command was decided on, or is gone; nothing was written.
    DatesChanged,
    /// The log accepts no commands; nothing was written.
    NotAccepting,
}

/// The result of the first request with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierResult {
    /// The stream's version after it.
    pub version: i64,
    /// The number of its events.
    pub events: i64,
}

/// The outcome of a batch.
#[derive(Clone, Debug)]
pub struct BatchResult {
    /// One per command, in order.
    pub verdicts: Vec<Verdict>,
    /// The locations of the rows that the projection wrote, as JSON.
    pub row_locations: Option<String>,
}

/// The result of an appended command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream's version now.
    pub version: i64,
    /// The position of its last event.
    pub position: i64,
    /// The time under which the events were recorded.
    pub recorded_at: DateTime<Utc>,
}

/// Random bytes for the metadata hash of one event.
pub(crate) fn salt() -> [u8; 16] {
    *Uuid::new_v4().as_bytes()
}

/// Appends a batch of commands in order, each with its own verdict. A conflict of one affects only those that follow it on its
/// stream: a command may expect the version after the one before it, and conflicts if that one does. Commands for one stream must be
/// adjacent. One round trip; durable when the surrounding transaction commits, or at once without one. If the projection fails for
/// one command, the whole batch fails: append its commands one by one then.
pub async fn append(
    connection: &mut PgConnection,
    batch: &[Append],
) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
    let appending = match verdicts(connection, batch, true).await {
        // A missing function may mean an older schema.
        Err(error) if error.sqlstate() == Some(SqlState::UndefinedFunction) => {
            return Err(version::older_or(connection, error).await);
        }
        appending => appending?,
    };
    let judged = batch.iter().zip(appending.verdicts);
    Ok(judged
        .map(|(command, verdict)| match verdict {
            Verdict::Appended(appended) => Ok(appended),
            Verdict::NotAccepting => Err(StoreError::NotAccepting),
            Verdict::Conflict { actual: version } | Verdict::Repeated(EarlierResult { version, .. }) => {
                Err(StoreError::Conflict {
                    stream: command.stream,
                    expected: command.expected,
                    actual: version,
                })
            }
            Verdict::KeyReused => Err(StoreError::KeyReused),
            Verdict::DatesChanged => Err(StoreError::ProjectDatesChanged(command.stream.id.into())),
        })
        .collect())
}

/// Appends a batch, with verdicts about keys and with the row locations of the projection. `keep` keeps the prepared statement for
/// later batches.
pub async fn verdicts<A: Borrow<Append> + Sync>(
    connection: &mut PgConnection,
    batch: &[A],
    keep: bool,
) -> Result<BatchResult, StoreError> {
    let batch: Vec<&Append> = batch.iter().map(Borrow::borrow).collect();
    let mut streams = HashSet::new();
    let begin = |pair: &[&Append]| matches!(pair, [a, b] if a.stream != b.stream);
    let first = batch.first().into_iter();
    if !first
        .chain(batch.windows(2).filter(|pair| begin(pair)).map(|pair| &pair[1]))
        .all(|c| streams.insert(c.stream))
    {
        return Err(StoreError::SelfCheck(
            "the commands of a batch for one stream are not adjacent".to_owned(),
        ));
    }
    let parts: Vec<CommandPart<'_>> = batch.iter().flat_map(|command| command.parts()).collect();
    let count: usize = parts.iter().map(|part| part.events.len()).sum();
    let mut ids = Vec::with_capacity(count);
    let mut types = Vec::with_capacity(count);
    let mut schemas = Vec::with_capacity(count);
    let mut payloads = Vec::with_capacity(count);
    let mut salts = Vec::with_capacity(count);
    for event in parts.iter().flat_map(|part| part.events) {
        ids.push(event.event_id);
        types.push(event.event_type);
        schemas.push(event.schema_version);
        payloads.push(event.payload.as_str());
        salts.push(salt());
    }
    let metadata: Vec<String> = parts.iter().map(|part| part.metadata.to_json()).collect::<Result<_, _>>()?;
    let salts: Vec<&[u8]> = salts.iter().map(<[u8; 16]>::as_slice).collect();
    let stream_types: Vec<&str> = parts.iter().map(|part| part.command.stream.stream_type).collect();
    let stream_ids: Vec<Uuid> = parts.iter().map(|part| part.command.stream.id).collect();
    let expected: Vec<i64> = parts.iter().map(|part| part.expected).collect();
    let counts: Vec<i32> =
        parts.iter().map(|part| i32::try_from(part.events.len()).unwrap_or(i32::MAX)).collect();
    // Arrays of NULLs are left out: they need no check.
    let witnesses = parts.iter().map(|part| part.own().and_then(|command| command.witness.as_deref()));
    let with_locations = batch.iter().any(|command| command.row_locations.is_some());
    let row_locations: Option<Vec<Option<&str>>> =
        with_locations.then(|| parts.iter().flat_map(CommandPart::row_locations).collect());
    let keys = || parts.iter().map(|part| part.own().and_then(|command| command.key.as_ref()));
    let dates = || parts.iter().map(|part| part.command.project_dates);
    let mut rows: Vec<VerdictRow> = sqlx::query_as(
        "SELECT command, verdict, stream_version, last_position, at, earlier_events, row_locations
           FROM phaseline.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(stream_types)
    .bind(stream_ids)
    .bind(expected)
    .bind(counts)
    .bind(metadata)
    .bind(unless_empty(witnesses))
    .bind(ids)
    .bind(types)
    .bind(schemas)
    .bind(payloads)
    .bind(salts)
    .bind(row_locations)
    .bind(unless_empty(keys().map(|key| key.map(|key| key.scope.as_str()))))
    .bind(unless_empty(keys().map(|key| key.map(|key| key.key.as_str()))))
    .bind(unless_empty(keys().map(|key| key.map(|key| key.fingerprint.as_slice()))))
    .bind(unless_empty(dates().map(|dates| dates.map(DateRange::start))))
    .bind(unless_empty(dates().map(|dates| dates.map(DateRange::end))))
    .persistent(keep)
    .fetch_all(connection)
    .await?;
    let row_locations = rows.pop_if(|row| row.command == 0).and_then(|row| row.row_locations);
    if rows.len() != parts.len() {
        return Err(StoreError::CountMismatch { offered: parts.len() as u64, inserted: rows.len() as u64 });
    }
    let mut verdicts = Vec::with_capacity(batch.len());
    let mut followed = None;
    for (part, row) in parts.iter().zip(&rows) {
        let verdict = row.verdict()?;
        match part.own() {
            // The command's own part cannot succeed if this one does not.
            None => followed = Some(verdict).filter(|verdict| !matches!(verdict, Verdict::Appended(_))),
            Some(_) => verdicts.push(followed.take().unwrap_or(verdict)),
        }
    }
    Ok(BatchResult { verdicts, row_locations })
}

/// The values, or none if all are NULL.
fn unless_empty<T>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<Option<T>>> {
    let values: Vec<Option<T>> = values.collect();
    values.iter().any(Option::is_some).then_some(values)
}

impl Append {
    /// All events, those by which the timeline follows its project's dates first.
    pub(crate) fn all_events(&self) -> impl DoubleEndedIterator<Item = &NewEvent> + ExactSizeIterator {
        let all: Vec<&NewEvent> =
            self.following.iter().flat_map(|following| &following.events).chain(&self.events).collect();
        all.into_iter()
    }

    /// The parts that the database gets as separate commands: the events that follow the project's dates, which have other metadata, and
    /// the command's own ones.
    fn parts(&self) -> impl Iterator<Item = CommandPart<'_>> {
        let following = self.following.as_ref().map(|following| CommandPart {
            command: self,
            events: &following.events,
            metadata: &following.metadata,
            expected: self.expected,
            is_own: false,
        });
        let before = following.as_ref().map_or(0, |following| following.events.len());
        let own = CommandPart {
            command: self,
            events: &self.events,
            metadata: &self.metadata,
            expected: self.expected + i64::try_from(before).unwrap_or_default(),
            is_own: true,
        };
        following.into_iter().chain([own])
    }
}

/// The part of a command that the database gets as one command.
struct CommandPart<'a> {
    command: &'a Append,
    events: &'a [NewEvent],
    metadata: &'a Metadata,
    expected: i64,
    /// Whether these are the command's own events.
    is_own: bool,
}

impl<'a> CommandPart<'a> {
    /// The command, if these are its own events.
    fn own(&self) -> Option<&'a Append> {
        self.is_own.then_some(self.command)
    }

    /// The location of the row of each event's phase.
    fn row_locations(&self) -> impl Iterator<Item = Option<&'a str>> + use<'a> {
        let own = self.own();
        (0..self.events.len()).map(move |event| own?.row_locations.as_ref()?.get(event)?.as_deref())
    }
}

/// A row of `phaseline.append`: one per command, in the order of the batch; command 0 has the result of the projection.
#[derive(sqlx::FromRow)]
struct VerdictRow {
    command: i32,
    verdict: String,
    stream_version: i64,
    last_position: i64,
    at: DateTime<Utc>,
    earlier_events: i32,
    row_locations: Option<String>,
}

impl VerdictRow {
    fn verdict(&self) -> Result<Verdict, StoreError> {
        let (version, position) = (self.stream_version, self.last_position);
        Ok(match self.verdict.as_str() {
            "appended" => Verdict::Appended(Appended { version, position, recorded_at: self.at }),
            "repeated" => Verdict::Repeated(EarlierResult { version, events: self.earlier_events.into() }),
            "key_reused" => Verdict::KeyReused,
            "dates_changed" => Verdict::DatesChanged,
            "not_accepting" => Verdict::NotAccepting,
            "conflict" => Verdict::Conflict { actual: version },
            other => {
                return Err(StoreError::SelfCheck(format!(
                    "phaseline.append returned the verdict {other:?}, which this program does not know: check the timeline \
                     before you send the command again"
                )));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_verdict_is_an_error_and_not_a_conflict() {
        let row = |verdict: &str| VerdictRow {
            command: 1,
            verdict: verdict.to_owned(),
            stream_version: 7,
            last_position: 9,
            at: DateTime::default(),
            earlier_events: 0,
            row_locations: None,
        };
        assert_eq!(row("conflict").verdict().unwrap(), Verdict::Conflict { actual: 7 });
        assert!(matches!(row("deferred").verdict(), Err(StoreError::SelfCheck(_))));
    }
}
