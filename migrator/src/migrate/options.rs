//! How to migrate.

use crate::report::PlanOptions;
use crate::run::Operator;
use std::time::Duration;

/// How to migrate.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// What the plan is made with.
    pub plan: PlanOptions,
    /// The plan that it must be; any if none.
    pub expected_digest: Option<String>,
    /// How long to wait for the tables in all.
    pub lock_timeout: Duration,
    /// Who runs it.
    pub operator: Operator,
}
