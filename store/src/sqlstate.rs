//! What the database's error codes mean to the store: SQLSTATEs are interpreted here and nowhere else in this crate.

use crate::StoreError;

/// Whether there is no log at all.
pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "42P01" | "3F000"))
}

/// Whether somebody else was faster, so that deciding anew may help: another command, or whoever writes the rows that
/// are being adopted.
pub(crate) fn lost_a_race(error: &StoreError) -> bool {
    // Serialization failure, deadlock: the database has undone everything.
    matches!(error.cause(), StoreError::Conflict { .. })
        || matches!(error.sqlstate().as_deref(), Some("40001" | "40P01"))
}

/// Whether the connection is gone, and with it the answer.
pub(crate) fn is_lost_connection(error: &sqlx::Error) -> bool {
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
pub(crate) fn is_one_commands_fault(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(error))
        if !error.code().is_some_and(|code| ["25", "53", "57", "58"].iter().any(|class| code.starts_with(class))))
}

/// Whether a row or the head was not to be had in time.
pub(crate) fn is_held_up(error: &StoreError) -> bool {
    error.sqlstate().as_deref() == Some("55P03")
}
