//! Steps of a swap that both directions share.

use crate::ddl;
use crate::definition::{self, QualifiedName, TableDefinition, View};
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

/// The tables that are built again in one direction or the other.
const REBUILT: [&str; 2] = ["project_phases", "resource_assignments"];

/// The views that read the tables, detached from them until [`attach_views`].
pub(crate) async fn detach_views(connection: &mut PgConnection) -> Result<Vec<View>, MigratorError> {
    let views = definition::capture_views(connection, &REBUILT).await?;
    let statements: Vec<String> = views.iter().map(View::detach).collect();
    ddl::run(connection, &statements).await?;
    Ok(views)
}

/// The statements that lock the views that read the tables.
pub(crate) async fn lock_views(connection: &mut PgConnection) -> Result<Vec<String>, MigratorError> {
    let views = definition::capture_views(connection, &REBUILT).await?;
    Ok(views.iter().map(View::lock).collect())
}

/// Gives the views their definitions again, and checks that they are the same.
pub(crate) async fn attach_views(connection: &mut PgConnection, views: &[View]) -> Result<(), MigratorError> {
    let statements: Vec<String> = views.iter().map(View::attach).collect();
    ddl::run(connection, &statements).await?;
    let found = definition::capture_views(connection, &REBUILT).await?;
    match views.iter().find(|view| !found.contains(view)) {
        None => Ok(()),
        Some(view) => {
            Err(MigratorError::SelfCheck(format!("the definition of the view {} differs", view.title())))
        }
    }
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
