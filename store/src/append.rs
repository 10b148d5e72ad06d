//! Appends the events of commands together with their inline projection, in one call of one database function.

use crate::{Metadata, NewEvent, StoreError, StreamId, hash};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// One command's events: all of them are written, or none.
#[derive(Clone, Debug)]
pub struct Append {
    /// Where they go.
    pub stream: StreamId,
    /// The stream's version that the writer has seen; 0 if the stream was not there.
    pub expected: i64,
    /// What happened, in order.
    pub events: Vec<NewEvent>,
    /// Who, why, by what way.
    pub metadata: Metadata,
    /// What the inline projection is to change, in its own JSON; nothing if there is none.
    pub changes: Option<String>,
}

/// What became of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stream's version now.
    pub version: i64,
    /// The position of its last event.
    pub position: i64,
    /// The time under which the events were recorded.
    pub recorded_at: DateTime<Utc>,
}

/// Random bytes beside each event's metadata.
pub(crate) fn salt() -> [u8; 16] {
    *Uuid::new_v4().as_bytes()
}

/// Appends a batch of commands in the order given, each with its own verdict: a conflict of one does not touch the
/// others. One round trip; durable when the surrounding transaction commits, or at once without one. A batch whose
/// projection fails fails whole: try its commands one by one.
pub async fn append(
    connection: &mut PgConnection,
    batch: &[Append],
) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
    let count: usize = batch.iter().map(|command| command.events.len()).sum();
    let (mut ids, mut types, mut schemas) = (Vec::with_capacity(count), Vec::new(), Vec::new());
    let (mut payloads, mut metadata, mut salts, mut contents) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for command in batch {
        let command_metadata = command.metadata.to_json()?;
        for (version, event) in (command.expected + 1..).zip(&command.events) {
            let salt = salt();
            contents.push(
                hash::content(&hash::Content {
                    stream_type: command.stream.stream_type,
                    stream_id: command.stream.id,
                    version,
                    event_id: event.event_id,
                    event_type: event.event_type,
                    schema_version: event.schema_version,
                    payload: event.payload.as_bytes(),
                    salt: &salt,
                    metadata: command_metadata.as_bytes(),
                })
                .to_vec(),
            );
            ids.push(event.event_id);
            types.push(event.event_type);
            schemas.push(event.schema_version);
            payloads.push(event.payload.as_str());
            metadata.push(command_metadata.clone());
            salts.push(salt.to_vec());
        }
    }
    let stream_types: Vec<&str> = batch.iter().map(|command| command.stream.stream_type).collect();
    let stream_ids: Vec<Uuid> = batch.iter().map(|command| command.stream.id).collect();
    let expected: Vec<i64> = batch.iter().map(|command| command.expected).collect();
    let counts: Vec<i32> =
        batch.iter().map(|command| i32::try_from(command.events.len()).unwrap_or(i32::MAX)).collect();
    let changes: Vec<Option<&str>> = batch.iter().map(|command| command.changes.as_deref()).collect();
    let rows: Vec<(String, i64, i64, DateTime<Utc>)> = sqlx::query_as(
        "SELECT verdict, stream_version, last_position, at
           FROM phaseline.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ORDER BY command",
    )
    .bind(stream_types)
    .bind(stream_ids)
    .bind(expected)
    .bind(counts)
    .bind(changes)
    .bind(ids)
    .bind(types)
    .bind(schemas)
    .bind(payloads)
    .bind(metadata)
    .bind(salts)
    .bind(contents)
    .fetch_all(connection)
    .await?;
    if rows.len() != batch.len() {
        return Err(StoreError::CountMismatch { offered: batch.len() as u64, inserted: rows.len() as u64 });
    }
    Ok(batch
        .iter()
        .zip(rows)
        .map(|(command, (verdict, version, position, recorded_at))| match verdict.as_str() {
            "appended" => Ok(Appended { version, position, recorded_at }),
            "not_accepting" => Err(StoreError::NotAccepting),
            _ => Err(StoreError::Conflict {
                stream: command.stream,
                expected: command.expected,
                actual: version,
            }),
        })
        .collect())
}
