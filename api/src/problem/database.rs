//! What the database's troubles are to a client. What PostgreSQL says stays in the log.

use super::{FieldError, Problem, conflict, internal, unavailable};
use axum::http::StatusCode;
use phaseline_store::StoreError;
use sqlx::migrate::MigrateError;

impl Problem {
    /// The problem that an error of the log is.
    pub fn of_store(error: &StoreError) -> Self {
        match error.cause() {
            StoreError::Database(error)
            | StoreError::Schema(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                Self::of_sqlx(error)
            }
            StoreError::NotInstalled => not_migrated(),
            StoreError::NotAccepting => unavailable(
                "legacy_shape",
                "Not migrated",
                "the database is in the legacy shape, in which timelines take no commands; after `phaseline migrate` they do",
            ),
            StoreError::NewerSchema { found, known } => {
                tracing::error!(found, known, "the schema is newer than this program");
                unavailable(
                    "newer_schema",
                    "Newer schema",
                    "the database was upgraded by a newer phaseline than this service is: it needs a newer one, too",
                )
            }
            StoreError::OlderSchema { found, known } => {
                tracing::error!(found, known, "the schema is older than this program's");
                unavailable(
                    "older_schema",
                    "Older schema",
                    "the database was not upgraded to what this service writes; run: phaseline upgrade",
                )
            }
            StoreError::Unadoptable { project, reasons } => conflict(
                "not_adoptable",
                "Not adoptable",
                format!(
                    "the log does not know project {project} yet, and its rows in project_phases cannot be taken in as they \
                     stand: {}",
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
                        "the timeline of project {project} is in quarantine and takes no commands; nothing was written: {quarantine}. An \
                         administrator can leave the event out: phaseline quarantine skip {project} --position {position} \
                         --reason TEXT"
                    ),
                )
                .errors(quarantine.events.iter().map(|event| FieldError {
                    message: event.to_string(),
                    ..FieldError::default()
                }))
            }
            StoreError::VersionGap { .. } | StoreError::PositionGap { .. } => {
                tracing::error!(%error, "the log is damaged");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "log_damaged",
                    "Log damaged",
                    format!(
                        "{error}; nothing was written. `phaseline verify` names all that is wrong with the log"
                    ),
                )
            }
            // It was decided anew, over and over: there is a crowd at this project.
            StoreError::Conflict { .. } | StoreError::Busy(_) => busy(),
            other => {
                tracing::error!(error = %other, "the log");
                internal()
            }
        }
    }

    /// The problem that an error of the database, or of the connection to it, is.
    pub fn of_sqlx(error: &sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
        let problem = match (error, &*code) {
            (sqlx::Error::PoolTimedOut, _) => unavailable(
                "no_connection",
                "Database not available",
                "no connection to the database was to be had in time: it is not reachable, or all connections are in use",
            ),
            (sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed, _)
            | (_, "57P01" | "57P02" | "57P03" | "57P05" | "53300") => unreachable(),
            (_, "53100") => unavailable(
                "disk_full",
                "Disk full",
                "the database server has no room left on its disk; nothing was written. Make room on the server: the same \
                 request works again then",
            ),
            (_, class) if class.starts_with("53") || class.starts_with("58") => unavailable(
                "out_of_resources",
                "Out of resources",
                "the database server lacks memory, or cannot use its files; nothing was written. The service's log says what is \
                 missing, under this request's id",
            ),
            (_, "55P03" | "40001" | "40P01") => busy(),
            (_, "57014") => unavailable(
                "statement_timeout",
                "Took too long",
                "the database gave the statement up because it took too long; nothing was written",
            ),
            (_, "25006") => unavailable(
                "read_only",
                "Database is read-only",
                "the database takes no writes: it is a standby, or read-only; nothing was written. Connect the service to the \
                 primary, or reset default_transaction_read_only",
            ),
            (_, "42P01" | "3F000") => not_migrated(),
            (_, class) if class.starts_with("08") => unreachable(),
            // What project_inline itself says.
            (_, "PL001" | "PL003") => {
                return conflict(
                    "drifted",
                    "Drifted",
                    "a row of project_phases is not where the log has it: somebody else has changed the table; nothing was \
                     written. `phaseline drift` names what differs",
                );
            }
            // A constraint or a trigger of another role; PL004 is a trigger that would get the rights of a superuser.
            (_, class) if class.starts_with("23") || class == "P0001" || class == "PL004" => {
                tracing::warn!(%error, sqlstate = &*code, "the database refuses a change");
                return conflict(
                    "refused_by_database",
                    "Refused by the database",
                    "a constraint or a trigger of the database refuses the change; nothing was written. The service's log says \
                     which, under this request's id",
                );
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

fn unreachable() -> Problem {
    unavailable(
        "database_unavailable",
        "Database not available",
        "the database cannot be reached at the moment, or the connection to it was lost; a change that was asked for may have \
         been made: look before you ask again, or ask again with the same idempotency key",
    )
}

fn busy() -> Problem {
    unavailable(
        "busy",
        "Busy",
        "a lock on the log or on the project's rows was not to be had in time: another session holds it, such as a migration; \
         nothing was written. Send the same request again",
    )
}

fn not_migrated() -> Problem {
    unavailable(
        "not_migrated",
        "Not migrated",
        "this database has no event log; after `phaseline migrate` it has one",
    )
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
