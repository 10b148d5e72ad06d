//! The checks of the catalogue, and of foreign keys of other tables, which run while other sessions read the rows.

use super::dependents::{note_dependents, note_owners, note_triggers};
use super::privileges::{missing_run_privileges, missing_service_privileges};
use super::row_checks::{OrphanCheck, checked_keys};
use crate::anomaly::Findings;
use crate::database;
use crate::definition::{self, TableDefinition};
use crate::error::MigratorError;
use crate::legacy::tables::LegacyTables;
use crate::report::{Plan, PlanOptions};
use crate::run::cut_over::SHADOW;
use phaseline_projections::{Access, foreign_code};
use sqlx::PgConnection;

/// The checks, and the results of those that are noted after the rows were read.
pub(super) struct CatalogueChecks<'a> {
    /// `project_phases` and `resource_assignments`.
    pub definitions: [&'a TableDefinition; 2],
    pub options: &'a PlanOptions,
    pub orphans: Vec<OrphanCheck<'a>>,
}

impl CatalogueChecks<'_> {
    /// Notes obstacles and missing privileges, and searches for rows whose foreign keys have no target, with so many parallel workers.
    pub(super) async fn run(
        &mut self,
        connection: &mut PgConnection,
        workers: u8,
        findings: &mut Findings,
        plan: &mut Plan,
    ) -> Result<(), MigratorError> {
        note_dependents(connection, self.definitions, findings, plan).await?;
        note_triggers(connection, plan).await?;
        note_owners(connection, plan).await?;
        database::parallel(connection, workers).await?;
        for key in checked_keys(self.definitions) {
            self.orphans.extend(OrphanCheck::of(connection, key, plan).await?);
        }
        database::parallel(connection, 0).await?;
        let role = self.options.role.as_deref();
        plan.lacks(missing_run_privileges(connection, role, &self.definitions).await?);
        plan.missing_privileges.extend(foreign_code(connection, role, Access::Build).await?);
        plan.lacks(definition::missing_privileges(connection, role, SHADOW, &self.definitions).await?);
        plan.lacks_later(missing_service_privileges(connection, role).await?);
        Ok(())
    }

    /// Notes the orphans.
    pub(super) async fn note_orphans(
        self,
        connection: &mut PgConnection,
        tables: &LegacyTables,
        findings: &mut Findings,
    ) -> Result<(), MigratorError> {
        for check in self.orphans {
            check.note(connection, tables.assignments.resources(), findings).await?;
        }
        Ok(())
    }
}
