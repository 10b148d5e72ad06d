//! `phaseline adopt`: records rows of `project_phases` that other programs wrote.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::metadata;
use crate::options::ReasonArgs;
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render;
use crate::render::format::plural;
use crate::report::adopt::AdoptionReport;
use crate::target::Target;
use clap::Args;
use phaseline_domain::ProjectId;
use phaseline_migrator::progress::Progress;
use phaseline_projections::adopt::{AdoptionPlan, RefusedProject, adopt_all, need_commands};
use phaseline_projections::deleted::{close_all, find_deleted};
use phaseline_projections::{FoldedLog, ProjectPhases};
use phaseline_store::{Quarantine, read};

/// Record the phases of projects without timeline in the log
///
/// The planner's backend creates projects and their phases by itself. A project's first command adopts them; this command
/// adopts those of all projects, or of the given ones. No row changes. If one project cannot be adopted, nothing is
/// written and every reason is listed. It also closes the timelines of projects that the planner deleted. Projects whose
/// timeline is in quarantine are skipped; then it exits with 6 (see
/// `phaseline quarantine`).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline adopt --dry-run                  which projects does the log not know, and could it take them in?
  phaseline adopt --reason 'weekly'
  phaseline adopt 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline adopt --repair                   projects without a phase get a \"Default Phase\" over their dates")]
pub(crate) struct AdoptArgs {
    /// Only these projects, by id, id prefix (4 characters or more), name or cost centre (default: all without timeline)
    #[arg(value_name = "PROJECT")]
    projects: Vec<ProjectArg>,
    /// Give projects without phases a default phase over their dates, without budget
    #[arg(long)]
    repair: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

impl AdoptArgs {
    /// Whether it writes.
    pub(crate) const fn writes(&self) -> bool {
        !self.dry_run
    }
}

/// The rows of an adoption.
const ROWS: Rows = Rows::of("projects", "phaseline.adopt.project/1");

pub(crate) async fn run(context: &Context, args: &AdoptArgs) -> Result<Exit, Failure> {
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("adopt").await?;
    need_commands(&mut connection).await?;
    let mut named = Vec::new();
    for project in &args.projects {
        named.push(project.resolve(&mut connection).await?);
    }
    let watcher = context.watcher();
    watcher.step("reading the log", None);
    let only = Some(named.as_slice()).filter(|only| !only.is_empty());
    let mut reading = read::snapshot(&mut connection).await?;
    let mut log = FoldedLog::read_whole(&mut reading, &watcher).await?;
    watcher.step("searching projects without timeline", None);
    let plan = AdoptionPlan::make(&mut reading, &log, only, args.repair).await?;
    let deleted = find_deleted(&mut reading, &log, only).await?;
    reading.rollback().await?;
    let mut known: Vec<ProjectId> = named.iter().copied().filter(|project| log.knows(*project)).collect();
    missing(&named, &known, &plan)?;
    known.retain(|project| !deleted.contains(project));
    context.name_ids(&mut connection, &plan.refused).await;
    refuse(&target, &plan.refused, &named)?;

    let mut adoption = AdoptionReport {
        format: "phaseline.adopt/1",
        dry_run: args.dry_run,
        projects: plan.adopted.clone(),
        closed: deleted.iter().copied().collect(),
        known,
        position: None,
        quarantine: quarantine(&log, &named),
    };
    if !args.dry_run && !plan.adopted.is_empty() {
        let phases: u64 = plan.adopted.iter().map(|adopted| adopted.phases).sum();
        watcher.step("writing the log", Some(phases));
        let metadata = metadata(&context.global, args.reason.reason.as_deref());
        let taken = adopt_all(&mut connection, &mut log, &plan, args.repair, &metadata).await?;
        refuse(&target, &taken.plan.refused, &named)?;
        // Another session may have adopted some or all of them meanwhile.
        adoption.position = (!taken.plan.adopted.is_empty()).then_some(taken.position);
        adoption.projects = taken.plan.adopted;
    }
    if !args.dry_run {
        adoption.closed = close_all(&mut connection, &ProjectPhases, deleted).await?;
    }
    watcher.finish();
    context.name_ids(&mut connection, &adoption).await;
    context.output.result_with_rows(&adoption, &[ROWS], || render::adopt::page(&adoption));
    Ok(if adoption.quarantine.is_empty() { Exit::Done } else { Exit::VerificationFailed })
}

/// The unreadable events that put timelines into quarantine; those of the given projects, if any.
fn quarantine(log: &FoldedLog, named: &[ProjectId]) -> Quarantine {
    let mut quarantine = Quarantine::default();
    let concerned = log.quarantined.iter().filter(|(project, _)| named.is_empty() || named.contains(project));
    concerned.for_each(|(_, found)| quarantine.extend(&found.quarantine));
    quarantine
}

/// Fails if a given project does not exist.
fn missing(named: &[ProjectId], known: &[ProjectId], plan: &AdoptionPlan) -> Result<(), Failure> {
    let there = |project: &ProjectId| {
        known.contains(project)
            || plan.adopted.iter().any(|adopted| adopted.project_id == *project)
            || plan.refused.iter().any(|refused| refused.project_id == *project)
    };
    let missing: Vec<String> = named
        .iter()
        .filter(|project| !there(project))
        .map(|project| format!("Project with ID {project} not found"))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::refused("not_found", only.clone())),
        several => {
            let message = format!("{} projects were not found; nothing was written", several.len());
            Err(Failure::refused("not_found", message).detail(missing))
        }
    }
}

/// The projects as arguments, each behind a blank.
fn words(named: &[ProjectId]) -> String {
    named.iter().map(|project| format!(" {project}")).collect()
}

/// Fails with every reason if a project cannot be adopted. `named` are the given projects; none for all.
fn refuse(target: &Target, refused: &[RefusedProject], named: &[ProjectId]) -> Result<(), Failure> {
    if refused.is_empty() {
        return Ok(());
    }
    let of = plural(refused.len() as u64, "project");
    let remedy = if refused.iter().all(|project| project.bare) {
        format!("To supply a default phase, run: {} adopt --repair{}", target.program(), words(named))
    } else {
        format!(
            "Correct these rows in the program that wrote them, or adopt other projects only: {} adopt PROJECT…",
            target.program()
        )
    };
    let reasons = refused.iter().flat_map(|project| {
        project.reasons.iter().map(|reason| format!("project {}: {reason}", project.project_id))
    });
    Err(Failure::refused("not_adoptable", format!("{of} cannot be adopted; nothing was written"))
        .detail(reasons)
        .remedy(remedy))
}
