//! The events of runs other than those of timelines: events about the runs, and the assignments' links.

pub mod events;
pub mod history;
pub mod link_events;
pub(crate) mod rows_digest;

use crate::progress::Progress;
use sqlx::PgConnection;

/// Events between two reports of progress.
const REPORT_EVERY: i64 = 4096;

/// Reports an event of a log with this last position as read, from time to time.
pub(crate) fn report_event(progress: &dyn Progress, position: i64, tip: u64) {
    if position % REPORT_EVERY == 0 {
        progress.advance(position.unsigned_abs().min(tip));
    }
}

/// Whether this role may read the log.
pub(crate) async fn is_readable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT pg_catalog.has_schema_privilege('phaseline', 'USAGE')
            AND pg_catalog.has_table_privilege('phaseline.events'::regclass, 'SELECT')",
    )
    .fetch_one(connection)
    .await
}
