//! Maps errors of PostgreSQL and of the connection to failures.

use super::Failure;
use crate::exit::Exit;
use crate::render;
use phaseline_domain::NoRoom;
use phaseline_store::copy::CopyError;
use phaseline_store::{ExcessRights, ExecuteError, Quarantine, Relation, SqlState, StoreError};
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;
use std::io::ErrorKind;

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::of_database(&error)
    }
}

impl Failure {
    fn excess_rights(text: String, found: &ExcessRights) -> Self {
        let ExcessRights { actor, is_login, owner, objects, relation, .. } = found;
        let remedy = match relation {
            _ if owner == "phaseline_owner" => {
                "phaseline_owner must not have a login or members: ALTER ROLE phaseline_owner NOLOGIN; REVOKE phaseline_owner FROM ..."
                    .to_owned()
            }
            Relation::Connected => format!(
                "Drop the foreign key or the inheritance that connects {objects}, and REVOKE REFERENCES from {owner}; or give {objects} \
                 to the owner of the planner's tables."
            ),
            Relation::Container => format!(
                "Give {objects} and the planner's tables to one owner (ALTER .. OWNER TO ..), best to one without these rights."
            ),
            Relation::Own if *is_login => {
                format!("Connect as {owner}, or as a role that has the rights of {owner} and no more.")
            }
            Relation::Own => format!(
                "Give all of the planner's tables to one owner, best to {owner} (ALTER TABLE .. OWNER TO {owner}): {actor} has more rights."
            ),
        };
        Self::refused("excess_rights", text).remedy(format!(
            "{remedy} If you trust every role that may create objects in this database: --allow-superuser"
        ))
    }

    fn older_schema(text: String) -> Self {
        Self::refused("older_schema", text).remedy("Run: phaseline upgrade")
    }

    /// An error on an open connection; a failed connection attempt is [`Failure::no_connection`].
    fn of_database(error: &sqlx::Error) -> Self {
        let Some(sqlstate) = SqlState::of(error) else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed => Self::lost(&message_of(error)),
                other => Self::unexpected(message_of(other)),
            };
        };
        let text = message_of(error);
        let failure = match sqlstate {
            SqlState::InsufficientPrivilege => Self::refused("missing_privilege", text).remedy(
                "Grant the privilege, or connect as another role. `phaseline plan` lists what is missing.",
            ),
            SqlState::ReadOnly => Self::refused("read_only", text)
                .remedy("This server is read-only (a standby, or by default): connect to the primary."),
            SqlState::ForeignCode => Self::refused("foreign_code", text),
            SqlState::ConflictingRow | SqlState::DriftedRows => {
                Self::refused("conflicting_row", text).remedy("Run: phaseline drift")
            }
            SqlState::ForeignKeyViolation | SqlState::UniqueViolation => {
                Self::refused("conflicting_row", text)
            }
            SqlState::DiskFull | SqlState::OutOfMemory => Self::new(Exit::Unexpected, "out_of_space", text)
                .remedy("Free space on the server, then run the same command again."),
            SqlState::QueryCancelled => {
                Self::new(Exit::Interrupted, "cancelled", text).remedy("Run the same command again.")
            }
            SqlState::LockNotAvailable | SqlState::SerializationFailure | SqlState::Deadlock => {
                Self::new(Exit::Interrupted, "busy", text)
                    .remedy("Another session conflicted; run the same command again.")
            }
            SqlState::SessionTerminated | SqlState::CannotConnectNow | SqlState::ConnectionFailure => {
                Self::lost(&text)
            }
            SqlState::RaisedException => Self::unexpected(text).remedy(
                "A trigger or an event trigger of this database refused a statement, and everything was undone. Change it, or disable it for \
                 the time of the run; `phaseline plan` names event triggers.",
            ),
            _ => Self::unexpected(text),
        };
        failure.with_sqlstate(sqlstate)
    }

    /// The connection broke during a command.
    fn lost(what: &str) -> Self {
        Self::new(
            Exit::Interrupted,
            "connection_lost",
            format!("the connection to the database was lost: {what}"),
        )
        .remedy(
            "PostgreSQL rolls back what was not committed. `phaseline status` shows the state of the database; \
                 then run the same command again.",
        )
    }

    /// A pooler changes the server connection after each transaction, and the command needs sessions of its own.
    pub(crate) fn pooled(place: &str, purpose: &str) -> Self {
        let message = format!(
            "{place} is behind a pooler, and {purpose} needs a session of its own on the server; nothing was written"
        );
        Self::refused("direct_url_needed", message).remedy(
            "Give the server's own URL: --direct-url, or PHASELINE_DIRECT_URL. If the pooler keeps a server connection for each \
             client (session mode), state that: --pooler none, or PHASELINE_POOLER=none.",
        )
    }

    /// A failed connection attempt. `place` is its target, without the password.
    pub(crate) fn no_connection(place: &str, error: &sqlx::Error) -> Self {
        let (name, remedy) = match SqlState::of(error) {
            Some(SqlState::UndefinedDatabase) => {
                ("no_such_database", "Check the database's name: psql -l lists the existing ones.")
            }
            Some(SqlState::NotAdmitted) => {
                ("not_admitted", "Check user, password and the server's pg_hba.conf.")
            }
            Some(SqlState::TooManyConnections | SqlState::ConfigurationLimit) => {
                ("too_many_connections", "Wait for connections to end, or raise max_connections.")
            }
            Some(SqlState::CannotConnectNow) => {
                ("starting_up", "The server is starting up or shutting down; try again.")
            }
            _ if matches!(error, sqlx::Error::Tls(_)) => (
                "no_database",
                "Check sslmode: with prefer a connection without TLS is possible, with verify-ca and verify-full sslrootcert names the file \
                 of the authority that signed the server's certificate.",
            ),
            _ => ("no_database", "Check that the server runs and is reachable, and check the URL."),
        };
        let message = format!("cannot connect to {place}: {}", message_of(error));
        Self::new(Exit::NoDatabase, name, message).remedy(remedy)
    }
}

