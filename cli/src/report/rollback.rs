//! The report of `phaseline rollback`.

use phaseline_migrator::report::RollbackCompleted;
use phaseline_migrator::rollback::{RollbackPlan, RolledBack};
use serde::Serialize;
use uuid::Uuid;

/// `phaseline.rollback/1`
#[derive(Serialize)]
pub(crate) struct RollbackReport<'a> {
    /// The plan, executed or not.
    #[serde(flatten)]
    plan: &'a RollbackPlan,
    dry_run: bool,
    /// The run's id in the log; none if nothing was done.
    run: Option<Uuid>,
    completed: Option<&'a RollbackCompleted>,
    took_ms: u64,
    locked_ms: u64,
}

impl<'a> RollbackReport<'a> {
    /// Of a dry run.
    pub(crate) const fn of_plan(plan: &'a RollbackPlan) -> Self {
        Self { plan, dry_run: true, run: None, completed: None, took_ms: 0, locked_ms: 0 }
    }

    /// Of a rollback.
    pub(crate) const fn of(done: &'a RolledBack) -> Self {
        let RolledBack { plan, run, completed, took_ms, locked_ms } = done;
        Self {
            plan,
            dry_run: false,
            run: *run,
            completed: completed.as_ref(),
            took_ms: *took_ms,
            locked_ms: *locked_ms,
        }
    }
}
