//! Locks and writes rows of `project_phases` outside commands, in the transaction that writes the log.

use crate::PhaseRow;
use crate::project_phases::COLUMNS;
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_store::{StoreError, schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use sqlx::PgConnection;
use uuid::Uuid;

/// The timeout for each lock.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '30s'";

/// Takes the locks that keep these projects' rows and the log unchanged, in the program's order of locks: the projects, the head, the
/// rows. Must run inside a transaction at READ COMMITTED.
///
/// # Errors
/// [`StoreError::NotAccepting`] if the legacy shape is live.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    projects: &[ProjectId],
    phases: &[PhaseId],
) -> Result<(), StoreError> {
    let projects: Vec<Uuid> = projects.iter().map(|project| project.uuid()).collect();
    let phases: Vec<Uuid> = phases.iter().map(|phase| phase.uuid()).collect();
    sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut *connection).await?;
    sqlx::query("SELECT 1 FROM public.projects WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE")
        .bind(&projects)
        .execute(&mut *connection)
        .await?;
    schema::lock_head(connection).await?;
    if !schema::accepts_commands(connection).await? {
        return Err(StoreError::NotAccepting);
    }
    sqlx::query(
        "SELECT 1 FROM public.project_phases WHERE project_id = ANY ($1) OR id = ANY ($2)
          ORDER BY project_id, id FOR UPDATE",
    )
    .bind(&projects)
    .bind(phases)
    .execute(connection)
    .await?;
    Ok(())
}

/// A row as JSON with every value as text, which the database casts itself.
struct Texts<'a>(&'a PhaseRow);

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COLUMNS.len()))?;
        for (column, value) in COLUMNS.iter().zip(self.0.texts()) {
            map.serialize_entry(column, &value)?;
        }
        map.end()
    }
}

/// The rows as a table `r` of the query.
const RECORDS: &str = "json_to_recordset($1::json) AS r(project_id uuid, capital_budget numeric, expense_budget numeric, \
                       total_budget numeric, id uuid, created_at timestamp, updated_at timestamp, name text, \
                       start_date date, end_date date, description text)";

/// The greatest number of rows per statement.
const ROWS_PER_UPDATE: usize = 5000;

fn json(rows: &[PhaseRow]) -> Result<String, StoreError> {
    Ok(serde_json::to_string(&rows.iter().map(Texts).collect::<Vec<_>>())?)
}

/// Updates the given columns of rows.
pub(crate) async fn update(connection: &mut PgConnection, rows: &[PhaseRow]) -> Result<u64, StoreError> {
    let query = format!(
        "UPDATE public.project_phases ph SET {} FROM {RECORDS} WHERE ph.id = r.id",
        COLUMNS
            .iter()
            .filter(|column| **column != "id")
            .map(|column| format!("{column} = r.{column}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let mut updated = 0;
    for some in rows.chunks(ROWS_PER_UPDATE) {
        updated += sqlx::query(&query).bind(json(some)?).execute(&mut *connection).await?.rows_affected();
    }
    Ok(updated)
}

/// Deletes rows.
pub(crate) async fn delete(connection: &mut PgConnection, phases: &[PhaseId]) -> Result<u64, StoreError> {
    if phases.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = phases.iter().map(|phase| phase.uuid()).collect();
    let done = sqlx::query("DELETE FROM public.project_phases WHERE id = ANY ($1)").bind(ids);
    Ok(done.execute(connection).await?.rows_affected())
}
