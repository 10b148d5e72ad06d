//! `phaseline verify`: is everything as it must be?

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Rows;
use crate::page;
use crate::target::Target;
use clap::Args;
use phaseline_migrator::verify::verify;

/// What is not as it must be, a row each.
const ROWS: Rows = Rows::within("checks", "details", &["number", "title"], "phaseline.verify.detail/1");

/// Check that everything is as it must be, in either shape; writes nothing
///
/// The runbook's checks in the runbook's layout, each with its figure, and beyond them the ones that compare with the
/// log: every row, every budget to the cent, every position, the whole hash chain. Ends with 6 if one fails.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline verify
  phaseline verify --json | jq '.checks[] | select(.passed | not)'")]
pub(crate) struct VerifyArgs {}

pub(crate) async fn run(context: &Context, _: &VerifyArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(&context.global).await?;
    let mut connection = target.connect("verify").await?;
    let watcher = context.watcher();
    let verification = verify(&mut connection, &watcher).await?;
    watcher.finish();
    context.output.answer_rows(&verification, &[ROWS], || page::verify::page(&verification));
    Ok(if verification.passed { Exit::Done } else { Exit::VerificationFailed })
}
