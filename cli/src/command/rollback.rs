//! `phaseline rollback`: the old tables again, computed from the log.

use super::migrate::declined;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::options::ReasonArgs;
use crate::output::Rows;
use crate::page;
use crate::target::Target;
use clap::Args;
use phaseline_migrator::MigratorError;
use phaseline_migrator::rollback::{self, RollbackOptions, RollbackPlan, RolledBack};
use std::time::Duration;

/// The rows of a rollback.
const ROWS: [Rows; 4] = [
    Rows::within("anomalies", "rows", &["code", "refused"], "phaseline.rollback.anomaly/1"),
    Rows::of("edits", "phaseline.rollback.edit/1"),
    Rows::within("loss", "items", &[], "phaseline.rollback.loss/1"),
    Rows::of("drift", "phaseline.rollback.drift/1"),
];

/// Bring the old tables back, exactly as they were, from the log
///
/// One transaction, as the way up. If phases were changed since the migration in a way that the old schema cannot hold,
/// it ends with 7 and names every value; --accept-loss goes on. The log keeps what is lost, and the next migration brings
/// it back. On a terminal the plan is shown and a question asked; elsewhere --yes is needed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline rollback --dry-run               what would come back, what would be lost? (exit 0; 3 if something is in the way)
  phaseline rollback --yes --reason 'change 4711 failed its smoke test'
  phaseline rollback --yes --accept-loss sha256:…   over edits, exactly those that the dry run showed")]
pub(crate) struct RollbackArgs {
    /// Do not ask; needed without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on although the old schema cannot hold everything: the digest of the loss, as --dry-run shows it
    #[arg(long, value_name = "DIGEST")]
    pub(crate) accept_loss: Option<String>,
    /// How long to wait for the tables in all; users go on working in between
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) lock_timeout: u64,
    #[command(flatten)]
    pub(crate) reason: ReasonArgs,
}

pub(crate) async fn run(context: &Context, args: &RollbackArgs) -> Result<Exit, Failure> {
    let ask = !args.yes && !args.dry_run;
    if ask && !context.can_ask() {
        return Err(Failure::usage("there is no terminal to ask on, so --yes is needed to roll back")
            .remedy("Look at `phaseline rollback --dry-run` first, then run: phaseline rollback --yes"));
    }
    let target = Target::resolve(&context.global).await?;
    let mut connection = target.connect("rollback").await?;
    let mut accepted = args.accept_loss.clone();
    if ask || args.dry_run {
        let plan = rollback::plan(&mut connection).await?;
        if args.dry_run {
            // A loss is what a dry run is for; what stands in the way is as it would be.
            let in_the_way = in_the_way(&plan);
            let text = page::rollback::page(&plan);
            context.output.answer_rows(&dry_run(plan), &ROWS, || text);
            return Ok(if in_the_way { Exit::NotMigratable } else { Exit::Done });
        }
        let lost = plan.loss.digest.clone();
        if in_the_way(&plan) || args.accept_loss.is_some() && args.accept_loss != lost {
            return Err(refused(plan, args.accept_loss.clone()).into());
        }
        if !plan.already {
            context.output.beside(&page::rollback::page(&plan));
            let question = match &lost {
                Some(_) => "Roll back now, without what the old schema cannot hold?",
                None => "Roll back now?",
            };
            if !context.ask(question).await {
                return Err(declined());
            }
            // What was agreed to is what is done.
            accepted = lost;
        }
    }
    drop(connection);
    let options = RollbackOptions {
        lock_timeout: Duration::from_secs(args.lock_timeout),
        operator: operator(&context.global, args.reason.reason.as_deref()),
        accept_loss: accepted,
    };
    let done = carry_out(context, &target, &options).await?;
    context.output.answer_rows(&done, &ROWS, || {
        if done.plan.already { page::rollback::page(&done.plan) } else { page::rollback::done(&done) }
    });
    Ok(Exit::Done)
}

/// Rolls back with progress; a first signal stops the run at its next safe point.
pub(super) async fn carry_out(
    context: &Context,
    target: &Target,
    options: &RollbackOptions,
) -> Result<RolledBack, Failure> {
    context.interrupt.stop_gracefully();
    let watcher = context.watcher();
    let done = rollback::rollback(target.database(), options, &watcher).await?;
    watcher.finish();
    Ok(done)
}

/// As the rollback itself would refuse it.
pub(super) fn refused(plan: RollbackPlan, accepted: Option<String>) -> MigratorError {
    if in_the_way(&plan) {
        MigratorError::RollbackRefused(Box::new(plan))
    } else {
        MigratorError::WouldLose { plan: Box::new(plan), accepted }
    }
}

fn in_the_way(plan: &RollbackPlan) -> bool {
    plan.anomalies.iter().any(|anomaly| anomaly.refused) || !plan.missing_privileges.is_empty()
}

fn dry_run(plan: RollbackPlan) -> RolledBack {
    RolledBack { plan, dry_run: true, run: None, completed: None, took_ms: 0, locked_ms: 0 }
}
