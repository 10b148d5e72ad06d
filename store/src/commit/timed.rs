//! The deadline of a batch, which also limits its waits in the database.

use crate::append::{self, Append, BatchResult};
use crate::{Session, StoreError};
use sqlx::{Connection, PgConnection};
use std::borrow::Borrow;
use std::time::{Duration, Instant};

/// When the last caller of a batch stops waiting; none if there is no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// The latest of several requests; none if one of them has none.
    pub(super) fn latest(deadlines: impl IntoIterator<Item = Option<Instant>>) -> Self {
        let all: Option<Vec<Instant>> = deadlines.into_iter().collect();
        Self(all.and_then(|all| all.into_iter().max()))
    }

    /// The timeout for a lock, if the connection's own is `patience`. A little less: the clocks of database and program may differ.
    pub(super) fn patience(self, patience: Duration) -> Duration {
        let left = self.0.map_or(patience, |end| end.saturating_duration_since(Instant::now()));
        left.min(patience) * 9 / 10
    }

    /// Appends a batch. If less time is left than the connection's timeout for a lock, the statement gets its own timeouts, at the
    /// cost of additional round trips; that happens only when a queue has formed.
    pub(super) async fn verdicts<A: Borrow<Append> + Sync>(
        self,
        session: &mut Session,
        batch: &[A],
        patience: Duration,
    ) -> Result<BatchResult, StoreError> {
        let keep = session.keeps_statements();
        let left = self.0.map(|end| end.saturating_duration_since(Instant::now()));
        let Some(left) = left.filter(|left| *left < patience) else {
            return append::verdicts(session, batch, keep).await;
        };
        if !keep {
            // The session is a transaction already.
            limit(session, left).await?;
            return append::verdicts(session, batch, keep).await;
        }
        let mut transaction = session.begin().await?;
        limit(&mut transaction, left).await?;
        let appending = append::verdicts(&mut transaction, batch, keep).await?;
        transaction.commit().await?;
        Ok(appending)
    }
}

/// Limits the waits of this transaction. Only a shorter lock timeout can end the statement.
async fn limit(connection: &mut PgConnection, left: Duration) -> Result<(), sqlx::Error> {
    let [for_a_lock, in_all] = [left * 9 / 10, left].map(|limit| limit.as_millis().max(1).to_string());
    sqlx::query(
        "SELECT pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('statement_timeout', $2, true)",
    )
    .bind(for_a_lock)
    .bind(in_all)
    .execute(connection)
    .await?;
    Ok(())
}
