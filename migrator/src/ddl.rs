//! Runs DDL statement by statement, so that a failure names the statement.

use crate::error::MigratorError;
use sqlx::PgConnection;

/// Runs trusted statements in order. An error is reported with its statement.
pub(crate) async fn run(connection: &mut PgConnection, statements: &[String]) -> Result<(), MigratorError> {
    for statement in statements {
        tracing::debug!(%statement, "ddl");
        sqlx::raw_sql(statement)
            .execute(&mut *connection)
            .await
            .map_err(|source| MigratorError::Ddl { statement: statement.clone(), source })?;
    }
    Ok(())
}
