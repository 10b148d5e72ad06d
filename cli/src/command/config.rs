//! `phaseline config`: shows the service's settings and their origins.

use crate::config::{Config, ServiceArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Page;
use crate::render::table::Align;
use crate::target::Target;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;

/// Show the settings of the HTTP service
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  phaseline config show --config /etc/phaseline.toml")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    Show(Box<ConfigShowArgs>),
}

/// Show each setting of serve and its origin: a flag, the environment, the file, or the default
///
/// Accepts the options of serve. Secrets are shown as (set). Invalid values are refused as serve would refuse them; keys
/// are not read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline config show
  phaseline config show --config /etc/phaseline.toml --json | jq -r '.values[] | [.key, .value, .origin] | @tsv'")]
struct ConfigShowArgs {
    #[command(flatten)]
    service: ServiceArgs,
}

/// `phaseline.config/1`
#[derive(Serialize)]
struct ConfigReport {
    format: &'static str,
    /// The settings file; none if none is given.
    file: Option<PathBuf>,
    values: Vec<ShownValue>,
}

#[derive(Serialize)]
struct ShownValue {
    key: &'static str,
    /// None if it is not set and has no default. Secrets are `(set)`.
    value: Option<String>,
    /// For people, what applies without a value.
    #[serde(skip)]
    stands_for: Option<String>,
    /// `flag`, `env NAME`, `file PATH` or `default`.
    origin: String,
}

pub(crate) fn run(context: &Context, args: &ConfigArgs) -> Result<Exit, Failure> {
    let ConfigCommand::Show(args) = &args.command;
    let config = Config::resolve(&context.global, &args.service)?;
    config.check()?;
    let private = Target::private_folder(&context.global)?
        .map(|folder| format!("(private server in {})", folder.display()));
    let values = config.values.iter().map(|value| ShownValue {
        stands_for: private.clone().filter(|_| value.key.name == "database_url" && value.text.is_none()),
        key: value.key.name,
        value: value.shown(),
        origin: value.origin.to_string(),
    });
    let shown =
        ConfigReport { format: "phaseline.config/1", values: values.collect(), file: config.file.clone() };
    context.output.result(&shown, || page(&shown));
    Ok(Exit::Done)
}

fn page(shown: &ConfigReport) -> Page {
    let columns = [("setting", Align::Key), ("value", Align::Left), ("from", Align::Left)];
    let rows: Vec<Vec<String>> = shown
        .values
        .iter()
        .map(|value| {
            let text = match value.value.as_deref() {
                None => value.stands_for.as_deref().unwrap_or("-"),
                Some("") => "(empty)",
                Some(text) => text,
            };
            vec![value.key.to_owned(), crate::render::clean(text).into_owned(), value.origin.clone()]
        })
        .collect();
    let mut page = Page::default();
    page.table(&columns, rows);
    page
}
