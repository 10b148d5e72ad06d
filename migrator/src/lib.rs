//! The legacy schema into the log and back: plan, migrate, verify, roll back.

mod added_objects;
pub mod anomaly;
mod change_detector;
mod database;
mod ddl;
pub mod definition;
pub mod error;
pub mod fast_hash;
mod legacy;
pub mod log;
pub mod migrate;
pub mod plan;
pub mod quarantine;
pub mod report;
pub mod rollback;
pub mod run;
pub mod sample;
pub mod shape;
mod spill;
pub mod status;
mod translate;
pub mod verify;

pub use database::Database;
pub use error::MigratorError;
pub use phaseline_store::progress;
