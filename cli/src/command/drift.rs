//! `phaseline drift`: differences between the planner's tables and the log, and their repair.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operator::metadata;
use crate::options::ReasonArgs;
use crate::output::Rows;
use crate::project::ProjectArg;
use crate::render;
use crate::report::drift::{DriftReport, RemediedFinding, RepairReport};
use crate::target::Target;
use clap::Args;
use phaseline_domain::ProjectId;
use phaseline_migrator::progress::Progress;
use phaseline_projections::FoldedLog;
use phaseline_projections::adopt::need_commands;
use phaseline_projections::altered::refuse_altered_findings;
use phaseline_projections::drift::{Finding, Remedy, find_drift_watched};
use phaseline_projections::repair::{Repaired, repair};
use phaseline_store::{Quarantine, read};
use std::collections::BTreeSet;
use std::str::FromStr;

/// The rows of a report.
const ROWS: Rows = Rows::of("drift", "phaseline.drift.finding/1");

/// Show differences between the tables and the log, and repair them
///
/// Lists every row of `project_phases` that others changed, added or deleted, field by field; projects to whose
/// dates their phases cannot follow, or without timeline. Only noted are new dates of a project, which its next command
/// applies; deleted projects, whose timelines the service closes; and rows saved without a change. Exits with 6 if there
/// is drift, or if an event cannot be read: the rows of that timeline are not compared (see `phaseline quarantine`).
/// --repair writes the rows from the log and closes the timelines of deleted projects; it first records in the log what
/// it overwrites or deletes. On a terminal it asks; elsewhere --yes is needed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  phaseline drift
  phaseline drift 6f9619ff-8b86-d011-b42d-00c04fc964ff
  phaseline drift --repair all --dry-run
  phaseline drift --repair 6f9619ff-8b86-d011-b42d-00c04fc964ff --reason 'edited by hand'
  phaseline drift --repair all --yes")]
pub(crate) struct DriftArgs {
    /// Only this project: its id, an id prefix (4 characters or more), its name or its cost centre
    #[arg(conflicts_with = "repair")]
    project: Option<ProjectArg>,
    /// Repair the rows of this project, or of all
    #[arg(long, value_name = "PROJECT|all")]
    repair: Option<RepairTarget>,
    /// Confirm without asking; needed with --repair without a terminal
    #[arg(long, short, requires = "repair")]
    yes: bool,
    /// Only show what --repair would write: the same as without it, for these projects
    #[arg(long, requires = "repair")]
    dry_run: bool,
    #[command(flatten)]
    reason: ReasonArgs,
}

impl DriftArgs {
    /// Whether it repairs, or shows what a repair would write.
    pub(crate) const fn is_repair(&self) -> bool {
        self.repair.is_some()
    }

    /// Whether it writes.
    pub(crate) const fn writes(&self) -> bool {
        self.is_repair() && !self.dry_run
    }

    /// The only project, if not all are requested.
    const fn project(&self) -> Option<&ProjectArg> {
        match &self.repair {
            Some(RepairTarget::One(project)) => Some(project),
            _ => self.project.as_ref(),
        }
    }

    /// Whether a reason is given, and nothing is done.
    pub(crate) const fn has_idle_reason(&self) -> bool {
        self.reason.reason.is_some() && !self.is_repair()
    }
}

/// The projects to repair.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RepairTarget {
    All,
    One(ProjectArg),
}

impl FromStr for RepairTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

