//! Inserts the rows of a table that lost most of them. Row by row an index takes as long as all else, and a foreign key longer
//! (`docs/decisions/rebuild.md`): indexes and foreign keys are dropped, and made again by one sort and one query each, in the
//! transaction that inserts. Their definitions are the same afterwards. Readers wait meanwhile, so there is a limit of time; beyond it
//! everything is undone, and the rows are inserted one by one, which no reader waits for.

use crate::planner_view::count_rows;
use crate::{PhaseRow, project_phases};
use phaseline_store::progress::Progress;
use phaseline_store::{SqlState, StoreError};
use sqlx::{Connection, PgConnection};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// The numbers of inserted rows for which it is tried: fewer need no haste, and more exceed the limit of time. 200 000 rows took 1.1 s,
/// and 5.4 s one by one (Intel Xeon, 2 cores).
const ROWS: RangeInclusive<usize> = 1000..=250_000;
/// The limit from the first lock to the last index. Two seconds are promised, and the commit is still to come.
const LIMIT: Duration = Duration::from_millis(1500);
/// The wait for the lock itself: every reader that arrives meanwhile waits behind it.
const LOCK_TIMEOUT: &str = "100ms";

/// The note for whoever reads the tables.
pub const READERS_WAIT: &str = "most rows of project_phases are missing: while they are written, readers of project_phases and projects \
                                wait, two seconds at most";

/// A part of the table's definition that is set aside.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct SetAside {
    /// The statement that drops it.
    drops: String,
    /// The statement that makes it again.
    makes: String,
}

async fn set_aside(connection: &mut PgConnection) -> Result<Vec<SetAside>, StoreError> {
    Ok(sqlx::query_as(include_str!("../sql/set_aside.sql")).fetch_all(connection).await?)
}

/// Whether readers will wait while so many rows are inserted.
pub(crate) async fn makes_readers_wait(
    connection: &mut PgConnection,
    rows: usize,
) -> Result<bool, StoreError> {
    Ok(is_most(connection, rows).await? && !set_aside(connection).await?.is_empty())
}

/// Whether these are at least half of all rows, and neither too few nor too many.
async fn is_most(connection: &mut PgConnection, rows: usize) -> Result<bool, StoreError> {
    if !ROWS.contains(&rows) {
        return Ok(false);
    }
    Ok(count_rows(connection).await? <= rows as u64)
}

/// The result of an insertion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inserted {
    /// The number of rows.
    pub(crate) rows: u64,
    /// Whether nothing else could change them: no other program's code ran, and no other session could write to the table.
    pub(crate) as_given: bool,
}

/// Inserts rows; must run inside a transaction.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    rows: &[PhaseRow],
    progress: &dyn Progress,
) -> Result<Inserted, StoreError> {
    if is_most(connection, rows.len()).await? {
        let parts = set_aside(connection).await?;
        if !parts.is_empty() {
            progress.note(READERS_WAIT);
            let mut savepoint = connection.begin().await?;
            match insert_without(&mut savepoint, &parts, rows).await {
                Ok(rows) => {
                    savepoint.commit().await?;
                    return Ok(Inserted { rows, as_given: true });
                }
                Err(error) if is_out_of_time(&error) => {
                    // Readers continue from here.
                    savepoint.rollback().await?;
                    progress.note("that took too long and was undone: the rows are written one by one, while readers continue");
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Inserted { rows: project_phases::insert(connection, rows).await?, as_given: false })
}

fn is_out_of_time(error: &StoreError) -> bool {
    matches!(error.sqlstate(), Some(SqlState::QueryCancelled | SqlState::LockNotAvailable))
}

/// Inserts rows while the parts are set aside.
async fn insert_without(
    connection: &mut PgConnection,
    parts: &[SetAside],
    rows: &[PhaseRow],
) -> Result<u64, StoreError> {
    let begun = Instant::now();
    let before: (String, String) = sqlx::query_as(
        "SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.current_setting('statement_timeout')",
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::raw_sql(&format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; SET LOCAL default_tablespace = ''"))
        .execute(&mut *connection)
        .await?;
    for part in parts {
        within_limit(connection, begun, &part.drops).await?;
    }
    sqlx::raw_sql(&limit(begun)).execute(&mut *connection).await?;
    let inserted = project_phases::insert(connection, rows).await?;
    for part in parts {
        within_limit(connection, begun, &part.makes).await?;
    }
    sqlx::query(
        "SELECT pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('statement_timeout', $2, true)",
    )
    .bind(before.0)
    .bind(before.1)
    .execute(&mut *connection)
    .await?;
    if set_aside(connection).await? != parts {
        return Err(StoreError::SelfCheck(
            "indexes and foreign keys of project_phases are not the same after the rows were written"
                .to_owned(),
        ));
    }
    Ok(inserted)
}

async fn within_limit(
    connection: &mut PgConnection,
    begun: Instant,
    statement: &str,
) -> Result<(), StoreError> {
    sqlx::raw_sql(&format!("{}; {statement}", limit(begun))).execute(connection).await?;
    Ok(())
}

/// The statement that lets the next ones run for the rest of the limit.
fn limit(begun: Instant) -> String {
    let left = LIMIT.saturating_sub(begun.elapsed()).as_millis().max(1);
    format!("SET LOCAL statement_timeout = {left}")
}
