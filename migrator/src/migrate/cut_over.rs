//! Swaps the tables.

use crate::ddl;
use crate::definition::{DetachedColumn, TableDefinition};
use crate::error::MigratorError;
use crate::report::Plan;
use crate::run::cut_over::{SHADOW, attach_readers, check_definition, detach_readers, set_revision};
use crate::shape::{LEGACY_REVISION, TIMELINE_REVISION};
use phaseline_store::schema;
use sqlx::PgConnection;

/// Swaps the tables under their locks, and checks the result before the caller commits.
pub(super) async fn cut_over(
    connection: &mut PgConnection,
    definition: &TableDefinition,
    project_phase_id: &DetachedColumn,
    plan: &Plan,
) -> Result<(), MigratorError> {
    let sums =
        "coalesce(sum(capital_budget), 0), coalesce(sum(expense_budget), 0), coalesce(sum(total_budget), 0)";
    let same: bool = sqlx::query_scalar(&format!(
        "SELECT (SELECT ROW(count(*) + $1, {sums}) FROM public.project_phases)
              = (SELECT ROW(count(*), {sums}) FROM {SHADOW}.project_phases)"
    ))
    .bind(i64::try_from(plan.counts.phases_supplied).unwrap_or(i64::MAX))
    .fetch_one(&mut *connection)
    .await?;
    if !same {
        return Err(MigratorError::SelfCheck("rows or budgets of the new project_phases differ".to_owned()));
    }
    let readers = detach_readers(connection, &["project_phases"]).await?;
    ddl::run(connection, &project_phase_id.drop_in_place()).await?;
    ddl::run(connection, &definition.drop_incoming_foreign_keys()).await?;
    ddl::run(connection, &definition.swap_in(SHADOW)).await?;
    ddl::run(connection, &definition.finish()).await?;
    attach_readers(connection, &readers).await?;
    set_revision(connection, LEGACY_REVISION, TIMELINE_REVISION).await?;
    sqlx::raw_sql(&format!("DROP SCHEMA {SHADOW}")).execute(&mut *connection).await?;
    schema::set_accepts_commands(connection, true).await?;
    check_definition(connection, definition).await?;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM public.project_phases").fetch_one(connection).await?;
    let wanted = plan.counts.phases + plan.counts.phases_supplied;
    if rows.unsigned_abs() != wanted {
        return Err(MigratorError::SelfCheck(format!("there are {rows} phases instead of {wanted}")));
    }
    Ok(())
}
