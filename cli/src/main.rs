//! The program `phaseline`: commands, progress, exit codes.
//!
//! - [`args`] is the command line, [`argument`] parses its values, [`command`] has the commands, [`render`] the text that they print.
//! - [`execute`] runs one command on a timeline, [`log_reads`] has the reads of the log that several commands need.
//! - [`effect`] refuses global options that a command does not use.
//! - [`exit`] has the exit codes; [`failure`] maps every error to one of them, with a remedy.
//! - [`help`] wraps help texts for the terminal, [`render`] pages; [`width`] is the terminal's.
//! - [`project`] resolves names and id prefixes, [`names`] shows names beside ids.
//! - [`output`] writes to stdout and stderr, [`progress`] shows a run, [`interrupt`] handles signals.
//! - [`config`] has the HTTP service's settings and their origins.
//! - [`target`] resolves the database: the given one, or a private server's.

mod args;
mod argument;
mod as_of;
mod backup;
mod command;
mod config;
mod context;
mod database_url;
mod effect;
mod event_printer;
mod execute;
mod exit;
mod export_folder;
mod export_table;
mod failure;
mod given_moment;
mod help;
mod interrupt;
mod log_range;
mod log_readers;
mod log_reads;
mod logging;
mod names;
mod operator;
mod options;
mod output;
mod place;
mod preview;
mod progress;
mod project;
mod reading;
mod redact;
mod rehearsal_copies;
mod render;
mod report;
mod style;
mod target;
mod width;

use args::Cli;
use clap::{ArgMatches, CommandFactory, FromArgMatches, ValueEnum};
use context::Context;
use exit::Exit;
use failure::Failure;
use interrupt::Interrupt;
use output::{Output, OutputFormat};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Returns the memory of a large request to the system within seconds; the C library's allocator keeps most of it
/// (`docs/decisions/allocator.md`).
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long the runtime may take to end, for example to stop a private server.
const LAST_WORK: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let parsed = help::fitted(Cli::command()).try_get_matches_from(arguments());
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    match parsed {
        Ok((cli, matches)) => start(cli, &matches).into(),
        Err(error) => wrong_command_line(&error).into(),
    }
}

/// The command line; `phaseline version` means `phaseline --version`.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if let [_, word] = arguments.as_mut_slice()
        && word == "version"
    {
        *word = "--version".into();
    }
    arguments
}

/// Prints help and version; everything else is a usage error, in the requested format.
fn wrong_command_line(error: &clap::Error) -> Exit {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let output = Output::new(OutputFormat::Text, false, false);
        output.text(error.render().ansi().to_string());
        return output.end(Exit::Done);
    }
    let form = wanted_form();
    let output = Output::new(form, false, false);
    if matches!(form, OutputFormat::Text | OutputFormat::Csv) {
        let text = error.render().ansi().to_string();
        let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        output.beside(if is_help { text } else { redact::passwords(&text) });
    } else {
        let text = error.render().to_string();
        output.failure(&Failure::usage(text.trim().trim_start_matches("error: ")));
    }
    Exit::Usage
}

/// The requested format. Parsing failed, so this scans the arguments.
fn wanted_form() -> OutputFormat {
    let mut arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        let form = match argument.to_str() {
            Some("--json") => return OutputFormat::Json,
            Some("--output") => arguments.next().and_then(|form| form.into_string().ok()),
            Some(other) => other.strip_prefix("--output=").map(str::to_owned),
            None => None,
        };
        if let Some(form) = form.and_then(|form| OutputFormat::from_str(&form, false).ok()) {
            return form;
        }
    }
    OutputFormat::Text
}

fn start(mut cli: Cli, matches: &ArgMatches) -> Exit {
    let output = Arc::new(Output::new(cli.global.form(), cli.global.quiet, cli.global.wide));
    let style = cli
        .global
        .add_environment()
        .and_then(|()| effect::refuse_ineffective(&cli, matches))
        .and_then(|()| command::log_style(&cli));
    let done = style.and_then(|style| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers())
            .enable_all()
            .build()
            .map_err(|error| Failure::unexpected(format!("the program cannot start: {error}")))?;
        let done = {
            let inside = runtime.enter();
            let _logging = logging::start(&cli.global, style)?;
            drop(inside);
            runtime.block_on(work(cli, &output))
        };
        runtime.shutdown_timeout(LAST_WORK);
        done
    });
    match done {
        Ok(exit) => output.end(exit),
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    }
}

/// A rebuild decodes the log on all cores; other commands need at most two threads.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 16)
}

/// Runs the command until it ends or is cancelled, then drops all that it holds, a private server included.
async fn work(cli: Cli, output: &Arc<Output>) -> Result<Exit, Failure> {
    let interrupt = Interrupt::default();
    interrupt
        .listen(Arc::clone(output))
        .map_err(|error| Failure::unexpected(format!("the signal handlers cannot be installed: {error}")))?;
    let context = Context {
        writes: effect::writes(&cli.command),
        global: cli.global,
        output: Arc::clone(output),
        interrupt: interrupt.clone(),
    };
    tokio::select! {
        done = command::run(&context, &cli.command) => done,
        () = interrupt.cancelled() => Err(output.interruption()),
    }
}
