//! The options of a migration.

use crate::report::PlanOptions;
use crate::run::Operator;
use std::time::Duration;

/// The options of a migration.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// The options of the plan.
    pub plan: PlanOptions,
    /// The digest of the expected plan; any plan if none.
    pub expected_digest: Option<String>,
    /// The limit of the whole wait for the tables' locks.
    pub lock_timeout: Duration,
    /// The operator.
    pub operator: Operator,
}
