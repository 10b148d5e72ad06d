//! The progress of building an index, which another connection sees.

use crate::ddl;
use crate::error::MigratorError;
use sqlx::PgConnection;
use std::time::Duration;

/// Interval of the looks.
const EVERY: Duration = Duration::from_secs(1);

/// Runs the statement. `report` gets the done thousandths from time to time, never fewer than before.
pub(super) async fn run(
    connection: &mut PgConnection,
    watcher: &mut PgConnection,
    statement: String,
    report: impl Fn(u64),
) -> Result<(), MigratorError> {
    let process: i32 =
        sqlx::query_scalar("SELECT pg_catalog.pg_backend_pid()").fetch_one(&mut *connection).await?;
    let statements = [statement];
    let running = ddl::run(connection, &statements);
    tokio::pin!(running);
    let mut most = 0;
    loop {
        tokio::select! {
            done = &mut running => return done,
            () = tokio::time::sleep(EVERY) => {}
        }
        // Progress is not worth a failure.
        if let Ok(Some(now)) = thousandths(watcher, process).await {
            most = now.clamp(most, 1000);
            report(most);
        }
    }
}

/// The done part of the index that this server process builds: reading the table counts as much as writing the index.
async fn thousandths(watcher: &mut PgConnection, process: i32) -> Result<Option<u64>, sqlx::Error> {
    let found: Option<Option<i64>> = sqlx::query_scalar(
        "SELECT CASE WHEN p.phase LIKE '%scanning table%' THEN 500 * p.blocks_done / nullif(p.blocks_total, 0)
                     WHEN p.phase LIKE '%sorting%' THEN 500
                     WHEN p.phase LIKE '%loading%' THEN 500 + 500 * p.tuples_done / nullif(p.tuples_total, 0)
                     ELSE 1000 * p.blocks_done / nullif(p.blocks_total, 0) END
           FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = $1",
    )
    .bind(process)
    .fetch_optional(watcher)
    .await?;
    Ok(found.flatten().map(i64::unsigned_abs))
}