/// The error's message; for PostgreSQL's errors with detail and hint.
fn message_of(error: &sqlx::Error) -> String {
    let Some(database) = error.as_database_error() else { return without_server(error) };
    let mut text = database.message().to_owned();
    if let Some(postgres) = database.try_downcast_ref::<PgDatabaseError>() {
        // Whose code raised the error is in its context.
        let raised = (SqlState::of_code(postgres.code()) == SqlState::RaisedException)
            .then(|| postgres.r#where())
            .flatten();
        for more in [postgres.detail(), postgres.hint(), raised].into_iter().flatten() {
            text.push_str("; ");
            text.push_str(more);
        }
        text.push_str(&format!(" (SQLSTATE {})", postgres.code()));
    }
    text
}

/// The message of an error that is not the server's, without the words of the library.
fn without_server(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Io(error) => of_network(error),
        sqlx::Error::Tls(error) => match error.to_string() {
            text if text.contains("does not support TLS") => {
                "sslmode asks for TLS, and the server does not support TLS".to_owned()
            }
            text => format!("TLS could not be agreed on: {text}"),
        },
        sqlx::Error::Configuration(error) => format!("the connection's parameters are wrong: {error}"),
        sqlx::Error::PoolTimedOut => "no connection was free in time".to_owned(),
        sqlx::Error::PoolClosed => "the connections were closed".to_owned(),
        other => other.to_string(),
    }
}

