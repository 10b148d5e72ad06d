//! What the errors of a batch mean to its commands.

use super::Outcome;
use crate::StoreError;
use crate::timeline::lost_a_race;

/// Another command's chance, or the end of it.
pub(super) fn failed(error: StoreError) -> Result<Outcome, StoreError> {
    if lost_a_race(&error) { Ok(Outcome::Lost(error)) } else { Err(error) }
}

/// Whether the connection is gone, and with it the answer.
pub(super) fn is_lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        // The server is going down, or somebody ended this session.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        }
        _ => false,
    }
}

/// Whether an error may be one command's alone, so that the others can be carried out without it.
pub(super) fn is_one_commands_fault(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(error))
        if !error.code().is_some_and(|code| code.starts_with("57") || code.starts_with("53")))
}

/// Whether a row or the head was not to be had in time.
pub(super) fn is_held_up(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03"))
}

/// An error once more, for another who suffers from it.
pub(super) fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Database(sqlx::Error::PoolTimedOut) => StoreError::Database(sqlx::Error::PoolTimedOut),
        StoreError::Database(sqlx::Error::PoolClosed) => StoreError::Database(sqlx::Error::PoolClosed),
        held if is_held_up(held) => StoreError::Busy(held.to_string()),
        StoreError::Busy(why) => StoreError::Busy(why.clone()),
        StoreError::OlderSchema { found, known } => StoreError::OlderSchema { found: *found, known: *known },
        StoreError::Database(error) => {
            StoreError::Database(sqlx::Error::Io(std::io::Error::other(error.to_string())))
        }
        StoreError::OutcomeUnknown(why) => StoreError::OutcomeUnknown(why.clone()),
        other => StoreError::OutcomeUnknown(other.to_string()),
    }
}
