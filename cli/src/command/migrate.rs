//! `phaseline migrate`: legacy rows into the log, timelines in their place.

use super::backup;
use super::plan::{self, RunArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::options::ReasonArgs;
use crate::page::{self, plan::PlanContext};
use crate::target::Target;
use clap::Args;
use phaseline_migrator::MigratorError;
use phaseline_migrator::migrate::{MigrateOptions, Migrated, migrate};
use std::time::Duration;

/// Take the legacy phases into the log and show them as timelines
///
/// One transaction: the database is in the old shape or in the new one, whatever happens, and a run that was
/// interrupted can be run again. Users go on reading and writing but for the moment of the swap. On a terminal the
/// plan is shown and a question asked; elsewhere --yes is needed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline migrate                          show the plan and ask
  phaseline migrate --yes --backup before.dump --reason 'change 4711'
  phaseline migrate --yes --plan sha256:…    exactly what `phaseline plan` showed, or exit 4
  phaseline migrate --boundary fit           phases meet where the fewest assignments change")]
pub(crate) struct MigrateArgs {
    /// Do not ask; needed without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) reason: ReasonArgs,
}

pub(crate) async fn run(context: &Context, args: &MigrateArgs) -> Result<Exit, Failure> {
    let ask = !args.yes;
    if ask && !context.can_ask() {
        return Err(Failure::usage("there is no terminal to ask on, so --yes is needed to migrate").remedy(
            format!(
                "Look at `phaseline plan{flag}` first, then run: phaseline migrate --yes --plan DIGEST{flag}",
                flag = args.run.shared.flag()
            ),
        ));
    }
    if let Some(file) = &args.run.backup {
        backup::refuse_existing(file)?;
    }
    let target = Target::resolve(&context.global).await?;
    let mut expected = args.run.plan.clone();
    // Without a question and a backup the migration's own plan is enough; a second one would only cost time.
    if ask || args.run.backup.is_some() {
        let plan = plan::make(context, &target, &args.run.options(None)).await?;
        if let Some(expected) = &expected {
            plan::hold(&plan, expected)?;
        }
        if !plan.ready {
            return Err(MigratorError::Refused(Box::new(plan)).into());
        }
        if !plan.already_migrated() {
            if ask {
                let around = PlanContext { place: Some(target.url().place()), ..PlanContext::default() };
                context.output.beside(&page::plan::page(&plan, &around));
                if !context.ask("Migrate now?").await {
                    return Err(declined());
                }
                // What was agreed to is what is done.
                expected = expected.or(plan.digest);
            }
            if let Some(file) = &args.run.backup {
                backup::write(context, &target, file).await?;
            }
        }
    } else {
        // An unreachable database is told apart from a connection that broke later.
        drop(target.connect("migrate").await?);
    }
    let options = MigrateOptions {
        plan: args.run.options(None),
        expected_digest: expected,
        lock_timeout: Duration::from_secs(args.run.lock_timeout),
        operator: operator(&context.global, args.reason.reason.as_deref()),
    };
    let migrated = carry_out(context, &target, &options).await?;
    context.output.answer(&migrated, || page::migrate::page(&migrated));
    Ok(Exit::Done)
}

/// Nobody said yes.
pub(super) fn declined() -> Failure {
    Failure::new(Exit::Interrupted, "declined", "not confirmed; nothing was written")
}

/// Migrates with progress; a first signal stops the run at its next safe point.
pub(super) async fn carry_out(
    context: &Context,
    target: &Target,
    options: &MigrateOptions,
) -> Result<Migrated, Failure> {
    context.interrupt.stop_gracefully();
    let watcher = context.watcher();
    let migrated = migrate(target.database(), options, &watcher).await?;
    watcher.finish();
    Ok(migrated)
}
