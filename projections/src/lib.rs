//! The read models, one file each: pure functions over one [`fold`].
//!
//! - [`adopt`] finds the rows that others wrote and the log does not know, and takes them in.
//! - [`fold`] folds the log into timelines with their times.
//! - [`project_phases`] is the table that the users' backend reads, in its new shape.
//! - [`legacy_phases`] is the same table as the legacy planner had it.
//! - [`inline`] keeps `project_phases` in the transaction of each append.
//! - [`history`] tells a timeline's events to a person.
//! - [`live`] reads the table's rows as they stand, whatever they hold.
//! - [`drift`] compares the live tables with the fold; [`repair`] makes them what the log says; [`rebuild`] does both
//!   for the whole of `project_phases`, as fast as the log can be read.

pub mod adopt;
pub mod drift;
pub mod fold;
pub mod history;
pub mod inline;
pub mod legacy_phases;
pub mod live;
pub mod project_phases;
pub mod rebuild;
pub mod repair;
mod table;

pub use fold::{FoldedLog, FoldedTimeline, Stamps};
pub use history::HistoryEntry;
pub use inline::ProjectPhases;
pub use legacy_phases::LegacyPhaseRow;
pub use project_phases::PhaseRow;

/// Installs the log's schema and, on top of it, the inline projection of `project_phases`.
pub async fn install(connection: &mut sqlx::PgConnection) -> Result<(), phaseline_store::StoreError> {
    phaseline_store::schema::install(connection).await?;
    sqlx::raw_sql(inline::SQL).execute(connection).await?;
    Ok(())
}
