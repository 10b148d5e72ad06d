//! Errors of the log.

use crate::{AlteredEvents, Quarantine, StreamId, UnreadableEvent};
use phaseline_domain::ProjectId;
use std::fmt;
use std::sync::Arc;

/// Two roles of which one could run code with the rights of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcessRights {
    /// The role with more rights, and its part here.
    pub actor: String,
    /// Whether it is a superuser or a member of one; otherwise it may create roles, or use the server's files or programs.
    pub is_superuser: bool,
    /// Whether it is the session's login; otherwise it owns a table.
    pub is_login: bool,
    /// The role with fewer rights.
    pub owner: String,
    /// The objects of that role, as SQL.
    pub objects: String,
    /// The kind of these objects.
    pub relation: Relation,
}

/// The relation of objects to the planner's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The tables themselves, or the log.
    Own,
    /// Tables that foreign keys or inheritance connect with them.
    Connected,
    /// The schema or the database that they are in.
    Container,
}

impl fmt::Display for ExcessRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actor, is_superuser, owner, objects, .. } = self;
        let rights = if *is_superuser {
            "has the rights of a superuser"
        } else {
            "may create roles, or use the server's files or programs"
        };
        write!(
            f,
            "{actor} {rights}, and {owner}, which owns {objects}, has not: code of {owner} could run with these rights"
        )
    }
}

/// Why the log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL, or the connection to it.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// An error of a whole batch: each of its commands gets the same one, with PostgreSQL's own code.
    #[error("{0}")]
    Shared(Arc<StoreError>),
    /// The log's own schema could not be installed or upgraded.
    #[error("schema phaseline cannot be installed: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// The database has no log.
    #[error(
        "this database has no event log (schema phaseline): it was never migrated; run: phaseline status"
    )]
    NotInstalled,
    /// A newer program installed the log's schema.
    #[error(
        "the schema of Phaseline in this database is version {found}, this program knows up to {known}: use a newer phaseline"
    )]
    NewerSchema {
        /// The schema's version.
        found: u32,
        /// The newest version that this program supports.
        known: u32,
    },
    /// An older program installed the log's schema, which lacks what this one writes.
    #[error(
        "the schema of Phaseline in this database is version {found}, this program writes version {known}: nothing was written"
    )]
    OlderSchema {
        /// The schema's version.
        found: u32,
        /// The version that this program writes.
        known: u32,
    },
    /// A role without authority over the database created objects in the log's schema.
    #[error(
        "schema phaseline cannot be used: {0}; nothing was written. Drop or rename these objects, or give them to the database's owner"
    )]
    Intruders(String),
    /// Functions of other roles would run with the privileges of the role that works on the planner's tables.
    #[error("code of other roles would run with this role's privileges: {0}; nothing was written")]
    ForeignCode(String),
    /// A role with a superuser's rights would run code in objects of a role without them.
    #[error("{0}; nothing was read or written")]
    ExcessRights(Box<ExcessRights>),
    /// Another writer appended to the stream meanwhile.
    #[error("{stream} is at version {actual}, not at {expected}: another writer changed it meanwhile")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// The version that the writer had seen.
        expected: i64,
        /// The version that it has.
        actual: i64,
    },
    /// Another program changed the project's dates while a command was executed.
    #[error("the dates of project {0} changed while the command was executed; nothing was written")]
    ProjectDatesChanged(ProjectId),
    /// An idempotency key was used before, for another request.
    #[error(
        "the idempotency key was used for another request within the last 24 hours: nothing was written; use a new key"
    )]
    KeyReused,
    /// Timed out waiting for a lock on the project's rows or the log head. Nothing was written.
    #[error("timed out waiting for a lock on the project's rows or the log head; nothing was written: {0}")]
    Busy(String),
    /// The project is not in the planner's tables.
    #[error("Project with ID {0} not found")]
    UnknownProject(ProjectId),
    /// A command changes nothing, but other programs changed the rows: a success would confirm wrong rows.
    #[error(
        "the dates of project {0} in project_phases differ from the log: nothing was written; run: phaseline drift"
    )]
    RowsDiffer(ProjectId),
    /// The project's dates in the planner's table are not a range of dates.
    #[error(
        "the dates of project {0} in public.projects are not a range of dates between the years 1 and 9999: correct them there first"
    )]
    InvalidProjectDates(ProjectId),
    /// The connection was lost during a commit, and its outcome could not be determined.
    #[error(
        "the connection to the database was lost during the commit, so the command may or may not have been committed: {0}"
    )]
    OutcomeUnknown(String),
    /// The database is in the legacy shape, whose rows would not show the change.
    #[error("the database is in the legacy shape, in which the log accepts no commands: nothing was written")]
    NotAccepting,
    /// This session may not read the planner's names of projects, which are searched.
    #[error(
        "names of projects cannot be searched: this role may not call phaseline.named_projects, or the database lacks it; run: phaseline upgrade"
    )]
    UnreadableNames,
    /// The rows of a project without a timeline cannot be adopted.
    #[error(
        "the log has no timeline of project {project} yet, and its rows in project_phases cannot be adopted: {}",
        reasons.join("; ")
    )]
    Unadoptable {
        /// The project.
        project: ProjectId,
        /// All reasons.
        reasons: Vec<String>,
    },
    /// A stored event of one of our own streams cannot be read.
    #[error(transparent)]
    Unreadable(Box<UnreadableEvent>),
    /// A timeline has events that cannot be read: it accepts no commands, and is not folded.
    #[error("the timeline of project {project} is in quarantine: {quarantine}")]
    Quarantined {
        /// The project.
        project: ProjectId,
        /// The events.
        quarantine: Quarantine,
    },
    /// Events of a timeline were altered behind the log's back: it accepts no commands, and is not folded.
    #[error("the log is damaged: {0}")]
    Altered(Box<AlteredEvents>),
    /// An event cannot be written as JSON.
    #[error("event cannot be written as JSON: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// A stream lacks a version, or has one twice.
    #[error("{stream} has version {found} where {expected} was expected: the log is damaged")]
    VersionGap {
        /// The stream.
        stream: StreamId,
        /// The expected version.
        expected: i64,
        /// The version found.
        found: i64,
    },
    /// The log lacks a position.
    #[error("position {expected} is missing in the log{}: the log is damaged",
        found.map_or_else(String::new, |found| format!(", {found} came instead")))]
    PositionGap {
        /// The expected position.
        expected: i64,
        /// The position found, if any.
        found: Option<i64>,
    },
    /// A check of the program on its own results failed; everything was rolled back.
    #[error("{0}")]
    SelfCheck(String),
    /// PostgreSQL inserted another number of rows than the program sent.
    #[error("{offered} events were sent, {inserted} inserted")]
    CountMismatch {
        /// Rows sent.
        offered: u64,
        /// Rows that PostgreSQL inserted.
        inserted: u64,
    },
    /// COPY data has an unexpected format.
    #[error("the result of COPY cannot be read: {0}")]
    Copy(#[from] CopyError),
}

impl StoreError {
    /// The error itself, of one command or of a whole batch.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Shared(shared) => shared.cause(),
            other => other,
        }
    }
}

/// COPY data that does not fit the format or the query.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The stream does not start with the format's signature.
    #[error("the result does not start with the binary COPY signature")]
    Signature,
    /// The stream ended before its trailer.
    #[error("the result ended before its end mark")]
    Truncated,
    /// A field is missing, NULL or of another type.
    #[error("field {0} is missing, NULL or of another type")]
    Field(usize),
}
