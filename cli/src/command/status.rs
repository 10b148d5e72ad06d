//! `phaseline status`: the state of the database.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Rows;
use crate::render;
use crate::target::Target;
use clap::Args;
use phaseline_migrator::status::status;

/// The rows of a status.
const ROWS: Rows = Rows::of("runs", "phaseline.status.run/1");

/// Show the state of the database: shape, revision, log, runs, and a run in progress
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline status
  phaseline status --json | jq -r .log.head  note it down, and check it later with verify --expect")]
pub(crate) struct StatusArgs {}

pub(crate) async fn run(context: &Context, _: &StatusArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.read("status").await?;
    let status = status(&mut connection).await?;
    context.output.result_with_rows(&status, &[ROWS], || render::status::page(&status));
    Ok(Exit::Done)
}
