//! What the database's error codes mean to the store: SQLSTATEs are interpreted here and nowhere else in this crate.

use crate::StoreError;

/// Whether there is no log at all.
pub(crate) fn is_missing_table(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "42P01" | "3F000"))
}

/// Whether a function is missing, as those of a newer schema are in an older one.
pub(crate) fn is_missing_function(error: &StoreError) -> bool {
    error.sqlstate().as_deref() == Some("42883")
}

/// Whether another writer was faster, so that another decision may succeed: a command, or a program that writes the rows
/// that are being adopted.
pub(crate) fn lost_a_race(error: &StoreError) -> bool {
    // Serialization failure, deadlock: the database has undone everything.
    matches!(error.cause(), StoreError::Conflict { .. })
        || matches!(error.sqlstate().as_deref(), Some("40001" | "40P01"))
}

/// Whether the connection was lost, so that the result is unknown.
pub(crate) fn is_lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        // The server is going down, or an administrator ended this session.
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        }
        _ => false,
    }
}

/// Whether an error may be caused by one command, so that the others can succeed without it. A server that has no room, is
/// read-only or is going down fails them all.
pub(crate) fn is_one_commands_fault(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(error))
        if !error.code().is_some_and(|code| ["25", "53", "57", "58"].iter().any(|class| code.starts_with(class))))
}

/// Whether a lock on a row or on the head was not granted in time.
pub(crate) fn is_held_up(error: &StoreError) -> bool {
    error.sqlstate().as_deref() == Some("55P03")
}
