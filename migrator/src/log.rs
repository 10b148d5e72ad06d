//! The events of runs other than those of timelines: events about the runs, and the assignments' links.

pub mod events;
pub mod history;
pub mod link_events;
pub(crate) mod rows_digest;

use sqlx::PgConnection;

/// Whether this role may read the log.
pub(crate) async fn is_readable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT pg_catalog.has_schema_privilege('phaseline', 'USAGE')
            AND pg_catalog.has_table_privilege('phaseline.events'::regclass, 'SELECT')",
    )
    .fetch_one(connection)
    .await
}
