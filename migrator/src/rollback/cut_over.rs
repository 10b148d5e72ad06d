//! Swaps the tables.

use super::inspect::PreparedRollback;
use crate::ddl;
use crate::definition::{self, EarlyKeys};
use crate::error::MigratorError;
use crate::run::cut_over::{
    REBUILT, SHADOW, attach_readers, check_definition, detach_readers, drop_shadow, set_revision,
};
use crate::shape::{LEGACY_REVISION, TIMELINE_REVISION};
use phaseline_store::schema;
use sqlx::PgConnection;

/// Swaps the tables under their locks, and checks the result before the caller commits.
pub(super) async fn cut_over(
    connection: &mut PgConnection,
    prepared: &PreparedRollback,
    keys: &EarlyKeys,
) -> Result<(), MigratorError> {
    let readers = detach_readers(connection, &REBUILT).await?;
    for table in &prepared.current {
        ddl::run(connection, &table.drop_incoming_foreign_keys()).await?;
    }
    for table in prepared.old.iter().rev() {
        ddl::run(connection, &table.swap_in(SHADOW)).await?;
    }
    let [phases, assignments] = &prepared.old;
    ddl::run(connection, &keys.after).await?;
    ddl::run(connection, &definition::finish_after(&[phases, assignments], keys)).await?;
    attach_readers(connection, &readers).await?;
    set_revision(connection, TIMELINE_REVISION, LEGACY_REVISION).await?;
    schema::set_accepts_commands(connection, false).await?;
    check_definition(connection, phases).await?;
    check_definition(connection, assignments).await?;
    drop_shadow(connection).await
}
