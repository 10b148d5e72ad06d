//! The program's output: data on stdout, everything else on stderr.
//!
//! With `--json` stdout has exactly one object, versioned by its `format`: the command's own, or
//! `phaseline.error/1`. With `--output jsonl` it has one object a line, see [`rows`]. Colours are for terminals and honour
//! `NO_COLOR` and `CLICOLOR`.

mod csv;
mod rows;
mod sink;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::KnownNames;
use crate::place::{NamedConnection, Place};
use crate::redact;
use crate::render::{Page, clean, clean_lines};
use crate::style::{BAD, BOLD, DIM, NOTE};
use crate::width::{self, StandardStream};
use clap::ValueEnum;
pub(crate) use csv::CsvRows;
pub(crate) use rows::{Rows, Streamed};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The format of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Text for people
    #[default]
    Text,
    /// One JSON object
    Json,
    /// One JSON object per line: the rows first, then the rest with their number
    Jsonl,
    /// Values separated by commas, with a line of names first: of projects, diff and log
    Csv,
}

/// Output format and verbosity.
#[derive(Debug)]
pub(crate) struct Output {
    form: OutputFormat,
    quiet: bool,
    /// Whether text for people ignores the terminal's width.
    wide: bool,
    /// Writing to stdout failed for another reason than a closed pipe: a full disk, for example.
    broken: AtomicBool,
    /// Whether a question waits for its answer.
    asking: AtomicBool,
    /// The database of the command, once it is known.
    place: Mutex<Option<Place>>,
    /// The names of the projects and phases that it is about, as far as they are known.
    names: Mutex<Arc<KnownNames>>,
}

/// An object with its format first.
#[derive(Serialize)]
struct Formatted {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Value>,
    #[serde(flatten)]
    fields: Value,
}

impl Formatted {
    fn of(mut object: Value) -> Self {
        let format = object.as_object_mut().and_then(|fields| fields.remove("format"));
        Self { format, fields: object }
    }
}

/// An object of a command, and the database that it is about.
#[derive(Serialize)]
struct Placed<'a, T> {
    #[serde(flatten)]
    object: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<NamedConnection>,
}

impl Output {
    pub(crate) fn new(form: OutputFormat, quiet: bool, wide: bool) -> Self {
        Self {
            form,
            quiet,
            wide,
            broken: AtomicBool::new(false),
            asking: AtomicBool::new(false),
            place: Mutex::new(None),
            names: Mutex::default(),
        }
    }

    /// The format of the command's result.
    pub(crate) const fn form(&self) -> OutputFormat {
        self.form
    }

    /// Names the database in everything that follows.
    pub(crate) fn set_place(&self, place: Place) {
        if let Ok(mut current) = self.place.lock() {
            *current = Some(place);
        }
    }

