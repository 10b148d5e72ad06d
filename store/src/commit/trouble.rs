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

/// Whether an error may be one command's alone, so that the others can be carried out without it. A server that has no room,
/// takes no writes or is going down refuses them all.
pub(super) fn is_one_commands_fault(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(error))
        if !error.code().is_some_and(|code| ["25", "53", "57", "58"].iter().any(|class| code.starts_with(class))))
}

/// Whether a row or the head was not to be had in time.
pub(super) fn is_held_up(error: &StoreError) -> bool {
    error.sqlstate().as_deref() == Some("55P03")
}

/// What the other commands of a project get that somebody else holds up.
pub(super) fn busy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Busy(why) => StoreError::Busy(why.clone()),
        held => StoreError::Busy(held.to_string()),
    }
}
