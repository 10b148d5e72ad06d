//! Why a command failed: message, remedy and exit code.

mod database;
mod embedded;
mod migrator;

use crate::exit::Exit;
use crate::redact::passwords;
use crate::render::Page;
use phaseline_store::SqlState;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// The code of commands on timelines in the legacy shape.
pub(crate) const LEGACY_SHAPE: &str = "legacy_shape";

/// Why a command failed. Small, since every result has space for one.
#[derive(Debug)]
pub(crate) struct Failure(Box<FailureDetails>);

#[derive(Debug)]
struct FailureDetails {
    exit: Exit,
    /// A stable code for programs.
    code: &'static str,
    message: String,
    details: Vec<String>,
    remedy: Option<String>,
    /// The plan that was refused, if there is one.
    plan: Option<Box<RawValue>>,
    /// The same for people.
    report: Option<Page>,
    /// The server's error by meaning, if it is one.
    sqlstate: Option<SqlState>,
}

/// `phaseline.error/1`
#[derive(Serialize)]
pub(crate) struct ErrorObject<'a> {
    format: &'static str,
    /// The message.
    error: String,
    /// A stable code.
    code: &'static str,
    /// The exit code.
    exit: u8,
    /// Details.
    details: Vec<String>,
    /// The remedy.
    remedy: Option<&'a str>,
    /// The plan that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a RawValue>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(FailureDetails {
            exit,
            code,
            message: message.into(),
            details: Vec::new(),
            remedy: None,
            plan: None,
            report: None,
            sqlstate: None,
        }))
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// The state of the database does not allow it.
    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Exit::NotMigratable, code, message)
    }

    /// The database is in the legacy shape, and the command is about timelines.
    pub(crate) fn legacy_shape(message: impl Into<String>) -> Self {
        Self::refused(LEGACY_SHAPE, message)
            .remedy("`phaseline status` shows the run that led to this shape.")
    }

    /// The user did not confirm.
    pub(crate) fn declined() -> Self {
        Self::new(Exit::Interrupted, "declined", "not confirmed; nothing was written")
    }

    /// An unexpected error.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Exit::Unexpected, "unexpected", message)
    }

    /// A signal ended the command.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "interrupted; unfinished work was rolled back")
            .remedy("Run the same command again. `phaseline status` shows the state of the database.")
    }

    /// A signal ended a demo, which leaves nothing behind.
    pub(crate) fn interrupted_demo() -> Self {
        Self::new(
            Exit::Interrupted,
            "interrupted",
            "interrupted; the demo's server is stopped, and its folder removed",
        )
        .remedy("Run the same command again.")
    }

    /// A signal ended the command during its question.
    pub(crate) fn interrupted_at_question() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "interrupted; nothing was written")
    }

    /// Adds a remedy.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Adds details, one line each.
    #[must_use]
    pub(crate) fn detail(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.0.details.extend(details);
        self
    }

    /// Adds the refused plan: for programs as JSON, for people as `report`.
    #[must_use]
    pub(crate) fn plan(mut self, plan: &impl Serialize, report: Page) -> Self {
        self.0.plan = to_raw_value(plan).ok();
        self.0.report = Some(report);
        self
    }

    #[must_use]
    fn with_sqlstate(mut self, sqlstate: SqlState) -> Self {
        self.0.sqlstate = Some(sqlstate);
        self
    }

    /// The server's error by meaning, if it is one.
    pub(crate) fn sqlstate(&self) -> Option<SqlState> {
        self.0.sqlstate
    }

    /// Whether it is about a table, a column or a type, or about an operator or a function for a type.
    pub(crate) fn doubts_schema(&self) -> bool {
        self.sqlstate().is_some_and(SqlState::doubts_tables)
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    pub(crate) fn exit(&self) -> Exit {
        self.0.exit
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn details(&self) -> &[String] {
        &self.0.details
    }

    pub(crate) fn remedy_text(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }

    pub(crate) fn report(&self) -> Option<&Page> {
        self.0.report.as_ref()
    }

    /// The failure for programs.
    pub(crate) fn object(&self) -> ErrorObject<'_> {
        ErrorObject {
            format: "phaseline.error/1",
            error: passwords(&self.0.message),
            code: self.0.code,
            exit: self.0.exit.code(),
            details: self.0.details.iter().map(|detail| passwords(detail)).collect(),
            remedy: self.0.remedy.as_deref(),
            plan: self.0.plan.as_deref(),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::unexpected(format!("the result cannot be written as JSON: {error}"))
    }
}
