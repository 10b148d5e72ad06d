//! Swaps the tables.

use crate::ddl;
use crate::definition::{self, DetachedColumn, TableDefinition};
use crate::error::MigratorError;
use crate::plan::PreparedMigration;
use crate::run::cut_over::{
    REBUILT, ReaderLocks, SHADOW, TableReaders, attach_readers, check_definition, drop_shadow, set_revision,
};
use crate::shape::{LEGACY_REVISION, TIMELINE_REVISION};
use phaseline_store::schema;
use sqlx::PgConnection;

/// The tables that are made again.
const SWAPPED: [&str; 1] = ["project_phases"];

/// A swap whose slow parts are done: what it does grows with the definitions only, not with the rows.
pub(super) struct Swap<'d> {
    /// The new `project_phases`.
    definition: &'d TableDefinition,
    project_phase_id: &'d DetachedColumn,
    readers: TableReaders,
    /// The state of the catalogue that the definitions were read from.
    catalogue: String,
}

impl<'d> Swap<'d> {
    /// Checks the rows of the new table and its keys. The tables must be locked against writers; readers may continue. `catalogue` is its
    /// state before the definitions were compared.
    pub(super) async fn prepare(
        connection: &mut PgConnection,
        definition: &'d TableDefinition,
        project_phase_id: &'d DetachedColumn,
        prepared: &PreparedMigration,
        catalogue: String,
    ) -> Result<Self, MigratorError> {
        let readers = TableReaders::capture(connection, &SWAPPED).await?;
        check_rows(connection, prepared).await?;
        ddl::run(connection, &definition.reference_in(SHADOW, &REBUILT)).await?;
        Ok(Self { definition, project_phase_id, readers, catalogue })
    }

    /// Swaps the tables under their locks, and checks the result before the caller commits. False if a definition changed since
    /// [`Swap::prepare`]: then nothing is done.
    pub(super) async fn carry_out(self, connection: &mut PgConnection) -> Result<bool, MigratorError> {
        let Self { definition, project_phase_id, mut readers, catalogue } = self;
        if definition::catalogue_state(connection, &REBUILT).await? != catalogue {
            return Ok(false);
        }
        if !readers.are_none() {
            // A definition that was replaced meanwhile.
            readers = TableReaders::capture(connection, &SWAPPED).await?;
        }
        readers.detach(connection).await?;
        ddl::run(connection, &project_phase_id.drop_in_place()).await?;
        ddl::run(connection, &definition.drop_incoming_foreign_keys()).await?;
        ddl::run(connection, &definition.swap_in(SHADOW)).await?;
        ddl::run(connection, &definition.finish_after_references(&REBUILT)).await?;
        attach_readers(connection, &readers).await?;
        set_revision(connection, LEGACY_REVISION, TIMELINE_REVISION).await?;
        schema::set_accepts_commands(connection, true).await?;
        check_definition(connection, definition).await?;
        drop_shadow(connection).await?;
        Ok(true)
    }
}

/// The locks that keep readers out, beside those of the tables.
pub(super) async fn readers_to_lock(
    connection: &mut PgConnection,
    prepared: &PreparedMigration,
) -> Result<ReaderLocks, MigratorError> {
    let readers = TableReaders::capture(connection, &SWAPPED).await?;
    Ok(readers.locks(&[&prepared.phases, &prepared.assignments]))
}

/// Checks that the new table has the rows and budgets of the old one and those of supplied phases.
async fn check_rows(
    connection: &mut PgConnection,
    prepared: &PreparedMigration,
) -> Result<(), MigratorError> {
    let counts = &prepared.plan.counts;
    let wanted = counts.phases + counts.phases_supplied;
    let sums =
        "coalesce(sum(capital_budget), 0), coalesce(sum(expense_budget), 0), coalesce(sum(total_budget), 0)";
    let (rows, same): (i64, bool) = sqlx::query_as(&format!(
        "SELECT (SELECT count(*) FROM {SHADOW}.project_phases),
                (SELECT ROW(count(*) + $1, {sums}) FROM public.project_phases)
              = (SELECT ROW(count(*), {sums}) FROM {SHADOW}.project_phases)"
    ))
    .bind(i64::try_from(counts.phases_supplied).unwrap_or(i64::MAX))
    .fetch_one(connection)
    .await?;
    if !same {
        return Err(MigratorError::SelfCheck("rows or budgets of the new project_phases differ".to_owned()));
    }
    if rows.unsigned_abs() != wanted {
        return Err(MigratorError::SelfCheck(format!("there are {rows} phases instead of {wanted}")));
    }
    Ok(())
}