    /// The database of the command; none before it is known, and for commands without one.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place.lock().ok().and_then(|place| place.clone())
    }

    /// Shows these names beside ids in everything that follows.
    pub(crate) fn set_names(&self, names: KnownNames) {
        if let Ok(mut current) = self.names.lock() {
            *current = Arc::new(names);
        }
    }

    /// The names that are shown beside ids.
    pub(crate) fn names(&self) -> Arc<KnownNames> {
        self.names.lock().map(|names| Arc::clone(&names)).unwrap_or_default()
    }

    /// Whether results and failures are JSON.
    const fn json(&self) -> bool {
        matches!(self.form, OutputFormat::Json | OutputFormat::Jsonl)
    }

    /// Whether progress and remarks are suppressed.
    pub(crate) const fn quiet(&self) -> bool {
        self.quiet
    }

    /// Prints the result of a command without rows: `object` for programs, otherwise the text, below the database unless it names it.
    pub(crate) fn result<P: Into<Page>>(&self, object: &impl Serialize, text: impl FnOnce() -> P) {
        if self.json() {
            return self.placed(object);
        }
        let page = self.named(text());
        let place = self.place().map(|place| clean(&place.text()).into_owned());
        let named = place.as_ref().is_some_and(|place| page.to_string().contains(place));
        let text = page.fitted(self.columns(StandardStream::Out));
        match place.filter(|_| !named) {
            Some(place) => {
                let place = self.fitted(&format!("{DIM}{place}{DIM:#}"), StandardStream::Out);
                self.stdout(&format!("{place}\n\n{}", text.trim_matches('\n')));
            }
            None => self.stdout(text.trim_end_matches('\n')),
        }
    }

    /// The columns for text; none without a terminal, where readers are programs.
    fn columns(&self, stream: StandardStream) -> Option<usize> {
        if self.wide { None } else { width::of_terminal(stream) }
    }

    fn fitted(&self, text: &str, stream: StandardStream) -> String {
        Page::from(text).fitted(self.columns(stream))
    }

    /// Prints the database above a result whose text follows piece by piece ([`Self::text`]).
    pub(crate) fn head_of_text(&self) {
        if let Some(place) = self.place() {
            self.text(format!("{DIM}{}{DIM:#}", clean(&place.text())));
            self.text("");
        }
    }

    /// Prints text beside the result on stdout; nothing if a program reads the result.
    pub(crate) fn text(&self, text: impl Into<Page>) {
        if self.form == OutputFormat::Text {
            self.stdout(&self.shown(text, StandardStream::Out));
        }
    }

    /// Prints text that belongs to a question: on stderr, as the question.
    pub(crate) fn beside(&self, text: impl Into<Page>) {
        self.stderr(&self.shown(text, StandardStream::Error));
    }

    /// The text with names beside ids, for this stream.
    fn shown(&self, text: impl Into<Page>, stream: StandardStream) -> String {
        self.named(text).fitted(self.columns(stream)).trim_end_matches('\n').to_owned()
    }

    /// The page with names beside ids.
    fn named(&self, text: impl Into<Page>) -> Page {
        let names = self.names();
        let page: Page = text.into();
        page.mapped(|lines| names.beside(lines))
    }

    /// A question, which the caller prints with the place of its answer.
    pub(crate) fn question(&self, text: &str) -> String {
        self.shown(text, StandardStream::Error)
    }

    /// States whether a question waits for its answer.
    pub(crate) fn set_asking(&self, asking: bool) {
        self.asking.store(asking, Ordering::Relaxed);
    }

    /// The failure at a signal. A question is asked before anything is written; what follows begins on a line of its own.
    pub(crate) fn interruption(&self) -> Failure {
        if !self.asking.load(Ordering::Relaxed) {
            return Failure::interrupted();
        }
        self.stderr("");
        Failure::interrupted_at_question()
    }

    /// Prints a remark on stderr, unless they are suppressed.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet {
            self.beside(text);
        }
    }

    /// Prints a warning, also with `--quiet`.
    pub(crate) fn warning(&self, text: &str) {
        self.beside(format!("{NOTE}warning{NOTE:#}: {text}"));
    }

    /// Prints a failure.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json() {
            self.placed(&failure.object());
            return;
        }
        if let Some(report) = failure.report() {
            self.text(report.clone());
        }
        let mut text = format!("{BAD}error{BAD:#}: {}", clean_lines(&redact::passwords(failure.message())));
        for detail in failure.details() {
            text.push_str(&format!("\n  - {}", clean_lines(&redact::passwords(detail))));
        }
        let place = self.place().map(|place| clean(&place.text()).into_owned());
        if let Some(place) = place.filter(|place| !text.contains(place)) {
            // Behind a list of its own, such as that of candidates, it is not one more of them.
            let mark = if failure.details().is_empty() { "- " } else { "" };
            text.push_str(&format!("\n  {mark}{place}"));
        }
        if let Some(remedy) = failure.remedy_text() {
            text.push_str(&format!("\n{BOLD}hint{BOLD:#}: {}", clean_lines(remedy)));
        }
        self.beside(text);
    }

    /// The exit code: the command's, unless its result could not be written.
    pub(crate) fn end(&self, exit: Exit) -> Exit {
        if exit == Exit::Done && self.broken.load(Ordering::Relaxed) { Exit::Unexpected } else { exit }
    }

    /// The object of a command.
    fn placed(&self, object: &impl Serialize) {
        let connection = self.place().map(|place| place.connection());
        let names = self.names();
        if names.is_empty() {
            return self.object(&Placed { object, connection });
        }
        match serde_json::to_value(object) {
            Ok(mut object) => {
                names.added_to(&mut object);
                self.object(&Placed { object: &Formatted::of(object), connection });
            }
            Err(error) => self.unwritable(&error),
        }
    }

    /// One object on one line.
    fn object(&self, object: &impl Serialize) {
        match serde_json::to_string(object) {
            Ok(json) => self.stdout(&json),
            Err(error) => self.unwritable(&error),
        }
    }

    fn unwritable(&self, error: &impl Display) {
        self.broken.store(true, Ordering::Relaxed);
        self.stderr(&format!("{BAD}error{BAD:#}: the result cannot be written: {error}"));
    }

    fn stdout(&self, text: &str) {
        let mut stdout = anstream::stdout().lock();
        let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) else { return };
        // The reader closed the pipe (`| head`): the command continues without output.
        if error.kind() != ErrorKind::BrokenPipe && !self.broken.swap(true, Ordering::Relaxed) {
            self.stderr(&format!("{BAD}error{BAD:#}: stdout cannot be written: {error}"));
        }
    }

    #[expect(clippy::unused_self, reason = "one way to print")]
    fn stderr(&self, text: &str) {
        // If stderr cannot be written, there is nowhere to report it.
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}
