//! SQLSTATEs, PostgreSQL's codes and those of phaseline's own functions, interpreted in this module only.

use crate::StoreError;
use sqlx::error::DatabaseError;
use std::borrow::Cow;

/// An error of the database by meaning. Each variant names its code, or the class of codes that have no variant of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlState {
    /// Class 08: the connection does not exist or failed.
    ConnectionFailure,
    /// 22023: a setting has a value that the server does not accept, such as a missing role for `role`.
    InvalidParameter,
    /// 23503: the row's parent is missing. `phaseline.project_inline` raises it for a project that was deleted.
    ForeignKeyViolation,
    /// 23505: a unique constraint has that key already.
    UniqueViolation,
    /// Other codes of class 23: a check, an exclusion or NOT NULL.
    ConstraintViolation,
    /// 25006: the server is a standby, or the transaction is read-only.
    ReadOnly,
    /// Other codes of class 25. `phaseline.append` raises 25000 in a transaction in which it must not run.
    InvalidTransactionState,
    /// 28000, 28P01: the server does not accept the user or the password.
    NotAdmitted,
    /// 3D000: the database of a connection attempt does not exist.
    UndefinedDatabase,
    /// 3F000: a statement names a schema that does not exist.
    UndefinedSchema,
    /// 40001: another transaction changed the same rows. `phaseline.project_inline` raises it if rows that are being adopted
    /// changed.
    SerializationFailure,
    /// 40P01: the server ended a deadlock.
    Deadlock,
    /// 42501: the role lacks a privilege.
    InsufficientPrivilege,
    /// 42704: a role, a type or another object does not exist.
    UndefinedObject,
    /// 42883: a function does not exist; one of a newer schema is missing in an older one.
    UndefinedFunction,
    /// 42P01: a table does not exist.
    UndefinedTable,
    /// 42703: a column does not exist.
    UndefinedColumn,
    /// 42804, 42846: a value or a column has another type than the statement needs.
    DatatypeMismatch,
    /// 42P04: a database of that name exists.
    DuplicateDatabase,
    /// Other codes of class 42: the statement does not fit the database's objects.
    InvalidStatement,
    /// 53100: the server's disk is full.
    DiskFull,
    /// 53200: the server is out of memory.
    OutOfMemory,
    /// 53300: no connection is left.
    TooManyConnections,
    /// 53400: a configured limit is reached.
    ConfigurationLimit,
    /// Other codes of class 53.
    OutOfResources,
    /// 55006: other sessions use the object, such as the template of a new database.
    ObjectInUse,
    /// 55P03: `lock_timeout` ended the wait for a lock.
    LockNotAvailable,
    /// 57014: a cancel request or `statement_timeout` ended the statement.
    QueryCancelled,
    /// 57P01, 57P02, 57P05: the session was ended by an administrator, a crash or `idle_session_timeout`.
    SessionTerminated,
    /// 57P03: the server is starting up or shutting down.
    CannotConnectNow,
    /// 57P04 and other codes that begin with 57P: the database was dropped.
    DatabaseDropped,
    /// Other codes of class 57.
    OperatorIntervention,
    /// Class 58: the server cannot access its files.
    SystemError,
    /// P0001: `RAISE` without a code, as triggers of others use it.
    RaisedException,
    /// PL001: the phase's row in `project_phases` belongs to another project. `phaseline.project_inline` raises it.
    ConflictingRow,
    /// PL002: the arguments of `phaseline.append` are not what this program writes.
    InvalidAppend,
    /// PL003: `project_phases` or the state of the timeline is not what the events presume. `phaseline.append` and
    /// `phaseline.project_inline` raise it.
    DriftedRows,
    /// PL004: code of another role would run with the rights of the tables' owner. `phaseline.refuse_foreign_triggers` raises it.
    ForeignCode,
    /// Any other code.
    Other,
}

impl SqlState {
    /// The meaning of a code.
    pub fn of_code(code: &str) -> Self {
        match code {
            "22023" => Self::InvalidParameter,
            "23503" => Self::ForeignKeyViolation,
            "23505" => Self::UniqueViolation,
            "25006" => Self::ReadOnly,
            "28000" | "28P01" => Self::NotAdmitted,
            "3D000" => Self::UndefinedDatabase,
            "3F000" => Self::UndefinedSchema,
            "40001" => Self::SerializationFailure,
            "40P01" => Self::Deadlock,
            "42501" => Self::InsufficientPrivilege,
            "42703" => Self::UndefinedColumn,
            "42704" => Self::UndefinedObject,
            "42804" | "42846" => Self::DatatypeMismatch,
            "42883" => Self::UndefinedFunction,
            "42P01" => Self::UndefinedTable,
            "42P04" => Self::DuplicateDatabase,
            "53100" => Self::DiskFull,
            "53200" => Self::OutOfMemory,
            "53300" => Self::TooManyConnections,
            "53400" => Self::ConfigurationLimit,
            "55006" => Self::ObjectInUse,
            "55P03" => Self::LockNotAvailable,
            "57014" => Self::QueryCancelled,
            "57P01" | "57P02" | "57P05" => Self::SessionTerminated,
            "57P03" => Self::CannotConnectNow,
            "P0001" => Self::RaisedException,
            "PL001" => Self::ConflictingRow,
            "PL002" => Self::InvalidAppend,
            "PL003" => Self::DriftedRows,
            "PL004" => Self::ForeignCode,
            _ => Self::of_class(code),
        }
    }

