//! Watches for old snapshots: while one is held, rows are found by their locations.

use crate::cache::TimelineCache;
use sqlx::PgConnection;
use std::time::{Duration, Instant};

/// The interval of checks while commands arrive.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The age from which a snapshot counts as old. Reports and backups hold theirs longer, requests shorter.
const MIN_AGE_SECONDS: f64 = 2.0;

/// The result of the last check.
#[derive(Debug, Default)]
pub(crate) struct OldSnapshotMonitor {
    checked_at: Option<Instant>,
    held: bool,
}

impl OldSnapshotMonitor {
    /// Whether an old snapshot is held: no newer row version can be removed.
    pub(crate) const fn is_held(&self) -> bool {
        self.held
    }

    /// Whether the interval since the last check is over.
    pub(super) fn is_due(&self) -> bool {
        self.checked_at.is_none_or(|checked_at| checked_at.elapsed() >= CHECK_INTERVAL)
    }

    /// Checks. False if the connection is lost.
    pub(super) async fn check(&mut self, connection: &mut PgConnection, cache: &TimelineCache) -> bool {
        self.checked_at = Some(Instant::now());
        let age: Result<Option<f64>, sqlx::Error> =
            sqlx::query_scalar("SELECT phaseline.oldest_snapshot()").fetch_one(connection).await;
        let before = self.held;
        self.held = matches!(age, Ok(Some(age)) if age > MIN_AGE_SECONDS);
        if before && !self.held {
            // Cleaned pages move rows: the known locations would be wrong the next time.
            cache.forget_row_locations();
        }
        !age.is_err_and(|error| crate::sqlstate::is_lost_connection(&error))
    }
}
