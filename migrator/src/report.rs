//! The reports of runs as data: plans, results, losses. Nothing here reads or writes a database.

mod boundaries;
mod loss;
mod migrated;
mod options;
mod plan;
mod restored;
mod rollback;
mod totals;

pub use boundaries::{Boundaries, ProjectRebooked, Rebooked};
pub use loss::{Loss, LossItem};
pub use migrated::Migrated;
pub use options::PlanOptions;
pub use plan::{Counts, Estimate, Plan, ProjectPlan, Source};
pub use restored::{PhaseFate, RestoredPhase, RestoredPhases};
pub use rollback::{RollbackCompleted, RollbackPlan, RolledBack, TimelineEdit};
pub use totals::{BudgetSums, ByDate};
