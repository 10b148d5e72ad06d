//! `phaseline verify`: checks tables and log.

use crate::argument;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log_readers::up_to_one_per_core;
use crate::output::Rows;
use crate::render;
use crate::target::Target;
use clap::Args;
use phaseline_migrator::verify::verify_expecting;
use phaseline_store::LogHead;

/// The details of failed checks, a row each.
const ROWS: Rows = Rows::within("checks", "details", &["number", "title"], "phaseline.verify.detail/1");

/// Check the tables and the log, in either shape; writes nothing
///
/// The runbook's checks in the runbook's layout, and beyond them checks against the log: every row, every budget to the
/// cent, every position, the whole hash chain. Exits with 6 if one fails. It prints the log's head: note it down where nobody who could
/// change the log can change it, and check it later with --expect.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline verify
  phaseline verify --expect 4711:2dc0e358b898ec7217b2fce07a3a933956a31f47da3b86493e5553f953f3f0dd
  phaseline verify --json | jq '.checks[] | select(.passed | not)'")]
pub(crate) struct VerifyArgs {
    /// A head of the log that was noted down, as `status`, `verify` and `export` print it: the log must still have this hash at this
    /// position. May be given several times
    #[arg(long, value_name = "POSITION:HASH", value_parser = argument::head)]
    expect: Vec<LogHead>,
}

pub(crate) async fn run(context: &Context, args: &VerifyArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("verify").await?;
    let readers = up_to_one_per_core(&mut connection, &target, "verify reader").await;
    let watcher = context.watcher();
    let verification = verify_expecting(&mut connection, readers, &args.expect, &watcher).await?;
    watcher.finish();
    context.name_ids(&mut connection, &verification).await;
    context.output.result_with_rows(&verification, &[ROWS], || render::verify::page(&verification));
    Ok(if verification.passed { Exit::Done } else { Exit::VerificationFailed })
}
