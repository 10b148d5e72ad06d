//! `phaseline rehearse`: migrates and rolls back a copy of the database.

mod admin;
mod args;
mod compare;
mod copy;
mod counted;
mod leftovers;
mod program_error;
mod programs;
mod roles;
mod settings;
mod source;
mod sql;
mod steps;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::rehearsal_copies;
use crate::render::{self, format::bytes};
use crate::report::elapsed_ms;
use crate::report::rehearse::{Rehearsal, RehearsalPreview, RehearsalStepName};
use crate::style::BAD;
use crate::target::Target;
use admin::Admin;
pub(crate) use args::RehearseArgs;
use copy::{Copy, CopyOutcome};
use programs::Programs;
use source::RehearsalSource;
use std::time::Instant;
use steps::RehearsalSteps;

pub(crate) async fn run(context: &Context, args: &RehearseArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let admin = Admin::of(&target).await?;
    if let Some(name) = &args.drop {
        return leftovers::drop(context, &admin, name, args.dry_run).await;
    }
    let begun = Instant::now();
    let source = source::inspect(context, &target, &admin, &args.plan_options()).await?;
    let programs = Programs::locate(&target, source.server_version)?;
    let leftovers = rehearsal_copies::leftovers(&mut admin.connect().await?, target.program()).await?;
    let leftovers: Vec<String> =
        leftovers.into_iter().map(|(copy, remedy)| format!("{copy}; to drop it: {remedy}")).collect();
    for leftover in &leftovers {
        context.output.remark(leftover);
    }
    let more = source
        .migration_space()
        .map_or_else(String::new, |more| format!(", the migration about {} more", bytes(more)));
    context.output.remark(&format!(
        "{}: {}; the copy needs about as much{more}",
        target.url().place(),
        bytes(source.bytes)
    ));
    if args.dry_run {
        return Ok(preview(context, &source, leftovers));
    }
    // From here on there is a copy to clean up.
    context.interrupt.tidy_up_first();
    let copying = Instant::now();
    let (copy, method, why) = copy::make(context, &target, &admin, &source, args.method).await?;
    let mut report = Rehearsal::of(&source.name, source.bytes, source.first, copy.name(), method);
    report.notes.extend(leftovers);
    report.notes.extend(why);
    let steps =
        RehearsalSteps { context, source: &source, target: &target, programs: &programs, copy: &copy, args };
    let went = tokio::select! {
        biased;
        () = context.interrupt.signalled() => Err(Failure::interrupted()),
        went = steps.go(&mut report, copying) => went,
    };
    let dropping = Instant::now();
    let left = copy.end(args.keep && report.whole()).await;
    if matches!(left, CopyOutcome::Dropped) {
        report.notes.extend(roles::drop_new(&admin, &source.roles).await);
        report.step(RehearsalStepName::Drop, dropping, None);
    }
    match went {
        Ok(()) => Ok(finish(context, args, target.program(), &copy, report, &left, begun)),
        Err(failure) => Err(failure.detail(whereabouts(&source, &copy, &report, &left))),
    }
}

/// Prints what would be copied.
fn preview(context: &Context, source: &RehearsalSource, leftovers: Vec<String>) -> Exit {
    let preview = RehearsalPreview {
        format: "phaseline.rehearse.preview/1",
        database: source.name.clone(),
        database_bytes: source.bytes,
        migration_bytes: source.migration_space(),
        first: source.first,
        notes: leftovers,
    };
    context.output.result(&preview, || render::rehearse::preview(&preview));
    Exit::Done
}

/// Completes and prints the report.
fn finish(
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
    context.output.result(&report, || render::rehearse::page(&report, &context.place(), program, &flags));
    if report.failed.is_some() {
        return Exit::VerificationFailed;
    }
    if let CopyOutcome::Stuck(error) = left {
        context.output.beside(format!("{BAD}error{BAD:#}: {}", stuck(copy, error)));
        return Exit::Unexpected;
    }
    Exit::Done
}

/// Details of a failure: the step, and the outcome of the copy.
fn whereabouts(source: &RehearsalSource, copy: &Copy, report: &Rehearsal, left: &CopyOutcome) -> Vec<String> {
    let after = report.steps.iter().rev().map(|step| step.name).find(|name| *name != RehearsalStepName::Drop);
    let after = after.map_or_else(String::new, |name| format!(" after the step {:?}", name.text()));
    let mut words = vec![format!(
        "this was a rehearsal{after}, on the copy {:?}; {:?} is unchanged",
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
        "the copy {:?} COULD NOT BE DROPPED, and occupies space: {}; to drop it: {}",
        copy.name(),
        error.message(),
        copy.how_to_drop()
    )
}
