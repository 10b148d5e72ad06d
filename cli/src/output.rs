//! All that the program prints: data on stdout, everything else on stderr.
//!
//! With `--json` exactly one object stands alone on stdout, versioned by its `format`: the command's own, or
//! `phaseline.error/1`. With `--output jsonl` it is one object a line, see [`rows`]. Colours are for terminals and honour
//! `NO_COLOR` and `CLICOLOR`.

mod rows;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::page::clean_lines;
use crate::redact;
use crate::style::{BAD, BOLD};
use clap::ValueEnum;
pub(crate) use rows::{Rows, Streamed};
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For a person
    #[default]
    Text,
    /// One JSON object
    Json,
    /// One JSON object a line: the rows first, then the rest with their number
    Jsonl,
}

/// Where to and how much.
#[derive(Debug)]
pub(crate) struct Output {
    form: Form,
    quiet: bool,
    /// Somebody else than a reader that went away keeps stdout from being written: a full disk, say.
    broken: AtomicBool,
}

impl Output {
    pub(crate) const fn new(form: Form, quiet: bool) -> Self {
        Self { form, quiet, broken: AtomicBool::new(false) }
    }

    /// The form of the command's answer.
    pub(crate) const fn form(&self) -> Form {
        self.form
    }

    /// Whether a program reads the answer.
    const fn json(&self) -> bool {
        !matches!(self.form, Form::Text)
    }

    /// Whether progress and remarks are unwanted.
    pub(crate) const fn quiet(&self) -> bool {
        self.quiet
    }

    /// The answer of a command without rows: `object` if a program reads it, otherwise the text.
    pub(crate) fn answer(&self, object: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json() {
            self.object(object);
        } else {
            self.stdout(text().trim_end_matches('\n'));
        }
    }

    /// Text for a person that is not the answer itself: on stdout, and nowhere with `--json`.
    pub(crate) fn text(&self, text: &str) {
        if !self.json() {
            self.stdout(text.trim_end_matches('\n'));
        }
    }

    /// Text that belongs to a question: on stderr, where the question is.
    pub(crate) fn beside(&self, text: &str) {
        self.stderr(text.trim_end_matches('\n'));
    }

    /// A remark on stderr, unless they are unwanted.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet {
            self.stderr(text);
        }
    }

    /// A warning, which `--quiet` does not take away.
    pub(crate) fn warning(&self, text: &str) {
        self.stderr(&format!("warning: {text}"));
    }

    /// What went wrong.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json() {
            self.object(&failure.object());
            return;
        }
        if let Some(report) = failure.report() {
            self.stdout(report.trim_end_matches('\n'));
        }
        let mut text = format!("{BAD}error{BAD:#}: {}", clean_lines(&redact::passwords(failure.message())));
        for detail in failure.details() {
            text.push_str(&format!("\n  - {}", clean_lines(&redact::passwords(detail))));
        }
        if let Some(remedy) = failure.remedy_text() {
            text.push_str(&format!("\n{BOLD}what to do{BOLD:#}: {}", clean_lines(remedy)));
        }
        self.stderr(&text);
    }

    /// How it ends: as the command says, unless its answer could not be written.
    pub(crate) fn end(&self, exit: Exit) -> Exit {
        if exit == Exit::Done && self.broken.load(Ordering::Relaxed) { Exit::Unexpected } else { exit }
    }

    /// One object on one line.
    fn object(&self, object: &impl Serialize) {
        match serde_json::to_string(object) {
            Ok(json) => self.stdout(&json),
            Err(error) => self.unwritable(&error),
        }
    }

    fn unwritable(&self, error: &serde_json::Error) {
        self.broken.store(true, Ordering::Relaxed);
        self.stderr(&format!("{BAD}error{BAD:#}: the answer cannot be written as JSON: {error}"));
    }

    fn stdout(&self, text: &str) {
        let mut stdout = anstream::stdout().lock();
        let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) else { return };
        // `| head` has seen enough; the work goes on, it is only not told.
        if error.kind() != ErrorKind::BrokenPipe && !self.broken.swap(true, Ordering::Relaxed) {
            self.stderr(&format!("{BAD}error{BAD:#}: stdout cannot be written: {error}"));
        }
    }

    #[expect(clippy::unused_self, reason = "one way to print")]
    fn stderr(&self, text: &str) {
        // Nobody is left to tell if this fails.
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}
