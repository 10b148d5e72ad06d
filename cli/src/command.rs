//! The commands, one file each.

pub(crate) mod adopt;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod export;
pub(crate) mod history;
mod legacy_shape;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod phase;
pub(crate) mod plan;
mod planner_schema;
pub(crate) mod projects;
pub(crate) mod quarantine;
pub(crate) mod rebuild;
pub(crate) mod rehearse;
pub(crate) mod rollback;
pub(crate) mod sample;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod timeline;
pub(crate) mod token;
pub(crate) mod upgrade;
pub(crate) mod verify;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, LEGACY_SHAPE};
use crate::logging::Style;
use clap::CommandFactory;

/// Runs a command. If it fails on a missing table, column or type because the planner's tables changed, the failure names them; if it
/// fails on the legacy shape, the failure has the rollback that led to it.
pub(crate) async fn run(context: &Context, command: &Command) -> Result<Exit, Failure> {
    let failure = match dispatch(context, command).await {
        Ok(exit) => return Ok(exit),
        Err(failure) if failure.doubts_schema() => planner_schema::explained(context, failure).await,
        Err(failure) => failure,
    };
    match failure.code() {
        LEGACY_SHAPE => Err(legacy_shape::explained(context, failure).await),
        _ => Err(failure),
    }
}

async fn dispatch(context: &Context, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Plan(args) => plan::run(context, args).await,
        Command::Migrate(args) => migrate::run(context, args).await,
        Command::Rehearse(args) => rehearse::run(context, args).await,
        Command::Verify(args) => verify::run(context, args).await,
        Command::Rollback(args) => rollback::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Projects(args) => projects::run(context, args).await,
        Command::History(args) => history::run(context, args).await,
        Command::Diff(args) => diff::run(context, args).await,
        Command::Export(args) => export::run(context, args).await,
        Command::Log(args) => log::run(context, args).await,
        Command::Timeline(args) => timeline::run(context, args).await,
        Command::Phase(args) => phase::run(context, args).await,
        Command::Adopt(args) => adopt::run(context, args).await,
        Command::Drift(args) => drift::run(context, args).await,
        Command::Rebuild(args) => rebuild::run(context, args).await,
        Command::Quarantine(args) => quarantine::run(context, args).await,
        Command::Serve(args) => serve::run(context, args).await,
        Command::Token(args) => token::run(context, args),
        Command::Config(args) => config::run(context, args),
        Command::Sample(args) => sample::run(context, args).await,
        Command::Demo(args) => demo::run(context, args).await,
        Command::Doctor(args) => doctor::run(context, args).await,
        Command::Upgrade(args) => upgrade::run(context, args).await,
        Command::Completions(args) => Ok(completions::run(context, args, Cli::command())),
        Command::Man(args) => man::run(context, args, Cli::command()),
    }
}

/// The log's format: a service may log JSON.
pub(crate) fn log_style(cli: &Cli) -> Result<Style, Failure> {
    match &cli.command {
        Command::Serve(args) => serve::log_style(&cli.global, args),
        _ => Ok(Style::default()),
    }
}
