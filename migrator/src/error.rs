//! Why a run failed or was refused. If one of these is returned, nothing was written.

use crate::report::{Plan, RollbackPlan};
pub use crate::spill::SpillError;
use phaseline_store::{StoreError, copy::CopyError};

/// `the event trigger a`, or `one of the event triggers a, b`.
fn named(triggers: &[String]) -> String {
    match triggers {
        [only] => format!("the event trigger {only}"),
        several => format!("one of the event triggers {}", several.join(", ")),
    }
}

/// Why a run changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum MigratorError {
    /// PostgreSQL, or the connection to it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A COPY response that does not follow the format.
    #[error("the result of COPY cannot be read: {0}")]
    Copy(#[from] CopyError),
    /// A file for what does not fit into memory.
    #[error("{0}; nothing was written to the database")]
    TemporaryFile(#[from] SpillError),
    /// A table's definition could not be carried over.
    #[error(transparent)]
    Definition(#[from] crate::definition::DefinitionError),
    /// A statement of the rebuild failed.
    #[error("{source}; everything was undone. The statement was: {statement}")]
    Ddl {
        /// The statement.
        statement: String,
        /// PostgreSQL's error.
        #[source]
        source: sqlx::Error,
    },
    /// Event triggers refused a statement.
    #[error("{source}; refused by {}", named(.triggers))]
    EventTrigger {
        /// Their names, quoted: the one whose function raised the error, or all that could have.
        triggers: Vec<String>,
        /// PostgreSQL's error, with its statement if it is known.
        #[source]
        source: Box<MigratorError>,
    },
    /// The database cannot be migrated as it is.
    #[error("the database cannot be migrated as it is; nothing was written")]
    Refused(Box<Plan>),
    /// The command does not apply to the shape of the database.
    #[error("{0}")]
    WrongShape(String),
    /// The data or the options are not those of the plan.
    #[error(
        "the plan is stale: it was made for {expected}, the data and options are now {found}; nothing was written. Run: phaseline plan"
    )]
    StalePlan {
        /// The digest that was requested.
        expected: String,
        /// The current digest.
        found: String,
    },
    /// Another run holds the lock.
    #[error("another run holds the lock: {holder}; nothing was written")]
    Locked {
        /// The holder, with time and machine.
        holder: String,
    },
    /// The tables could not be locked in time.
    #[error(
        "the tables could not be locked within {waited_seconds} s, and are unchanged. Blocked by: {blockers}"
    )]
    LockTimeout {
        /// The whole time of waiting.
        waited_seconds: u64,
        /// The sessions that blocked the last attempt.
        blockers: String,
    },
    /// The rollback would lose values that the legacy schema cannot hold.
    #[error("{}; nothing was written", would_lose(.plan, .accepted.as_deref()))]
    WouldLose {
        /// The loss found.
        plan: Box<RollbackPlan>,
        /// The requested digest.
        accepted: Option<String>,
    },
    /// The database cannot be rolled back as it is.
    #[error("the database cannot be rolled back as it is; nothing was written")]
    RollbackRefused(Box<RollbackPlan>),
    /// The operator stopped the run.
    #[error("interrupted; the tables are unchanged")]
    Interrupted,
    /// Rows were not read in heap order.
    #[error("rows did not come in heap order, so their order cannot be kept; nothing was written")]
    HeapOrder,
    /// The log lacks values that a rollback needs.
    #[error("the log is incomplete, so a rollback is not possible: {0}")]
    LogIncomplete(String),
    /// A check of the program on its own results failed; everything was rolled back.
    #[error("self-check failed, everything was undone: {0}")]
    SelfCheck(String),
    /// JSON of this program could not be written or read.
    #[error("an event or a report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn would_lose(plan: &RollbackPlan, accepted: Option<&str>) -> String {
    let found = plan.loss.digest.as_deref().unwrap_or("none");
    match accepted {
        None => "the rollback would lose what the legacy schema cannot hold".to_owned(),
        Some(accepted) => {
            format!("the loss that was accepted is {accepted}, the current loss is {found}")
        }
    }
}
