//! The legacy schema into the log and back: plan, migrate, verify, roll back.

pub mod anomaly;
pub mod boundary;
mod ddl;
pub mod definition;
pub mod error;
pub mod fast_hash;
mod journal;
mod legacy;
pub mod links;
mod lock;
pub mod migrate;
pub mod plan;
mod pointers;
pub mod quarantine;
pub mod rollback;
mod row_values;
pub mod run;
pub mod sample;
pub mod session;
pub mod shape;
pub mod status;
mod takeover;
mod translate;
mod translate_project;
pub mod verify;
mod watch;
mod written;

pub use error::MigratorError;
pub use phaseline_store::progress;
pub use session::Database;
pub use translate::{BudgetSums, ByDate};