/// The cause without its number in the operating system.
fn of_network(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    match error.kind() {
        ErrorKind::ConnectionRefused => "no server accepts connections there (connection refused)".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            format!("the server or the network closed the connection ({})", text.to_lowercase())
        }
        ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        ErrorKind::NotFound => format!("no server has its socket there ({})", text.to_lowercase()),
        _ => match text.strip_prefix("failed to lookup address information: ") {
            Some(cause) => format!("the host's name is not known ({})", cause.to_lowercase()),
            None => text.to_owned(),
        },
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Shared(ref shared) => match shared.cause() {
                StoreError::Database(error) => Self::of_database(error),
                StoreError::OlderSchema { .. } => Self::older_schema(text),
                _ => Self::unexpected(text),
            },
            StoreError::Database(error)
            | StoreError::Schema(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => error.into(),
            StoreError::NotInstalled => Self::refused(
                "no_log",
                "this database has no event log (schema phaseline): it was never migrated",
            )
            .remedy("Run: phaseline plan"),
            StoreError::NewerSchema { .. } => Self::refused("newer_schema", text)
                .remedy("Use the phaseline that upgraded this database, or a later one. An older one does not know the newer schema."),
            StoreError::ForeignCode(_) => Self::refused("foreign_code", text)
                .remedy("Run it as the named role, or drop the object that calls the function and create it again afterwards."),
            StoreError::ExcessRights(found) => Self::excess_rights(text, &found),
            StoreError::OlderSchema { .. } => Self::older_schema(text),
            StoreError::NotAccepting => {
                Self::legacy_shape("the database is in the legacy shape, in which timelines accept no commands")
            }
            StoreError::Unadoptable { project, reasons } => Self::refused(
                "not_adoptable",
                format!(
                    "project {project} has no timeline, and its rows in project_phases cannot be adopted"
                ),
            )
            .detail(reasons)
            .remedy("Correct these rows in the program that wrote them, then run the same command again."),
            StoreError::Quarantined { project, quarantine } => Self::new(
                Exit::VerificationFailed,
                "timeline_quarantined",
                format!("the timeline of project {project} is in quarantine; nothing was written"),
            )
            .detail(render::quarantine::details(&quarantine))
            .remedy(render::quarantine::remedy(&quarantine)),
            StoreError::Unreadable(event) => {
                let mut quarantine = Quarantine::default();
                quarantine.add(*event);
                Self::new(Exit::VerificationFailed, "event_unreadable", format!("{text}; nothing was written"))
                    .remedy(render::quarantine::remedy(&quarantine))
            }
            StoreError::VersionGap { .. } | StoreError::PositionGap { .. } | StoreError::Altered(_) => {
                Self::new(Exit::VerificationFailed, "log_damaged", format!("{text}; nothing was written"))
                    .remedy(render::history::DAMAGED_REMEDY)
            }
            StoreError::Conflict { .. } | StoreError::ProjectDatesChanged(_) | StoreError::Busy(_) => {
                Self::new(Exit::Interrupted, "busy", text).remedy("Run the same command again.")
            }
            StoreError::UnknownProject(_) => Self::refused("not_found", text),
            StoreError::RowsDiffer(_) => Self::refused("conflicting_row", text).remedy("Run: phaseline drift"),
            StoreError::InvalidProjectDates(_) => Self::refused("no_days", text),
            StoreError::KeyReused => Self::refused("key_reused", text),
            StoreError::OutcomeUnknown(_) => Self::new(Exit::NoDatabase, "outcome_unknown", text)
                .remedy("Check the project's history, or run the same command again: it does not repeat a change that was committed."),
            _ => Self::unexpected(text),
        }
    }
}

/// What lets a phase make room.
fn remedy_of(no_room: &NoRoom) -> Option<String> {
    match no_room {
        NoRoom::Split { phase_id, shortened: Some((start, end)), .. } => Some(format!(
            "First run: phaseline phase resize {phase_id} {start} {end} (the phase beside it gets its other dates; to keep them apart, \
                 first create a phase for them)"
        )),
        NoRoom::Swallowed { phase_id, .. } => Some(format!(
            "Choose dates that leave it a day; or remove it first, with its budget: phaseline phase remove {phase_id}"
        )),
        NoRoom::Split { shortened: None, .. } | NoRoom::NotBeside { .. } => None,
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Store(error) => error.into(),
            stale @ ExecuteError::Stale { .. } => Self::refused("stale", stale.to_string())
                .remedy("Check what changed, then run the command again."),
            ExecuteError::Refused(refusal) => {
                let message = match refusal.violations() {
                    [only] => format!("refused by rule {}: {}", only.rule, only.explained()),
                    several => format!("refused by {} rules", several.len()),
                };
                let several = refusal.violations().len() > 1;
                let details = refusal.violations().iter().filter(|_| several);
                let failure = Self::refused("rule", message).detail(
                    details.map(|violation| format!("{}: {}", violation.rule, violation.explained())),
                );
                match refusal.violations().iter().find_map(|violation| remedy_of(violation.no_room.as_ref()?))
                {
                    Some(remedy) => failure.remedy(remedy),
                    None => failure,
                }
            }
        }
    }
}
