//! `phaseline rehearse`: the whole way there and back on a copy of the database, which stays as it is.

mod compare;
mod copy;
mod leftovers;
mod programs;
mod roles;
mod settings;
mod source;
mod sql;
mod steps;

use super::plan::BoundaryArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::page::{self, format::bytes};
use crate::report::{elapsed_ms, rehearse::Rehearsal};
use crate::style::BAD;
use crate::target::Target;
use clap::{Args, ValueEnum};
use copy::{Admin, Copy, CopyOutcome};
pub(super) use leftovers::leftovers;
use phaseline_migrator::plan::PlanOptions;
use programs::Programs;
use source::Source;
use std::time::Instant;
use steps::Steps;

/// Rehearse on a copy of the database: migrate, verify, roll back, verify, compare
///
/// Copies the database beside itself, goes all the way there and back on the copy, compares what `pg_dump` says before
/// and after, and drops the copy, however it ends. The database itself is only read. Each step's time, the sizes and
/// how long the tables were locked are what the real run on this server would take, without users beside it. A
/// database that is migrated already goes back and there again. Ends as the real run would: 3 if it is not migratable,
/// 6 if a verification fails or the dumps differ, 7 if the rollback would lose data.
///
/// The copy takes as much space as the database, on the server; the dump that is compared takes room in TMPDIR, on
/// this machine. Nobody but you is let into the copy. What triggers of the planner's tables do outside the database
/// they do here too.
///
/// `template` copies the database's files: fast, and the copy is as bloated as the original. It needs that nobody
/// is connected to the database, and whoever connects waits until it is copied. `dump` pipes `pg_dump` into `pg_restore`,
/// beside any users. `auto` takes `template` unless somebody is connected, or the server refuses it to this role.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline rehearse
  phaseline rehearse --method dump           beside users, with no connection kept waiting
  phaseline rehearse --keep                  and look at the copy afterwards
  phaseline rehearse --drop NAME             drop a copy that was kept or left
  phaseline rehearse --json | jq '.steps[] | {name, took_ms, locked_ms}'")]
pub(crate) struct RehearseArgs {
    /// How to copy the database
    #[arg(long, value_enum, default_value_t = CopyMethod::Auto)]
    method: CopyMethod,
    /// Keep the copy, if it got so far; its name is said
    #[arg(long)]
    keep: bool,
    /// Give each project without phases a default one, as in migrate
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    shared: BoundaryArgs,
    /// How long to wait for tables in all, as in migrate and rollback
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lock_timeout: u64,
    /// Rehearse nothing; drop this copy, which must bear a rehearsal's mark and be used by nobody
    #[arg(long, value_name = "NAME", conflicts_with_all = ["method", "keep", "repair", "boundary", "lock_timeout"])]
    drop: Option<String>,
}

impl RehearseArgs {
    /// What the plans are made with, here and on the copy.
    fn plan_options(&self) -> PlanOptions {
        PlanOptions { repair: self.repair, boundary: self.shared.boundary(), ..PlanOptions::default() }
    }
}

/// How the database may be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CopyMethod {
    /// As a template; if that cannot be, by a dump
    Auto,
    /// CREATE DATABASE … TEMPLATE: nobody may be connected
    Template,
    /// `pg_dump` and `pg_restore`: beside users
    Dump,
}

pub(crate) async fn run(context: &Context, args: &RehearseArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(&context.global).await?;
    let admin = Admin::of(&target).await?;
    if let Some(name) = &args.drop {
        return leftovers::drop(context, &admin, name).await;
    }
    let begun = Instant::now();
    let source = source::inspect(context, &target, &admin, &args.plan_options()).await?;
    let programs = Programs::locate(&target, source.server_version)?;
    let leftovers = leftovers::leftovers(&mut admin.connect().await?, target.program()).await?;
    let leftovers: Vec<String> =
        leftovers.into_iter().map(|(copy, remedy)| format!("{copy}; to drop it: {remedy}")).collect();
    for leftover in &leftovers {
        context.output.remark(leftover);
    }
    let more =
        source.room().map_or_else(String::new, |more| format!(", the migration some {} more", bytes(more)));
    context.output.remark(&format!(
        "{}: {}; the copy takes about as much again{more}",
        target.url().place(),
        bytes(source.bytes)
    ));
    // From here on there is something to clean up.
    context.interrupt.tidy_up_first();
    let copying = Instant::now();
    let (copy, method, why) = copy::make(context, &target, &admin, &source, args.method).await?;
    let mut report = Rehearsal::of(&source.name, source.bytes, source.first, copy.name(), method);
    report.notes.extend(leftovers);
    report.notes.extend(why);
    let steps = Steps { context, source: &source, target: &target, programs: &programs, copy: &copy, args };
    let went = tokio::select! {
        biased;
        () = context.interrupt.signalled() => Err(Failure::interrupted()),
        went = steps.go(&mut report, copying) => went,
    };
    let dropping = Instant::now();
    let left = copy.end(args.keep && report.whole()).await;
    if matches!(left, CopyOutcome::Dropped) {
        report.notes.extend(roles::drop_new(&admin, &source.roles).await);
        report.step("drop", dropping, None);
    }
    match went {
        Ok(()) => Ok(answer(context, args, target.program(), &copy, report, &left, begun)),
        Err(failure) => Err(failure.detail(whereabouts(&source, &copy, &report, &left))),
    }
}

/// Prints the report.
fn answer(
    context: &Context,
    args: &RehearseArgs,
    program: &str,
    copy: &Copy,
    mut report: Rehearsal,
    left: &CopyOutcome,
    begun: Instant,
) -> Exit {
    (report.kept, report.dropped) = (matches!(left, CopyOutcome::Kept), matches!(left, CopyOutcome::Dropped));
    match left {
        CopyOutcome::Dropped => {}
        CopyOutcome::Kept => {
            report.notes.push(format!("the copy is kept; to drop it: {}", copy.how_to_drop()))
        }
        CopyOutcome::Stuck(error) => report.notes.push(stuck(copy, error)),
    }
    report.passed = report.failed.is_none();
    report.took_ms = elapsed_ms(begun);
    let flags = format!("{}{}", if args.repair { " --repair" } else { "" }, args.shared.flag());
    context.output.answer(&report, || page::rehearse::page(&report, program, &flags));
    if report.failed.is_some() {
        return Exit::VerificationFailed;
    }
    if let CopyOutcome::Stuck(error) = left {
        context.output.beside(&format!("{BAD}error{BAD:#}: {}", stuck(copy, error)));
        return Exit::Unexpected;
    }
    Exit::Done
}

/// Where it happened, and what became of the copy.
fn whereabouts(source: &Source, copy: &Copy, report: &Rehearsal, left: &CopyOutcome) -> Vec<String> {
    let after = report.steps.iter().rev().map(|step| step.name).find(|name| *name != "drop");
    let after = after.map_or_else(String::new, |step| format!(" after the step {step:?}"));
    let mut words = vec![format!(
        "this was a rehearsal{after}, on the copy {:?}; {:?} is as it was",
        copy.name(),
        source.name
    )];
    words.push(match left {
        CopyOutcome::Dropped => "the copy was dropped".to_owned(),
        CopyOutcome::Kept => format!("the copy is kept; to drop it: {}", copy.how_to_drop()),
        CopyOutcome::Stuck(error) => stuck(copy, error),
    });
    words
}

fn stuck(copy: &Copy, error: &Failure) -> String {
    format!(
        "the copy {:?} COULD NOT BE DROPPED, and takes up room: {}; to drop it: {}",
        copy.name(),
        error.message(),
        copy.how_to_drop()
    )
}
