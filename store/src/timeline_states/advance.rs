//! Makes the states behind the writers, a part of the log at a time.

use super::read::{BlockRequest, FoldedStream, SelectedStates, fold_block};
use super::state::{EVENTS_PER_STATE, FORM, is_due};
use super::table::{self, NewStates, Watermark};
use crate::hash::{GENESIS, Hash};
use crate::read::HashCheck;
use crate::stream::TIMELINE;
use crate::{StoreError, skip};
use sqlx::{Connection, PgConnection};
use std::time::Duration;
use uuid::Uuid;

/// Positions that one transaction covers. It folds about as many events, which takes some 20 ms.
const POSITIONS: i64 = 1000;

/// What an attempt to make states did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// It made those up to a position of a log with `left` more events.
    To {
        /// The new watermark.
        position: i64,
        /// The number of states that it stored.
        stored: u64,
        /// The events behind the watermark.
        left: i64,
    },
    /// Another session is at it.
    Busy,
    /// There are no tables of states, this session may not write them, or a newer program writes them in another form.
    Unavailable,
}

/// Makes the states of the next events, at most 1 000 of them, in one transaction. It never locks the log's head, and its
/// commit does not wait for the disk: what a crash loses is made again.
pub async fn advance(connection: &mut PgConnection) -> Result<Advanced, StoreError> {
    if !table::are_writable(connection).await? {
        return Ok(Advanced::Unavailable);
    }
    let mut transaction = connection.begin().await?;
    let Some(watermark) = table::lock(&mut transaction).await? else { return Ok(Advanced::Busy) };
    if watermark.form > FORM {
        return Ok(Advanced::Unavailable);
    }
    sqlx::query("SELECT set_config('synchronous_commit', 'off', true)").execute(&mut *transaction).await?;
    table::plan_by_index(&mut transaction).await?;
    let from = if is_current(&mut transaction, watermark).await? {
        watermark
    } else {
        table::forget(&mut transaction).await?;
        Watermark::START
    };
    let tip = crate::schema::tip(&mut transaction).await?.position;
    let position = tip.min(from.position.saturating_add(POSITIONS));
    let Some(hash) = hash_at(&mut transaction, position).await? else {
        // An empty log, or one without this position, which `verify` reports.
        return Ok(Advanced::To { position: from.position, stored: 0, left: 0 });
    };
    let stored = make(&mut transaction, from.position, position).await?;
    if position != watermark.position || stored > 0 {
        table::set(&mut transaction, Watermark { position, hash, form: FORM }).await?;
    }
    transaction.commit().await?;
    Ok(Advanced::To { position, stored, left: tip - position })
}

/// How long [`remake`] waits for another session that makes states.
const WAIT: Duration = Duration::from_millis(100);

/// Deletes all states and makes them again up to the end of the log; `each` gets each position that was reached, and the last one.
/// Returns the number of new states; none if this session cannot make them.
pub async fn remake(
    connection: &mut PgConnection,
    mut each: impl FnMut(i64, i64),
) -> Result<Option<u64>, StoreError> {
    table::forget(connection).await?;
    let mut made = 0;
    loop {
        match advance(connection).await? {
            Advanced::To { position, stored, left } => {
                made += stored;
                each(position, position + left);
                if left == 0 {
                    return Ok(Some(made));
                }
            }
            Advanced::Busy => tokio::time::sleep(WAIT).await,
            Advanced::Unavailable => return Ok(None),
        }
    }
}

/// Whether the states up to the watermark are of this form, and of this log: an earlier log may have been restored.
async fn is_current(connection: &mut PgConnection, watermark: Watermark) -> Result<bool, StoreError> {
    if watermark.form != FORM {
        return Ok(false);
    }
    Ok(watermark.position == 0 || hash_at(connection, watermark.position).await? == Some(watermark.hash))
}

async fn hash_at(connection: &mut PgConnection, position: i64) -> Result<Option<Hash>, StoreError> {
    let hash: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT e.hash FROM phaseline.events e WHERE e.position = $1")
            .bind(position)
            .fetch_optional(connection)
            .await?;
    Ok(hash.map(|hash| hash.try_into().unwrap_or(GENESIS)))
}

/// Makes the states that are due between two positions.
async fn make(connection: &mut PgConnection, from: i64, to: i64) -> Result<u64, StoreError> {
    let marks = skip::marks(connection).await?;
    let marked: Vec<Uuid> = marks.streams.iter().copied().collect();
    table::delete(connection, &marked).await?;
    if from >= to {
        return Ok(0);
    }
    let due: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT e.stream_id FROM phaseline.events e
          WHERE e.position > $1 AND e.position <= $2 AND e.stream_type = $3 AND e.version % $4 = 0
            AND e.stream_id <> ALL ($5) ORDER BY e.stream_id",
    )
    .bind(from)
    .bind(to)
    .bind(TIMELINE)
    .bind(EVENTS_PER_STATE)
    .bind(&marked)
    .fetch_all(&mut *connection)
    .await?;
    let mut states = NewStates::default();
    let request = BlockRequest {
        projects: &due,
        position: to,
        states: SelectedStates::Valid,
        // The fold of an altered event must not outlive its discovery.
        check: HashCheck::Each,
    };
    let mut add = |found: &FoldedStream| {
        if let Some(last) = found.identity.filter(|_| is_due(&found.folded) && found.is_sound()) {
            states.add(found.project.uuid(), last.hash, &found.folded)?;
        }
        Ok(())
    };
    fold_block(connection, &request, &marks, &mut add).await?;
    states.store(connection).await
}
