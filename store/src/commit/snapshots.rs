//! Whether somebody holds an old snapshot: then rows are found by their places.

use crate::cache::TimelineCache;
use sqlx::PgConnection;
use std::time::{Duration, Instant};

/// How often is checked_at, while commands come. A look takes a tenth of a millisecond.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How old a snapshot is that matters, in seconds. Reports and backups hold theirs longer, requests shorter.
const MIN_AGE_SECONDS: f64 = 2.0;

/// What was seen when last checked_at.
#[derive(Debug, Default)]
pub(crate) struct OldSnapshotMonitor {
    checked_at: Option<Instant>,
    held: bool,
}

impl OldSnapshotMonitor {
    /// Whether an old snapshot is held: no version of a row that is newer can be cleared away.
    pub(crate) const fn is_held(&self) -> bool {
        self.held
    }

    /// Looks, if it is time to. False if the connection is of no use any more.
    pub(super) async fn check(&mut self, connection: &mut PgConnection, cache: &TimelineCache) -> bool {
        if self.checked_at.is_some_and(|checked_at| checked_at.elapsed() < CHECK_INTERVAL) {
            return true;
        }
        self.checked_at = Some(Instant::now());
        let age: Result<Option<f64>, sqlx::Error> =
            sqlx::query_scalar("SELECT phaseline.oldest_snapshot()").fetch_one(connection).await;
        let before = self.held;
        self.held = matches!(age, Ok(Some(age)) if age > MIN_AGE_SECONDS);
        if before && !self.held {
            // Rows move as pages are cleared; what is known now would be wrong the next time.
            cache.forget_row_locations();
        }
        !age.is_err_and(|error| crate::sqlstate::is_lost_connection(&error))
    }
}
