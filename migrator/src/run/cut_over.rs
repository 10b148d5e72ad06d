//! Steps of a swap that both directions share.

use crate::definition::{self, QualifiedName, TableDefinition};
use crate::error::MigratorError;
use crate::shape;
use sqlx::PgConnection;

/// The schema in which tables are built before the swap.
pub(crate) const SHADOW: &str = "phaseline_shadow";

/// The definition of one of the planner's tables.
pub(crate) async fn capture_table(
    connection: &mut PgConnection,
    table: &str,
) -> Result<TableDefinition, MigratorError> {
    definition::capture(connection, "public", table)
        .await?
        .ok_or_else(|| MigratorError::WrongShape(format!("table public.{table} is missing")))
}

/// The tables that are connected with these, and the planner's own.
pub(crate) fn with_own_tables(mut tables: Vec<QualifiedName>) -> Vec<QualifiedName> {
    for name in shape::TABLES {
        let table = QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables.sort();
    tables
}

/// Changes the planner's own revision, which must be the expected one.
pub(crate) async fn set_revision(
    connection: &mut PgConnection,
    from: &str,
    to: &str,
) -> Result<(), MigratorError> {
    let updated = sqlx::query("UPDATE public.alembic_version SET version_num = $2 WHERE version_num = $1")
        .bind(from)
        .bind(to)
        .execute(connection)
        .await?
        .rows_affected();
    if updated == 1 {
        Ok(())
    } else {
        Err(MigratorError::SelfCheck(format!("alembic_version had {updated} rows at {from}")))
    }
}

/// Captures the table, and compares it with the intended definition.
pub(crate) async fn check_definition(
    connection: &mut PgConnection,
    wanted: &TableDefinition,
) -> Result<(), MigratorError> {
    let built = definition::capture(connection, "public", &wanted.name)
        .await?
        .ok_or_else(|| MigratorError::SelfCheck(format!("{} is missing", wanted.title())))?;
    let differences = wanted.differences(&built);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(MigratorError::SelfCheck(format!("{}: {}", wanted.title(), differences.join("; "))))
    }
}
