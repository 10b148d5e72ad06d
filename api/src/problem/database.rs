//! The problems for errors of the database. PostgreSQL's own messages go to the log only.

use super::{FieldError, Problem, conflict, internal, unavailable};
use axum::http::StatusCode;
use phaseline_store::{SqlState, StoreError};
use sqlx::migrate::MigrateError;

impl Problem {
    /// The problem for an error of the store.
    pub fn of_store(error: &StoreError) -> Self {
        match error.cause() {
            StoreError::Database(error)
            | StoreError::Schema(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                Self::of_sqlx(error)
            }
            StoreError::NotInstalled => not_migrated(),
            StoreError::UnreadableNames => unavailable(
                "names_unreadable",
                "Names cannot be read",
                StoreError::UnreadableNames.to_string(),
            ),
            StoreError::NotAccepting => unavailable(
                "legacy_shape",
                "Not migrated",
                "the database is in the legacy shape, in which timelines accept no commands: it was rolled back, or not migrated yet",
            ),
            StoreError::NewerSchema { found, known } => {
                tracing::error!(found, known, "the schema is newer than this program");
                unavailable(
                    "newer_schema",
                    "Newer schema",
                    "a newer phaseline upgraded the database: upgrade this service, too",
                )
            }
            StoreError::OlderSchema { found, known } => {
                tracing::error!(found, known, "the schema is older than this program's");
                unavailable(
                    "older_schema",
                    "Older schema",
                    "the schema of the database is older than this service requires; run: phaseline upgrade",
                )
            }
            StoreError::Unadoptable { project, reasons } => conflict(
                "not_adoptable",
                "Not adoptable",
                format!(
                    "the log has no timeline of project {project} yet, and its rows in project_phases cannot be adopted: {}",
                    reasons.join("; ")
                ),
            ),
            StoreError::Quarantined { project, quarantine } => {
                tracing::error!(%project, %quarantine, "a timeline is in quarantine");
                let position = quarantine.events.first().map_or(0, |event| event.position);
                conflict(
                    "timeline_quarantined",
                    "Timeline in quarantine",
                    format!(
                        "the timeline of project {project} is in quarantine and accepts no commands; nothing was written: {quarantine}. An \
                         administrator can leave the event out: phaseline quarantine skip {project} --position {position} \
                         --reason TEXT"
                    ),
                )
                .errors(quarantine.events.iter().map(|event| FieldError {
                    message: event.to_string(),
                    ..FieldError::default()
                }))
            }
            StoreError::VersionGap { .. } | StoreError::PositionGap { .. } | StoreError::Altered(_) => {
                tracing::error!(%error, "the log is damaged");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "log_damaged",
                    "Log damaged",
                    format!("{error}; nothing was written. `phaseline verify` lists all damage"),
                )
            }
            // Each retry lost to another writer of this project.
            StoreError::Conflict { .. } | StoreError::Busy(_) => busy(),
            StoreError::ProjectDatesChanged(_) => unavailable("busy", "Busy", error.to_string()),
            StoreError::RowsDiffer(_) => conflict(
                "drifted",
                "Drifted",
                "the rows of this project in project_phases have other dates than the log, since another program changed them; nothing was \
                 written. An administrator sees them with `phaseline drift`",
            ),
            StoreError::InvalidProjectDates(_) => {
                conflict("no_days", "Invalid project dates", error.to_string())
            }
            other => {
                tracing::error!(error = %other, "the log");
                internal()
            }
        }
    }

    /// The problem for an error of the database, or of the connection to it.
    pub fn of_sqlx(error: &sqlx::Error) -> Self {
        let code = SqlState::code_of(error).unwrap_or_default();
        let problem = match (error, SqlState::of_code(&code)) {
            (sqlx::Error::PoolTimedOut, _) => unavailable(
                "no_connection",
                "Database not available",
                "timed out waiting for a connection to the database: it is unreachable, all connections are in use, or the service's role is \
                 missing; /readyz names the cause",
            ),
            // Something else than a server may answer where one is being restarted; the driver closes such a connection.
            (
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::PoolClosed,
                _,
            )
            | (
                _,
                SqlState::ConnectionFailure
                | SqlState::SessionTerminated
                | SqlState::CannotConnectNow
                | SqlState::TooManyConnections,
            ) => unreachable(),
            (_, SqlState::InsufficientPrivilege) => unavailable(
                "role_denied",
                "Role without rights",
                "the service's role lacks rights in the database; nothing was written. An administrator runs: phaseline doctor --repair",
            ),
            (_, SqlState::DiskFull) => unavailable(
                "disk_full",
                "Disk full",
                "the disk of the database server is full; nothing was written. Free disk space on the server, then send the same \
                 request again",
            ),
            (_, state) if state.is_out_of_resources() || state == SqlState::SystemError => unavailable(
                "out_of_resources",
                "Out of resources",
                "the database server is out of memory, or cannot access its files; nothing was written. The service's log has the \
                 cause, under this request's id",
            ),
            (_, SqlState::LockNotAvailable | SqlState::SerializationFailure | SqlState::Deadlock) => busy(),
            (_, SqlState::QueryCancelled) => unavailable(
                "statement_timeout",
                "Statement timeout",
                "the database cancelled the statement because it took too long; nothing was written",
            ),
            (_, SqlState::ReadOnly) => unavailable(
                "read_only",
                "Database is read-only",
                "the database accepts no writes: it is a standby, or read-only; nothing was written. Connect the service to the \
                 primary, or reset default_transaction_read_only",
            ),
            (_, SqlState::UndefinedTable | SqlState::UndefinedSchema) => not_migrated().doubting_schema(),
            (_, SqlState::ConflictingRow | SqlState::DriftedRows) => {
                return conflict(
                    "drifted",
                    "Drifted",
                    "project_phases differs from the log: another program changed the table; nothing was written. `phaseline drift` \
                     lists the differences",
                );
            }
            (_, SqlState::ForeignCode) => {
                tracing::error!(%error, sqlstate = &*code, "code of another role would run with the rights of the tables' owner");
                return unavailable(
                    "foreign_code",
                    "Foreign code",
                    "code of another role on the planner's tables would run with their owner's rights; nothing was written. The service's \
                     log names it with the remedy, under this request's id",
                );
            }
            // A constraint or a trigger of another role.
            (
                _,
                SqlState::ForeignKeyViolation
                | SqlState::UniqueViolation
                | SqlState::ConstraintViolation
                | SqlState::RaisedException,
            ) => {
                tracing::warn!(%error, sqlstate = &*code, "the database refuses a change");
                return conflict(
                    "refused_by_database",
                    "Refused by the database",
                    "a constraint or a trigger of the database refuses the change; nothing was written. The service's log names it, \
                     under this request's id",
                );
            }
            // A column, a type, or an operator of it.
            (_, state) if state.doubts_tables() => {
                tracing::error!(%error, sqlstate = &*code, "the database");
                return internal().doubting_schema();
            }
            _ => {
                tracing::error!(%error, sqlstate = &*code, "the database");
                return internal();
            }
        };
        tracing::warn!(%error, sqlstate = &*code, answer = problem.code(), "the database");
        problem
    }
}

/// The problem for an error of a read. Reads call functions of schema `phaseline`; one that does not exist belongs to a newer schema.
pub(crate) fn of_read(error: sqlx::Error) -> Box<Problem> {
    Box::new(match SqlState::of(&error) {
        Some(SqlState::UndefinedFunction) => unavailable(
            "older_schema",
            "Older schema",
            "the database's schema phaseline is older than this service; run: phaseline upgrade",
        ),
        _ => Problem::of_sqlx(&error),
    })
}

fn unreachable() -> Problem {
    unavailable(
        "database_unavailable",
        "Database not available",
        "the database is unreachable, or the connection to it was lost; a change may have been committed: check before you send \
         the request again, or send it again with the same idempotency key",
    )
}

fn busy() -> Problem {
    unavailable(
        "busy",
        "Busy",
        "timed out waiting for a lock on the log or on the project's rows: another session, such as a migration, holds it; \
         nothing was written. Send the same request again",
    )
}

fn not_migrated() -> Problem {
    unavailable("not_migrated", "Not migrated", "this database has no event log; run: phaseline migrate")
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::of_store(&error)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::of_sqlx(&error)
    }
}
