//! Why a command did not do it: what happened, what to do, and with which code the program ends.

mod database;
mod embedded;
mod migrator;

use crate::exit::Exit;
use crate::redact::passwords;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// Why a command ended without doing what was asked. Small, since every result carries room for one.
#[derive(Debug)]
pub(crate) struct Failure(Box<Particulars>);

#[derive(Debug)]
struct Particulars {
    exit: Exit,
    /// A name for programs; it does not change.
    code: &'static str,
    message: String,
    details: Vec<String>,
    remedy: Option<String>,
    /// The plan that was refused, if there is one.
    plan: Option<Box<RawValue>>,
    /// The same for a person.
    report: Option<String>,
    /// What the server calls it (SQLSTATE), if it was the server's error.
    server_code: Option<String>,
}

/// `phaseline.error/1`
#[derive(Serialize)]
pub(crate) struct ErrorObject<'a> {
    format: &'static str,
    /// What happened.
    error: String,
    /// A name for it that does not change.
    code: &'static str,
    /// The exit code.
    exit: u8,
    /// Particulars.
    details: Vec<String>,
    /// What to do.
    remedy: Option<&'a str>,
    /// The plan that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a RawValue>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Particulars {
            exit,
            code,
            message: message.into(),
            details: Vec::new(),
            remedy: None,
            plan: None,
            report: None,
            server_code: None,
        }))
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// The database as it stands says no.
    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Exit::NotMigratable, code, message)
    }

    /// Something that should not happen.
    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Exit::Unexpected, "unexpected", message)
    }

    /// A signal ended it.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "interrupted; whatever was not finished is undone")
            .remedy("Run the same command again. `phaseline status` shows where the database stands.")
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Adds particulars, one line each.
    #[must_use]
    pub(crate) fn detail(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.0.details.extend(details);
        self
    }

    /// Adds the plan that was refused: for programs as it is, for people as `report`.
    #[must_use]
    pub(crate) fn plan(mut self, plan: &impl Serialize, report: String) -> Self {
        self.0.plan = to_raw_value(plan).ok();
        self.0.report = Some(report);
        self
    }

    /// Adds what the server calls it.
    #[must_use]
    fn with_server_code(mut self, code: &str) -> Self {
        self.0.server_code = Some(code.to_owned());
        self
    }

    /// What the server calls it (SQLSTATE), if it was the server's error.
    pub(crate) fn server_code(&self) -> Option<&str> {
        self.0.server_code.as_deref()
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

    pub(crate) fn report(&self) -> Option<&str> {
        self.0.report.as_deref()
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
        Self::unexpected(format!("JSON: {error}"))
    }
}
