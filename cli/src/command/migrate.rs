//! `phaseline migrate`: records the legacy rows in the log and builds the timeline tables.

use super::plan;
use crate::backup;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::operator;
use crate::options::ReasonArgs;
use crate::options::RunArgs;
use crate::render::{self, clean, plan::PlanContext};
use crate::target::Target;
use clap::Args;
use phaseline_migrator::MigratorError;
use phaseline_migrator::migrate::{MigrateOptions, Migrated, migrate};
use std::path::PathBuf;
use std::time::Duration;

/// Move the legacy phases into the log and show them as timelines
///
/// One transaction: the database is in the legacy or in the timeline shape at any time, and an interrupted run can be
/// repeated. Users can read and write except during the swap of the tables. On a terminal it shows the plan and asks;
/// elsewhere --yes is needed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline migrate                          show the plan and ask
  phaseline migrate --dry-run                show the plan only
  phaseline migrate --yes --backup before.dump --reason 'change 4711'
  phaseline migrate --yes --plan sha256:…    exactly the plan that `phaseline plan` showed, or exit 4
  phaseline migrate --boundary fit           phases meet where the fewest assignments change")]
pub(crate) struct MigrateArgs {
    /// Confirm without asking; needed without a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only show the plan, as `phaseline plan`; writes nothing, not even the backup
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// First back up the whole database to this file with `pg_dump` (custom format, for `pg_restore`)
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reason: ReasonArgs,
}

pub(crate) async fn run(context: &Context, args: &MigrateArgs) -> Result<Exit, Failure> {
    if args.dry_run {
        return plan::show(context, &args.run, None).await;
    }
    let ask = !args.yes;
    if ask && !context.can_ask() {
        return Err(Context::cannot_ask("migrate").remedy(
            format!(
                "Read the output of `phaseline plan{flag}` first, then run: phaseline migrate --yes --plan DIGEST{flag}",
                flag = args.run.shared.flag()
            ),
        ));
    }
    if let Some(file) = &args.backup {
        backup::refuse_existing(file)?;
    }
    let target = Target::resolve(context).await?;
    let mut expected = args.run.plan.clone();
    // Without question and backup the migration's own plan is enough.
    if ask || args.backup.is_some() {
        let plan = plan::make(context, &target, &args.run.options(None)).await?;
        if let Some(expected) = &expected {
            plan::ensure_expected(&plan, expected)?;
        }
        if !plan.ready {
            return Err(MigratorError::Refused(Box::new(plan)).into());
        }
        if !plan.already_migrated() {
            if ask {
                let around = PlanContext { place: Some(context.place()), ..PlanContext::default() };
                context.output.beside(render::plan::page(&plan, &around));
                if !context.ask(&format!("Migrate {} now?", clean(&context.place()))).await {
                    return Err(Failure::declined());
                }
                // Only the confirmed plan is executed.
                expected = expected.or(plan.digest);
            }
            if let Some(file) = &args.backup {
                backup::write(context, &target, file).await?;
            }
        }
    } else {
        // Distinguishes an unreachable database from a connection that breaks later.
        drop(target.connect("migrate").await?);
    }
    let options = MigrateOptions {
        plan: args.run.options(None),
        expected_digest: expected,
        lock_timeout: Duration::from_secs(args.run.lock_timeout),
        operator: operator(&context.global, args.reason.reason.as_deref()),
    };
    let migrated = carry_out(context, &target, &options).await?;
    context.output.result(&migrated, || render::migrate::page(&migrated));
    Ok(Exit::Done)
}

/// Migrates with progress; a first signal stops the run at its next safe point.
pub(super) async fn carry_out(
    context: &Context,
    target: &Target,
    options: &MigrateOptions,
) -> Result<Migrated, Failure> {
    context.interrupt.stop_gracefully();
    let watcher = context.watcher();
    let migrated = migrate(target.database().await?, options, &watcher).await?;
    watcher.finish();
    Ok(migrated)
}
