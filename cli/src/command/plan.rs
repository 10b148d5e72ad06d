//! `phaseline plan`: shows the plan of a migration.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::RunArgs;
use crate::output::Rows;
use crate::render::{self, plan::PlanContext};
use crate::target::Target;
use clap::Args;
use phaseline_migrator::MigratorError;
use phaseline_migrator::plan::{Plan, PlanOptions, plan_watched};

/// The rows of a plan.
const ROWS: [Rows; 3] = [
    Rows::within("anomalies", "rows", &["code", "refused"], "phaseline.plan.anomaly/1"),
    Rows::of("projects", "phaseline.plan.project/1"),
    Rows::within("boundary", "projects", &[], "phaseline.plan.boundary/1"),
];

/// Show what a migration would find and do; writes nothing
///
/// Reads in one read-only snapshot; needs SELECT only. Lists every anomaly with its rows and its remedy, and prints a
/// digest of data and options for `migrate --plan`. Exits as `migrate` would.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline plan
  phaseline plan --repair                    with a default phase for each project without phases
  phaseline plan --boundary fit              phases meet where the fewest assignments change
  phaseline plan --role migrator             check that role's privileges
  phaseline plan --json | jq .anomalies      every row of every anomaly
  phaseline plan --output jsonl | grep plan.anomaly    the same, a line each")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// The role whose privileges are checked (default: the connected one)
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,
    /// Ignored: lets `migrate`'s command line be tried unchanged.
    #[arg(long, short, hide = true)]
    yes: bool,
    /// Ignored, as `--yes`.
    #[arg(long, hide = true)]
    reason: Option<String>,
}

pub(crate) async fn run(context: &Context, args: &PlanArgs) -> Result<Exit, Failure> {
    show(context, &args.run, args.role.clone()).await
}

/// Makes a plan and prints it. `role` is the role whose privileges are checked; none for the connected one.
pub(super) async fn show(context: &Context, args: &RunArgs, role: Option<String>) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let plan = make(context, &target, &args.options(role)).await?;
    if let Some(expected) = &args.plan {
        ensure_expected(&plan, expected)?;
    }
    context.output.result_with_rows(&plan, &ROWS, || {
        let next = next(&target, &plan, args);
        render::plan::page(
            &plan,
            &PlanContext {
                place: Some(context.place()),
                next,
                names: context.output.names().projects(),
                ..PlanContext::default()
            },
        )
    });
    Ok(if plan.ready { Exit::Done } else { Exit::NotMigratable })
}

/// Makes a plan on a separate connection.
pub(super) async fn make(context: &Context, target: &Target, options: &PlanOptions) -> Result<Plan, Failure> {
    let mut connection = target.connect("plan").await?;
    let watcher = context.watcher();
    let plan = plan_watched(&mut connection, options, &watcher).await?;
    watcher.finish();
    context.name_ids(&mut connection, &plan).await;
    Ok(plan)
}

/// Fails unless it is the expected plan. A plan without digest lists its own reasons.
pub(super) fn ensure_expected(plan: &Plan, expected: &str) -> Result<(), Failure> {
    match &plan.digest {
        Some(found) if found != expected => {
            Err(MigratorError::StalePlan { expected: expected.to_owned(), found: found.clone() }.into())
        }
        _ => Ok(()),
    }
}

/// The command that executes exactly this plan.
fn next(target: &Target, plan: &Plan, args: &RunArgs) -> Option<String> {
    let digest = plan.digest.as_ref()?;
    let mut command = format!("{} migrate --plan {digest}", target.program());
    for (given, flag) in [
        (args.repair, " --repair"),
        (args.adopt_migrated, " --adopt-migrated"),
        (args.allow_newer_server, " --allow-newer-server"),
    ] {
        if given {
            command.push_str(flag);
        }
    }
    command.push_str(args.shared.flag());
    if args.lock_timeout != 60 {
        command.push_str(&format!(" --lock-timeout {}", args.lock_timeout));
    }
    Some(command)
}
