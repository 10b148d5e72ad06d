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

pub use fold::FoldedLog;
pub use history::HistoryEntry;
pub use inline::ProjectPhases;
pub use legacy_phases::LegacyPhaseRow;
pub use phaseline_store::{FoldedTimeline, Stamps};
pub use project_phases::PhaseRow;

use phaseline_store::StoreError;
use phaseline_store::schema::{self, Difference};
use sqlx::{Connection, PgConnection};

/// Installs the log's schema and, on top of it, the inline projection of `project_phases`.
pub async fn install(connection: &mut PgConnection) -> Result<(), StoreError> {
    schema::install(connection).await?;
    sqlx::raw_sql(inline::SQL).execute(connection).await?;
    Ok(())
}

/// Everything in schema `phaseline` that is not as this program installs it. Reads the catalogue only.
pub async fn schema_differences(connection: &mut PgConnection) -> Result<Vec<Difference>, StoreError> {
    schema::definitions()?.completed_by(inline::SQL)?.differences(connection).await
}

/// Brings an older schema to this program's version, in one transaction that holds the log's head: commands and runs
/// wait for it, or it waits for them, for 30 seconds at most. The events stay as they are.
///
/// # Errors
/// [`StoreError::NotInstalled`] if there is no log, or its head is lost; [`StoreError::NewerSchema`] if a newer program
/// made it; the database's own, `55P03` among them if the head was not free in time.
pub async fn upgrade(connection: &mut PgConnection) -> Result<(), StoreError> {
    let begin = "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";
    let mut transaction = connection.begin_with(begin).await?;
    sqlx::raw_sql("SET LOCAL lock_timeout = '30s'").execute(&mut *transaction).await?;
    schema::lock_head(&mut transaction).await?;
    install(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}
