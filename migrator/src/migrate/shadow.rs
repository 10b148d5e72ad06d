//! Builds the new `project_phases` beside the old one, while users read and write.

use crate::ddl;
use crate::definition::TableDefinition;
use crate::error::MigratorError;
use crate::run::cut_over::SHADOW;
use phaseline_projections::{Access, PhaseRow, project_phases, refuse_foreign_code};
use sqlx::PgConnection;

/// The table with all rows, indexes and checks, in its own schema.
pub(super) async fn build(
    connection: &mut PgConnection,
    definition: &TableDefinition,
    added_options: &[String],
    rows: &[PhaseRow],
) -> Result<(), MigratorError> {
    sqlx::raw_sql(&format!("CREATE SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    ddl::run(connection, &definition.create_in(SHADOW)).await?;
    project_phases::load_new(connection, &format!("{SHADOW}.project_phases"), rows).await?;
    ddl::run(connection, &definition.index_in(SHADOW)).await?;
    refuse_foreign_code(connection, Access::Build).await?;
    ddl::run(connection, &definition.validate_in(SHADOW)).await?;
    // Set only after loading, so that the loaded rows fill their pages.
    ddl::run(connection, &definition.set_in(SHADOW, added_options)).await?;
    sqlx::raw_sql(&format!("ANALYZE {SHADOW}.project_phases")).execute(connection).await?;
    Ok(())
}
