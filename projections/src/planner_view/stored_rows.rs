//! The rows of `project_phases`, to be compared with the log. Needs SELECT on the table.

use crate::live_row::{LiveRow, select_list};
use crate::project_phases::COLUMNS;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::{StoreError, copy};
use sqlx::PgConnection;
use std::fmt::Display;

/// Reads all rows, or those of these projects and those with these ids, as bytes in the order of [`COLUMNS`].
pub(crate) async fn read_stored_rows(
    connection: &mut PgConnection,
    among: Option<(Vec<ProjectId>, Vec<PhaseId>)>,
    each: impl FnMut(copy::Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let among = among.map_or_else(String::new, |(projects, phases)| {
        format!("WHERE ph.project_id = ANY ({}) OR ph.id = ANY ({})", list(&projects), list(&phases))
    });
    let columns = COLUMNS.map(|column| format!("ph.{column}")).join(", ");
    let query = format!("SELECT {columns} FROM public.project_phases ph {among}");
    copy::read(connection, &query, each).await?;
    Ok(())
}

/// The number of rows.
pub(crate) async fn count_rows(connection: &mut PgConnection) -> Result<u64, StoreError> {
    let query = "SELECT pg_catalog.count(*) FROM public.project_phases";
    let count: i64 = sqlx::query_scalar(query).fetch_one(connection).await?;
    Ok(count.unsigned_abs())
}

/// The rows with these ids, and those without an id, with their values.
pub(crate) async fn live_rows(
    connection: &mut PgConnection,
    ids: &[PhaseId],
) -> Result<Vec<LiveRow>, StoreError> {
    let query = format!(
        "SELECT {} FROM public.project_phases ph WHERE ph.id = ANY ({}) OR ph.id IS NULL",
        select_list(),
        list(ids)
    );
    let mut rows = Vec::new();
    copy::read(connection, &query, |row| {
        rows.push(LiveRow::read(&row, 0)?);
        Ok::<_, StoreError>(())
    })
    .await?;
    Ok(rows)
}

/// An array in SQL.
fn list(ids: &[impl Display]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("'{{{}}}'::pg_catalog.uuid[]", ids.join(","))
}