    fn of_class(code: &str) -> Self {
        match code.get(..2).unwrap_or_default() {
            "08" => Self::ConnectionFailure,
            "23" => Self::ConstraintViolation,
            "25" => Self::InvalidTransactionState,
            "42" => Self::InvalidStatement,
            "53" => Self::OutOfResources,
            "57" if code.starts_with("57P") => Self::DatabaseDropped,
            "57" => Self::OperatorIntervention,
            "58" => Self::SystemError,
            _ => Self::Other,
        }
    }

    /// The meaning of the database's error; none for errors of the connection and of the driver.
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        Self::code_of(error).map(|code| Self::of_code(&code))
    }

    /// The code itself, for logs.
    pub fn code_of(error: &sqlx::Error) -> Option<Cow<'_, str>> {
        error.as_database_error().and_then(DatabaseError::code)
    }

    /// Whether the database has no log at all.
    pub const fn is_missing_log(self) -> bool {
        matches!(self, Self::UndefinedTable | Self::UndefinedSchema)
    }

    /// Whether a table, a column, a type, or an operator or function for a type is not what the statement needs: the planner's tables
    /// may have changed.
    pub const fn doubts_tables(self) -> bool {
        matches!(
            self,
            Self::UndefinedTable | Self::UndefinedColumn | Self::DatatypeMismatch | Self::UndefinedFunction
        )
    }

    /// Whether the transaction was undone for another one, and may succeed if repeated.
    pub const fn is_lost_race(self) -> bool {
        matches!(self, Self::SerializationFailure | Self::Deadlock)
    }

    /// Whether the server ended the connection: it is going down, or an administrator ended the session.
    pub const fn is_lost_connection(self) -> bool {
        matches!(
            self,
            Self::ConnectionFailure
                | Self::SessionTerminated
                | Self::CannotConnectNow
                | Self::DatabaseDropped
        )
    }

    /// Whether the statement met objects or privileges that are missing or differ (class 42).
    pub const fn is_schema_mismatch(self) -> bool {
        matches!(
            self,
            Self::InsufficientPrivilege
                | Self::UndefinedObject
                | Self::UndefinedFunction
                | Self::UndefinedTable
                | Self::UndefinedColumn
                | Self::DatatypeMismatch
                | Self::DuplicateDatabase
                | Self::InvalidStatement
        )
    }

    /// Whether the server lacks a resource (class 53).
    pub const fn is_out_of_resources(self) -> bool {
        matches!(
            self,
            Self::DiskFull
                | Self::OutOfMemory
                | Self::TooManyConnections
                | Self::ConfigurationLimit
                | Self::OutOfResources
        )
    }

    /// Whether an operator or a timeout intervened, or the server is going down (class 57).
    pub const fn is_intervention(self) -> bool {
        matches!(
            self,
            Self::QueryCancelled
                | Self::SessionTerminated
                | Self::CannotConnectNow
                | Self::DatabaseDropped
                | Self::OperatorIntervention
        )
    }

    /// Whether every command fails with it: the server lacks a resource, is read-only or is going down.
    pub const fn is_every_commands(self) -> bool {
        matches!(self, Self::ReadOnly | Self::InvalidTransactionState | Self::SystemError)
            || self.is_out_of_resources()
            || self.is_intervention()
    }
}

impl StoreError {
    /// The meaning of PostgreSQL's own code, if it is PostgreSQL's error.
    pub fn sqlstate(&self) -> Option<SqlState> {
        match self.cause() {
            Self::Database(error) => SqlState::of(error),
            _ => None,
        }
    }
}

/// Whether another writer was faster, so that another decision may succeed: a command, or a program that writes the rows
/// that are being adopted.
pub(crate) fn lost_a_race(error: &StoreError) -> bool {
    matches!(error.cause(), StoreError::Conflict { .. })
        || error.sqlstate().is_some_and(SqlState::is_lost_race)
}

/// Whether the connection was lost, so that the result is unknown.
pub(crate) fn is_lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        other => SqlState::of(other).is_some_and(SqlState::is_lost_connection),
    }
}

/// Whether an error may be caused by one command, so that the others can succeed without it.
pub(crate) fn is_one_commands_fault(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error @ sqlx::Error::Database(_))
        if !SqlState::of(error).is_some_and(SqlState::is_every_commands))
}

/// Whether a lock on a row or on the head was not granted in time.
pub(crate) fn is_held_up(error: &StoreError) -> bool {
    error.sqlstate() == Some(SqlState::LockNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::SqlState;

    #[test]
    fn a_code_without_a_variant_has_the_meaning_of_its_class() {
        for (code, meaning) in [
            ("08006", SqlState::ConnectionFailure),
            ("23514", SqlState::ConstraintViolation),
            ("25P02", SqlState::InvalidTransactionState),
            ("42601", SqlState::InvalidStatement),
            ("53000", SqlState::OutOfResources),
            ("57P04", SqlState::DatabaseDropped),
            ("57000", SqlState::OperatorIntervention),
            ("58030", SqlState::SystemError),
            ("PL009", SqlState::Other),
            ("", SqlState::Other),
        ] {
            assert_eq!(SqlState::of_code(code), meaning, "{code}");
        }
    }

    #[test]
    fn classes_of_meanings_are_complete() {
        assert!(
            SqlState::of_code("57P03").is_lost_connection()
                && SqlState::of_code("08000").is_lost_connection()
        );
        assert!(!SqlState::of_code("57014").is_lost_connection());
        for code in ["25006", "25P02", "53100", "53200", "53300", "53400", "53000", "57014", "57P01", "58030"]
        {
            assert!(SqlState::of_code(code).is_every_commands(), "{code}");
        }
        for code in ["23503", "40001", "42883", "55P03", "P0001", "PL001", "PL004"] {
            assert!(!SqlState::of_code(code).is_every_commands(), "{code}");
        }
    }
}
