//! The legacy schema into the log and back: plan, migrate, verify, roll back.

pub mod anomaly;
mod ddl;
pub mod definition;
pub mod error;
pub mod fast_hash;
mod legacy;
pub mod links;
mod lock;
pub mod migrate;
pub mod plan;
pub mod progress;
pub mod rollback;
pub mod run;
pub mod sample;
pub mod session;
pub mod shape;
pub mod status;
mod translate;
pub mod verify;
mod watch;

pub use error::MigratorError;
pub use session::Database;
pub use translate::{BudgetSums, ByDate};
