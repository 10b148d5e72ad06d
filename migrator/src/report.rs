//! The reports of runs as data: plans, results, losses. Nothing here reads or writes a database.

mod boundaries;
mod by_date;
mod loss;
mod migrated;
mod options;
mod plan;
mod restored;
mod rollback;

pub use boundaries::{Boundaries, ProjectRebooked, Rebooked};
pub use by_date::ByDate;
pub use loss::{Loss, LossItem};
pub use migrated::Migrated;
pub use options::PlanOptions;
pub use phaseline_projections::effects::BudgetSums;
pub use plan::{Counts, Estimate, Plan, ProjectPlan, Source};
pub use restored::{PhaseFate, RestoredPhase, RestoredPhases};
pub use rollback::{RollbackCompleted, RollbackPlan, RolledBack, TimelineEdit};
