//! The read models over one [`fold`] of the log, and what makes the planner's tables agree with them.
//!
//! - [`adopt`] finds rows of other programs that the log does not have, and adopts them.
//! - [`deleted`] finds projects that the planner deleted, and closes their timelines.
//! - [`effects`] are those of a command on phases, budgets and assignments.
//! - [`fold`] folds the log into timelines with their timestamps.
//! - [`portfolio`] reads timelines as they were at any position.
//! - [`project_phases`] is the table that the users' backend reads, in its timeline shape.
//! - [`legacy_phases`] is the same table in its legacy shape.
//! - [`inline`] has the functions that update `project_phases` in the transaction of each append.
//! - [`changes`] are fields before and after a change; [`diff`] is the difference between two moments.
//! - [`history`] describes a timeline's events.
//! - [`log_entries`] describes the events of all streams.
//! - [`logged_runs`] has the runs and repairs of the log, for readers.
//! - [`planner_users`] reads the planner's users, for a service that accepts only their tokens.
//! - [`planner_schema`] finds missing and changed columns of the planner's tables.
//! - [`planner_view`] reads the planner's tables: for a service by functions, for runs directly.
//! - [`live_row`] is a row of the table, including invalid values.
//! - [`altered`] refuses findings that come from altered events.
//! - [`drift`] compares the live tables with the fold; [`repair`] makes them agree with the log; [`rebuild`] does both for all rows
//!   of `project_phases`, reading the log in parallel.

pub mod adopt;
pub mod altered;
mod bulk_insert;
pub mod changes;
pub mod deleted;
pub mod diff;
pub mod drift;
pub mod effects;
mod excess_rights;
pub mod fold;
mod foreign_code;
pub mod history;
pub mod inline;
pub mod legacy_phases;
pub mod live_row;
pub mod log_entries;
pub mod logged_runs;
mod owners;
pub mod planner_schema;
pub mod planner_users;
pub mod planner_view;
pub mod portfolio;
mod powerful;
pub mod project_phases;
pub mod rebuild;
pub mod repair;
mod row_writer;

pub use changes::{ChangedField, FieldChange};
pub use diff::TimelineDiff;
pub use excess_rights::refuse_excess_rights;
pub use fold::FoldedLog;
pub use foreign_code::{Access, foreign_code, refuse_foreign_code, refuse_foreign_code_for_commands};
pub use history::HistoryEntry;
pub use inline::ProjectPhases;
pub use legacy_phases::LegacyPhaseRow;
pub use owners::{Owner, Ownership, WrongOwner, ownership, wrong_owners};
pub use phaseline_store::{FoldedTimeline, PhaseTimestamps};
pub use powerful::is_powerful;
pub use project_phases::PhaseRow;

use phaseline_store::StoreError;
use phaseline_store::schema::{self, SchemaDifference};
use sqlx::{Connection, PgConnection};

/// Installs the log's schema and the inline projection of `project_phases`, and sets their owners: functions run with the owners'
/// privileges, not with those of the installing role.
pub async fn install(connection: &mut PgConnection) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    schema::install(&mut transaction).await?;
    sqlx::raw_sql(inline::SQL).execute(&mut *transaction).await?;
    owners::set(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// All differences between schema `phaseline` and what this program installs, owners included. Reads the catalogue only.
pub async fn schema_differences(connection: &mut PgConnection) -> Result<Vec<SchemaDifference>, StoreError> {
    let mut found = schema::definitions()?.completed_by(inline::SQL)?.differences(connection).await?;
    for thing in wrong_owners(connection).await? {
        // Objects of other roles are listed as such, independent of their owner.
        let foreign = format!("{} {} is not one", thing.kind.to_lowercase(), thing.object);
        if !found.iter().any(|other| other.text.starts_with(&foreign)) {
            found.push(SchemaDifference { text: thing.to_string(), repairable: true });
        }
    }
    Ok(found)
}

/// Brings an older schema to this program's version, in one transaction that holds the log's head: commands and runs
/// wait for it, or it waits for them, for 30 seconds at most. The events do not change.
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
