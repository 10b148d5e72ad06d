//! Appends the events of commands together with their inline projection, in one call of one database function.

mod batch;
mod command;
mod single;
mod verdict;

pub(crate) use batch::{AppendBatch, salt};
pub use command::{Append, FollowingEvents, IdempotencyKey, RowLocation};
pub(crate) use single::SingleEvent;
pub use verdict::{Appended, BatchResult, EarlierResult, Verdict};

use crate::schema::version;
use crate::{SqlState, StoreError};
use sqlx::PgConnection;
use std::borrow::Borrow;

/// Appends a batch of commands in order, each with its own verdict. A conflict of one affects only those that follow it on its
/// stream: a command may expect the version after the one before it, and conflicts if that one does. Commands for one stream must be
/// adjacent. One round trip; durable when the surrounding transaction commits, or at once without one. If the projection fails for
/// one command, the whole batch fails: append its commands one by one then.
pub async fn append(
    connection: &mut PgConnection,
    batch: &[Append],
) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
    let appending = match verdicts(connection, batch).await {
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

/// Appends a batch, with verdicts about keys and with the row locations of the projection.
pub async fn verdicts<A: Borrow<Append>>(
    connection: &mut PgConnection,
    batch: &[A],
) -> Result<BatchResult, StoreError> {
    let batch = AppendBatch::new(batch)?;
    let rows = batch.statement().fetch(connection, true).await?;
    batch.result(&rows)
}
