//! The context of every command.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::names::KnownNames;
use crate::options::GlobalArgs;
use crate::output::{Output, OutputFormat};
use crate::progress::Watcher;
use serde::Serialize;
use sqlx::PgConnection;
use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

/// Global options, output and signals.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: GlobalArgs,
    pub(crate) output: Arc<Output>,
    pub(crate) interrupt: Interrupt,
    /// Whether the command writes to the database.
    pub(crate) writes: bool,
}

impl Context {
    /// A progress watcher for one run.
    pub(crate) fn watcher(&self) -> Watcher {
        Watcher::new(&self.output, &self.interrupt, self.global.verbose > 0)
    }

    /// The same without progress and remarks.
    pub(crate) fn without_progress(&self) -> Self {
        let output = Output::new(self.output.form(), true, self.global.wide);
        if let Some(place) = self.output.place() {
            output.set_place(place);
        }
        Self {
            global: self.global.clone(),
            output: Arc::new(output),
            interrupt: self.interrupt.clone(),
            writes: self.writes,
        }
    }

    /// Shows the names of the projects and phases in this report beside their ids, in all that is printed from here on.
    pub(crate) async fn name_ids(&self, connection: &mut PgConnection, report: &impl Serialize) {
        self.output.set_names(KnownNames::within(connection, report).await);
    }

    /// The database of the command, for people; empty before it is known.
    pub(crate) fn place(&self) -> String {
        self.output.place().map(|place| place.text()).unwrap_or_default()
    }

    /// Whether a question can be answered: on a terminal, and not in JSON output.
    pub(crate) fn can_ask(&self) -> bool {
        self.output.form() == OutputFormat::Text && Self::on_terminal()
    }

    /// Whether a person is in front of the command.
    pub(crate) fn on_terminal() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// The error of a command that must ask before it can do `what`, and cannot.
    pub(crate) fn cannot_ask(what: &str) -> Failure {
        let why =
            if Self::on_terminal() { "a command with --json cannot ask, so" } else { "without a terminal" };
        Failure::usage(format!("{why} --yes is needed to {what}"))
    }

    /// Asks on stderr. Everything but yes, including the end of input, means no.
    pub(crate) async fn ask(&self, question: &str) -> bool {
        let _ = std::io::Write::write_fmt(
            &mut anstream::stderr(),
            format_args!("{} ", self.output.question(&format!("{question} [y/N]"))),
        );
        self.output.set_asking(true);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // A separate thread: a read from a terminal cannot be cancelled, and the runtime would wait for it.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer);
            // The end of input moves no terminal to its next line.
            if !answer.ends_with('\n') {
                let _ = std::io::Write::write_all(&mut std::io::stderr(), b"\n");
            }
            let _ = sender.send(read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"));
        });
        let answer = receiver.await.unwrap_or(false);
        self.output.set_asking(false);
        answer
    }
}
