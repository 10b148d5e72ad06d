//! Reads a definition from the catalogue.

use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::{DefinitionError, TableDefinition};

/// The result of `capture.sql`.
#[derive(Deserialize)]
struct Captured {
    names_are_qualified: bool,
    /// Definitions with an unexpected beginning or end.
    odd: Vec<String>,
    table: TableDefinition,
}

/// Reads the definition of an ordinary table; `None` if there is no such table (a view or a partitioned table is not
/// one, see [`super::obstacles`]).
///
/// Values that belong to the server are not part of it; [`super::obstacles`] names those that this program does not know. Must run in a
/// transaction, and leaves its `search_path` empty. A role that may only read suffices.
pub async fn capture(
    conn: &mut PgConnection,
    schema: &str,
    table: &str,
) -> Result<Option<TableDefinition>, DefinitionError> {
    capture_relation(conn, schema, table, "r").await
}

/// [`capture`] for a relation of another kind, by its code in the catalogue.
pub(super) async fn capture_relation(
    conn: &mut PgConnection,
    schema: &str,
    table: &str,
    kind: &str,
) -> Result<Option<TableDefinition>, DefinitionError> {
    empty_search_path(conn).await?;
    let captured: Option<Json<Captured>> = sqlx::query_scalar(include_str!("capture.sql"))
        .bind(schema)
        .bind(table)
        .bind(kind)
        .fetch_optional(&mut *conn)
        .await?;
    let Some(Json(captured)) = captured else {
        return Ok(None);
    };
    if !captured.names_are_qualified {
        return Err(DefinitionError::NotInTransaction);
    }
    match captured.odd.into_iter().next() {
        Some(object) => Err(DefinitionError::Unexpected { table: captured.table.title(), object }),
        None => Ok(Some(captured.table.without_servers_own())),
    }
}

/// From here to the end of the transaction, names are printed with their schema.
pub(super) async fn empty_search_path(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_catalog.set_config('search_path', '', true)").execute(conn).await?;
    Ok(())
}
