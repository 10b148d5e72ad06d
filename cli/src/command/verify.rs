//! `phaseline verify`: checks tables and log.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Rows;
use crate::render;
use crate::target::Target;
use clap::Args;
use phaseline_migrator::verify::verify;

/// The details of failed checks, a row each.
const ROWS: Rows = Rows::within("checks", "details", &["number", "title"], "phaseline.verify.detail/1");

/// Check the tables and the log, in either shape; writes nothing
///
/// The runbook's checks in the runbook's layout, and beyond them checks against the log: every row, every budget to the
/// cent, every position, the whole hash chain. Exits with 6 if one fails.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline verify
  phaseline verify --json | jq '.checks[] | select(.passed | not)'")]
pub(crate) struct VerifyArgs {}

pub(crate) async fn run(context: &Context, _: &VerifyArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("verify").await?;
    let watcher = context.watcher();
    let verification = verify(&mut connection, &watcher).await?;
    watcher.finish();
    context.name_ids(&mut connection, &verification).await;
    context.output.result_with_rows(&verification, &[ROWS], || render::verify::page(&verification));
    Ok(if verification.passed { Exit::Done } else { Exit::VerificationFailed })
}
