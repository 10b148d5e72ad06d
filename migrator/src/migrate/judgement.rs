//! Decides from an inspection whether a migration can run, and builds its report.

use super::options::MigrateOptions;
use crate::error::MigratorError;
use crate::plan::{MigrationInspection, PreparedMigration};
use crate::report::{Migrated, Plan};
use crate::run::attempts::Judgement;
use crate::run::session::RunContext;

pub(super) fn judge(
    inspection: MigrationInspection,
    options: &MigrateOptions,
    run: &RunContext<'_>,
) -> Result<Judgement<PreparedMigration, Migrated>, MigratorError> {
    match inspection {
        MigrationInspection::Report(plan) if plan.already_migrated() && plan.ready => {
            Ok(Judgement::Already(already_migrated(plan, run)))
        }
        MigrationInspection::Report(plan) => Err(MigratorError::Refused(plan)),
        MigrationInspection::Takeover(takeover) => Err(MigratorError::Refused(Box::new(takeover.plan))),
        MigrationInspection::Prepared(prepared) => {
            ensure_ready(&prepared.plan, options)?;
            Ok(Judgement::Ready(prepared))
        }
    }
}

/// Fails unless the plan is the requested one, and ready.
pub(super) fn ensure_ready(plan: &Plan, options: &MigrateOptions) -> Result<(), MigratorError> {
    if let (Some(expected), Some(found)) = (&options.expected_digest, &plan.digest)
        && expected != found
    {
        return Err(MigratorError::StalePlan { expected: expected.clone(), found: found.clone() });
    }
    if plan.ready { Ok(()) } else { Err(MigratorError::Refused(Box::new(plan.clone()))) }
}

fn already_migrated(plan: Box<Plan>, run: &RunContext<'_>) -> Migrated {
    Migrated {
        format: "phaseline.migrate/1",
        already: true,
        run: None,
        plan: *plan,
        position: 0,
        took_ms: run.took_ms(),
        locked_ms: 0,
    }
}

pub(super) fn migrated(plan: Plan, run: &RunContext<'_>, position: i64) -> Migrated {
    Migrated {
        format: "phaseline.migrate/1",
        already: false,
        run: run.id(),
        plan,
        position,
        took_ms: run.took_ms(),
        locked_ms: run.locked_ms(),
    }
}
