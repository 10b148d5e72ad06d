//! `phaseline rollback`: computes the legacy tables from the log.

use crate::argument;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::options::ReasonArgs;
use crate::output::Rows;
use crate::render;
use crate::report::rollback::RollbackReport;
use crate::target::Target;
use clap::Args;
use phaseline_migrator::MigratorError;
use phaseline_migrator::rollback::{self, RollbackOptions, RollbackPlan, RolledBack};
use serde::Serialize;
use std::time::Duration;

/// The rows of the result.
const ROWS: [Rows; 5] = [
    Rows::within("anomalies", "rows", &["code", "refused"], "phaseline.rollback.anomaly/1"),
    Rows::of("edits", "phaseline.rollback.edit/1"),
    Rows::within("loss", "items", &[], "phaseline.rollback.loss/1"),
    Rows::of("drift", "phaseline.rollback.drift/1"),
    Rows::of("legacy_phases", "phaseline.rollback.phase/1"),
];

/// Restore the legacy tables, byte for byte, from the log
///
/// One transaction, as a migration. If phases were edited since the migration in a way that the legacy shape cannot hold,
/// it exits with 7 and lists every value; --accept-loss continues. The log keeps these values, and the next migration
/// restores them. On a terminal it shows the plan and asks; elsewhere --yes is needed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline rollback --dry-run               show what would be restored and lost (exit 0; 3 if refused)
  phaseline rollback --yes --reason 'change 4711 failed its smoke test'
  phaseline rollback --yes --accept-loss sha256:…   accept exactly the loss that the dry run showed")]
pub(crate) struct RollbackArgs {
    /// Confirm without asking; needed without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Accept the loss of values that the legacy shape cannot hold: the digest that --dry-run shows
    #[arg(long, value_name = "DIGEST", value_parser = argument::digest)]
    pub(crate) accept_loss: Option<String>,
    /// Total time to wait for the tables' locks; users can work between the attempts
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = argument::seconds)]
    pub(crate) lock_timeout: u64,
    #[command(flatten)]
    pub(crate) reason: ReasonArgs,
}

pub(crate) async fn run(context: &Context, args: &RollbackArgs) -> Result<Exit, Failure> {
    let ask = !args.yes && !args.dry_run;
    if ask && !context.can_ask() {
        return Err(Context::cannot_ask("roll back").remedy(
            "Read the output of `phaseline rollback --dry-run` first, then run: phaseline rollback --yes",
        ));
    }
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("rollback").await?;
    let place = context.place();
    let mut accepted = args.accept_loss.clone();
    if ask || args.dry_run {
        let watcher = context.watcher();
        let plan = rollback::plan_watched(&mut connection, &watcher).await?;
        watcher.finish();
        context.name_ids(&mut connection, &plan).await;
        if args.dry_run && accepted.is_some() && accepted != plan.loss.digest {
            return Err(refused(plan, accepted).into());
        }
        if args.dry_run {
            // A dry run reports a loss as success, but exits as the rollback would for what it refuses.
            context.output.result_with_rows(&RollbackReport::of_plan(&plan), &ROWS, || {
                render::rollback::page(&plan, Some(&place))
            });
            return Ok(if is_refused(&plan) { Exit::NotMigratable } else { Exit::Done });
        }
        let lost = plan.loss.digest.clone();
        if is_refused(&plan) || args.accept_loss.is_some() && args.accept_loss != lost {
            return Err(refused(plan, args.accept_loss.clone()).into());
        }
        if !plan.already {
            context.output.beside(render::rollback::page(&plan, Some(&place)));
            let question = render::rollback::question(&plan, &place);
            if !context.ask(&question).await {
                return Err(Failure::declined());
            }
            // Only the confirmed loss is accepted.
            accepted = lost;
        }
    }
    drop(connection);
    let options = RollbackOptions {
        lock_timeout: Duration::from_secs(args.lock_timeout),
        operator: operator(&context.global, args.reason.reason.as_deref()),
        accept_loss: accepted,
    };
    let done = match carry_out(context, &target, &options).await {
        Ok(done) => done,
        Err(failure) => {
            name_ids(context, &target, &failure.object()).await;
            return Err(failure);
        }
    };
    name_ids(context, &target, &done.plan).await;
    context.output.result_with_rows(&RollbackReport::of(&done), &ROWS, || {
        if done.plan.already {
            render::rollback::page(&done.plan, Some(&place))
        } else {
            render::rollback::done(&done)
        }
    });
    Ok(Exit::Done)
}

/// Names the projects and phases of a report; without another connection they stay ids.
async fn name_ids(context: &Context, target: &Target, report: &impl Serialize) {
    if let Ok(mut connection) = target.read_any("rollback").await {
        context.name_ids(&mut connection, report).await;
    }
}

/// Rolls back with progress; a first signal stops the run at its next safe point.
pub(super) async fn carry_out(
    context: &Context,
    target: &Target,
    options: &RollbackOptions,
) -> Result<RolledBack, Failure> {
    context.interrupt.stop_gracefully();
    let watcher = context.watcher();
    let done = rollback::rollback(target.database().await?, options, &watcher).await?;
    watcher.finish();
    Ok(done)
}

/// The error that the rollback itself would return.
pub(super) fn refused(plan: RollbackPlan, accepted: Option<String>) -> MigratorError {
    if is_refused(&plan) {
        MigratorError::RollbackRefused(Box::new(plan))
    } else {
        MigratorError::WouldLose { plan: Box::new(plan), accepted }
    }
}

fn is_refused(plan: &RollbackPlan) -> bool {
    plan.anomalies.iter().any(|anomaly| anomaly.refused) || !plan.missing_privileges.is_empty()
}