pub(crate) async fn run(context: &Context, args: &DriftArgs) -> Result<Exit, Failure> {
    let ask = args.writes() && !args.yes;
    if ask && !context.can_ask() {
        return Err(Context::cannot_ask("repair").remedy(
            "Read the output of `phaseline drift` first, then run: phaseline drift --repair PROJECT --yes",
        ));
    }
    let target = Target::resolve(context).await?;
    let mut connection = target.connect("drift").await?;
    need_commands(&mut connection).await?;
    let project_id = match args.project() {
        Some(project) => Some(project.resolve(&mut connection).await?),
        None => None,
    };
    let watcher = context.watcher();
    watcher.step("reading the log", None);
    let mut reading = read::snapshot(&mut connection).await?;
    let mut log = FoldedLog::read_whole(&mut reading, &watcher).await?;
    watcher.step("comparing with the log", None);
    let only = project_id.map(|project| [project]);
    let findings =
        find_drift_watched(&mut reading, &log, only.as_ref().map(<[_; 1]>::as_slice), &watcher).await?;
    if let Some(project) = project_id.filter(|project| findings.is_empty() && !log.knows(*project)) {
        return Err(Failure::refused("not_found", format!("Project with ID {project} not found")));
    }
    let intact = refuse_altered_findings(&mut reading, &log, &findings, &watcher).await;
    reading.rollback().await?;
    if let Err(error) = intact {
        let failure = Failure::from(error);
        context.name_ids(&mut connection, &failure.message()).await;
        return Err(failure);
    }
    watcher.finish();

    let mut report = DriftReport {
        format: "phaseline.drift/1",
        project_id,
        drift: findings.iter().map(with_remedy).collect(),
        repaired: None,
        left: failures(&findings),
        notes: notes(&findings),
        quarantine: quarantine(&log, project_id),
    };
    if args.writes() {
        let projects: BTreeSet<ProjectId> = findings
            .iter()
            .filter(|found| matches!(found.remedy(), Remedy::Repair | Remedy::Close))
            .map(Finding::project_id)
            .collect();
        let projects: Vec<ProjectId> = projects.into_iter().collect();
        if ask && !projects.is_empty() {
            context.name_ids(&mut connection, &report).await;
            context.output.beside(render::drift::page(&report));
            let place = context.place();
            if !context.ask(&format!("Write these rows from the log to {}?", render::clean(&place))).await {
                return Err(Failure::declined());
            }
        }
        let repaired = if projects.is_empty() {
            Repaired { position: log.position, ..Repaired::default() }
        } else {
            watcher.step("repairing", None);
            let metadata = metadata(&context.global, args.reason.reason.as_deref());
            let repaired = repair(&mut connection, &mut log, &projects, &metadata).await?;
            watcher.finish();
            repaired
        };
        report = after(report, &findings, &projects, &repaired);
        report.quarantine = quarantine(&log, project_id);
    }
    context.name_ids(&mut connection, &report).await;
    context.output.result_with_rows(&report, &[ROWS], || render::drift::page(&report));
    let whole = report.left == 0 && report.quarantine.is_empty();
    Ok(if whole { Exit::Done } else { Exit::VerificationFailed })
}

/// The unreadable events that put timelines into quarantine; those of the given project, if any.
fn quarantine(log: &FoldedLog, only: Option<ProjectId>) -> Quarantine {
    match only {
        Some(project) => {
            log.quarantined.get(&project).map(|found| found.quarantine.clone()).unwrap_or_default()
        }
        None => log.unreadable(),
    }
}

/// The number of findings that are drift.
fn failures<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> u64 {
    findings.into_iter().filter(|found| !found.is_note()).count() as u64
}

/// The number of findings that are only noted.
fn notes<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> u64 {
    findings.into_iter().filter(|found| found.is_note()).count() as u64
}

fn with_remedy(finding: &Finding) -> RemediedFinding {
    RemediedFinding { finding: finding.clone(), cure: finding.remedy() }
}

/// The report after a repair: the findings of other projects, and for the repaired ones what was repaired under the locks
/// and what is left.
fn after(report: DriftReport, first: &[Finding], projects: &[ProjectId], repaired: &Repaired) -> DriftReport {
    let alone: Vec<&Finding> =
        first.iter().filter(|finding| !projects.contains(&finding.project_id())).collect();
    let left = failures(alone.iter().copied().chain(&repaired.left));
    let notes = notes(alone.iter().copied().chain(&repaired.left));
    let drift = repaired.findings.iter().chain(&repaired.left).chain(alone).map(with_remedy).collect();
    DriftReport {
        drift,
        repaired: Some(RepairReport {
            repair_id: repaired.repair_id.map(|id| id.to_string()),
            position: repaired.position,
            inserted: repaired.inserted,
            updated: repaired.updated,
            deleted: repaired.deleted,
            closed: repaired.closed,
        }),
        left,
        notes,
        ..report
    }
}
