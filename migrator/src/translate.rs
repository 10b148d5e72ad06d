//! Legacy tables into events: what is odd about the rows, what each project's history gains, what becomes of links.

use crate::anomaly::{Code, Findings};
use crate::fast_hash::FastHash;
use crate::legacy::{BadTime, LegacyTables, RawAssignment, RawPhase, RawProject};
use crate::links::FoldedLinks;
use chrono::NaiveDate;
use phaseline_domain::event::{LegacyPhaseAdopted, PhaseRemoved, TimelineOpened, TimelineRescheduled};
use phaseline_domain::legacy::{self, LegacyPhase, LegacyPhaseType, Untranslatable};
use phaseline_domain::{AssignmentId, Budget, DateRange, Money, PhaseId, ProjectId, TimelineEvent};
use phaseline_projections::FoldedLog;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

/// What one project's history gains.
#[derive(Debug)]
pub(crate) struct ProjectEvents {
    pub project: ProjectId,
    /// The stream's version before.
    pub version: i64,
    pub events: Vec<TimelineEvent>,
    /// The project's phases after these events, in order of days.
    pub phases: Vec<LegacyPhaseAdopted>,
}

/// Links to record for the assignments of one project.
#[derive(Debug)]
pub(crate) struct ProjectLinks {
    pub project: ProjectId,
    /// The stream's version before.
    pub version: i64,
    pub links: Vec<(PhaseId, AssignmentId)>,
}

/// What becomes of the assignments when their phase is the one of their date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByDate {
    /// They keep their phase.
    pub kept: u64,
    /// They belong to another phase.
    pub changed: u64,
    /// They lie outside every phase of their project.
    pub outside: u64,
}

/// Sums of budgets, as `numeric` adds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSums {
    /// Capital parts.
    pub capital: Decimal,
    /// Expense parts.
    pub expense: Decimal,
    /// Totals.
    pub total: Decimal,
}

impl BudgetSums {
    fn add(&mut self, [capital, expense, total]: [Decimal; 3]) {
        self.capital += capital;
        self.expense += expense;
        self.total += total;
    }
}

/// The whole translation. Only complete if nothing found is refused.
#[derive(Debug, Default)]
pub(crate) struct Translation {
    pub findings: Findings,
    pub projects: Vec<ProjectEvents>,
    pub links: Vec<ProjectLinks>,
    pub by_date: ByDate,
    pub before: BudgetSums,
    pub after: BudgetSums,
    /// Projects whose history goes on from an earlier migration without a new event.
    pub continued: u64,
}

fn project_range(project: &RawProject, findings: &mut Findings) -> Option<DateRange> {
    let mut dates = [None; 2];
    for ((column, raw), date) in
        [("start_date", project.start), ("end_date", project.end)].into_iter().zip(&mut dates)
    {
        match raw.get() {
            Ok(good) => *date = Some(good),
            Err(bad) => {
                let code = match bad {
                    BadTime::Null => Code::ProjectDatesNull,
                    BadTime::Infinite => Code::ProjectDatesInfinite,
                    BadTime::OutOfRange => Code::ProjectDatesOutOfRange,
                };
                findings.note(code, "projects", project.id, format!("{column} is {bad}"));
            }
        }
    }
    let (start, end) = (dates[0]?, dates[1]?);
    DateRange::new(start, end)
        .inspect_err(|_| {
            let detail = format!("start_date {start}, end_date {end}");
            findings.note(Code::ProjectDatesReversed, "projects", project.id, detail);
        })
        .ok()
}

fn phase_type(raw: &RawPhase, findings: &mut Findings) -> Option<LegacyPhaseType> {
    match raw.phase_type.as_deref().map(str::parse) {
        Some(Ok(phase_type)) => Some(phase_type),
        Some(Err(unknown)) => {
            findings.note(Code::NotThePlanners, "project_phases", raw.id, unknown.to_string());
            None
        }
        None => {
            findings.note(Code::PhaseNull, "project_phases", raw.id, "phase_type is NULL");
            None
        }
    }
}

fn budgets(raw: &RawPhase, findings: &mut Findings) -> Option<([Decimal; 3], Budget)> {
    let mut amounts = [None; 3];
    for ((column, text), amount) in
        ["capital_budget", "expense_budget", "total_budget"].iter().zip(&raw.budgets).zip(&mut amounts)
    {
        match text {
            None => findings.note(Code::PhaseNull, "project_phases", raw.id, format!("{column} is NULL")),
            Some(text) => match text.parse::<Decimal>().ok().and_then(|value| Money::new(value).ok()) {
                Some(money) => *amount = Some(money),
                None => {
                    findings.note(Code::PhaseBudget, "project_phases", raw.id, format!("{column} is {text}"));
                }
            },
        }
    }
    let (capital, expense, total) = (amounts[0]?, amounts[1]?, amounts[2]?);
    let budget = Budget::new(capital, expense).ok().filter(|budget| budget.total() == total);
    if budget.is_none() {
        let detail =
            format!("total_budget is {total}, capital {capital} plus expense {expense} is another amount");
        findings.note(Code::PhaseBudget, "project_phases", raw.id, detail);
    }
    Some(([capital.amount(), expense.amount(), total.amount()], budget?))
}

fn timestamps(raw: &RawPhase, findings: &mut Findings) -> Option<[chrono::NaiveDateTime; 2]> {
    let mut times = [None; 2];
    for ((column, value), time) in
        [("created_at", raw.created_at), ("updated_at", raw.updated_at)].into_iter().zip(&mut times)
    {
        match value.get() {
            Ok(good) => *time = Some(good),
            Err(bad) => {
                let code = if bad == BadTime::Null { Code::PhaseNull } else { Code::PhaseTimestamp };
                findings.note(code, "project_phases", raw.id, format!("{column} is {bad}"));
            }
        }
    }
    Some([times[0]?, times[1]?])
}

/// Ordinals that keep the heap's order. A phase that the log knows keeps its own where that is possible, so that a
/// migration which finds the table as the rollback left it has nothing to record.
fn ordinals(tables: &LegacyTables, log: &FoldedLog) -> Vec<i64> {
    let known: HashMap<PhaseId, i64> = log
        .timelines
        .values()
        .flat_map(|folded| folded.timeline.phases())
        .filter_map(|phase| Some((phase.id, phase.legacy?.ordinal)))
        .collect();
    let mut last = 0;
    tables
        .phases
        .iter()
        .map(|phase| {
            last = known.get(&phase.id).copied().filter(|ordinal| *ordinal > last).unwrap_or(last + 1);
            last
        })
        .collect()
}

/// Translates the tables; `log` and `links` are what earlier migrations left in the log (empty at first).
pub(crate) fn translate(tables: &LegacyTables, log: &FoldedLog, links: &FoldedLinks) -> Translation {
    let mut translation = Translation::default();
    let findings = &mut translation.findings;
    let mut phases_of: HashMap<ProjectId, Vec<LegacyPhase>> = HashMap::new();
    let mut rows_of: HashMap<ProjectId, u32> = HashMap::new();
    let projects: HashMap<ProjectId, &RawProject, FastHash> =
        tables.projects.iter().map(|project| (project.id, project)).collect();

    for (raw, ordinal) in tables.phases.iter().zip(ordinals(tables, log)) {
        let parsed = (phase_type(raw, findings), budgets(raw, findings), timestamps(raw, findings));
        let Some(project) = raw.project else {
            findings.note(Code::PhaseNull, "project_phases", raw.id, "project_id is NULL");
            continue;
        };
        if !projects.contains_key(&project) {
            let detail = format!("points at project {project}");
            findings.note(Code::PhaseOrphan, "project_phases", raw.id, detail);
            continue;
        }
        *rows_of.entry(project).or_default() += 1;
        if let (Some(phase_type), Some((amounts, budget)), Some([created_at, updated_at])) = parsed {
            translation.before.add(amounts);
            phases_of.entry(project).or_default().push(LegacyPhase {
                id: raw.id,
                phase_type,
                budget,
                created_at,
                updated_at,
                ordinal,
            });
        }
    }

    for raw in &tables.projects {
        let range = project_range(raw, findings);
        if !rows_of.contains_key(&raw.id) {
            findings.note(Code::ProjectWithoutPhases, "projects", raw.id, "no row in project_phases");
            continue;
        }
        let Some(range) = range else { continue };
        let phases = phases_of.remove(&raw.id).unwrap_or_default();
        if phases.len() != rows_of[&raw.id] as usize {
            continue; // Its bad phases are noted already.
        }
        note_doubles(raw.id, &phases, findings);
        match adopt_into(log, raw.id, range, phases) {
            Ok(project) => {
                for phase in &project.phases {
                    let budget = phase.budget;
                    translation
                        .after
                        .add([budget.capital(), budget.expense(), budget.total()].map(Money::amount));
                }
                translation.continued += u64::from(project.version > 0 && project.events.is_empty());
                translation.projects.push(project);
            }
            Err(error) => {
                let code = match error {
                    Untranslatable::NoPhases => Code::ProjectWithoutPhases,
                    Untranslatable::MorePhasesThanDays { .. } => Code::MorePhasesThanDays,
                    Untranslatable::Value(_) => Code::NotThePlanners,
                };
                findings.note(code, "projects", raw.id, error.to_string());
            }
        }
    }
    let mut gone: Vec<_> = log.timelines.keys().filter(|project| !projects.contains_key(project)).collect();
    gone.sort();
    for project in gone {
        findings.note(Code::ProjectGone, "projects", project, "its timeline is in the log");
    }
    assignments(tables, &projects, links, &mut translation);
    translation
}

fn note_doubles(project: ProjectId, phases: &[LegacyPhase], findings: &mut Findings) {
    for phase_type in [LegacyPhaseType::Planning, LegacyPhaseType::Execution] {
        let same: Vec<String> = phases
            .iter()
            .filter(|phase| phase.phase_type == phase_type)
            .map(|phase| phase.id.to_string())
            .collect();
        if same.len() > 1 {
            let detail = format!("{} {phase_type} phases: {}", same.len(), same.join(", "));
            findings.note(Code::SeveralOfOneType, "projects", project, detail);
        }
    }
}

/// What a project's history gains: everything, at its first migration; afterwards only what differs from the log.
fn adopt_into(
    log: &FoldedLog,
    project_id: ProjectId,
    range: DateRange,
    phases: Vec<LegacyPhase>,
) -> Result<ProjectEvents, Untranslatable> {
    let adopted = legacy::adopt(range, phases)?;
    let mut events: Vec<TimelineEvent> = Vec::new();
    let mut version = 0;
    let known = log.timelines.get(&project_id);
    match known {
        None => events.push(TimelineOpened { project_id, range }.into()),
        Some(folded) => {
            version = folded.version;
            if folded.timeline.range() != Some(range) {
                events.push(TimelineRescheduled { range }.into());
            }
            let stay: HashSet<PhaseId> = adopted.iter().map(|phase| phase.phase_id).collect();
            let gone = folded.timeline.phases().iter().filter(|phase| !stay.contains(&phase.id));
            events.extend(gone.map(|phase| TimelineEvent::from(PhaseRemoved { phase_id: phase.id })));
        }
    }
    let differs = |phase: &LegacyPhaseAdopted| {
        let mut as_adopted = phaseline_domain::Timeline::default();
        as_adopted.evolve(&TimelineEvent::from(phase.clone()));
        let there = known.and_then(|folded| folded.timeline.phase(phase.phase_id));
        there.is_none() || there != as_adopted.phase(phase.phase_id)
    };
    events.extend(adopted.iter().filter(|phase| differs(phase)).cloned().map(TimelineEvent::from));
    Ok(ProjectEvents { project: project_id, version, events, phases: adopted })
}

fn assignments(
    tables: &LegacyTables,
    projects: &HashMap<ProjectId, &RawProject, FastHash>,
    known: &FoldedLinks,
    translation: &mut Translation,
) {
    let findings = &mut translation.findings;
    let phase_project: HashMap<PhaseId, Option<ProjectId>, FastHash> =
        tables.phases.iter().map(|phase| (phase.id, phase.project)).collect();
    let days: HashMap<ProjectId, &[LegacyPhaseAdopted], FastHash> =
        translation.projects.iter().map(|project| (project.project, project.phases.as_slice())).collect();
    let mut links: HashMap<ProjectId, Vec<(PhaseId, AssignmentId)>, FastHash> = HashMap::default();
    let mut order: Vec<ProjectId> = Vec::new();
    let table = "resource_assignments";
    for raw in &tables.assignments {
        let id = raw.id;
        if raw.resource.is_none() {
            findings.note(Code::AssignmentNull, table, id, "resource_id is NULL");
        }
        if raw.project.is_none() {
            findings.note(Code::AssignmentNull, table, id, "project_id is NULL");
        }
        if raw.phase.is_none() {
            findings.note(Code::AssignmentNull, table, id, "project_phase_id is NULL");
        }
        let date = match raw.date.get() {
            Ok(date) => Some(date),
            Err(BadTime::Null) => {
                findings.note(Code::AssignmentNull, table, id, "assignment_date is NULL");
                None
            }
            Err(bad) => {
                findings.note(Code::AssignmentDate, table, id, format!("assignment_date is {bad}"));
                None
            }
        };
        let orphan_project = raw.project.filter(|project| !projects.contains_key(project));
        if let Some(project) = orphan_project {
            findings.note(Code::AssignmentOrphanProject, table, id, format!("points at project {project}"));
        }
        let orphan_phase = raw.phase.filter(|phase| !phase_project.contains_key(phase));
        if let Some(phase) = orphan_phase {
            findings.note(Code::AssignmentOrphanPhase, table, id, format!("points at phase {phase}"));
        }
        let (Some(project), Some(phase), Some(date)) = (raw.project, raw.phase, date) else {
            continue;
        };
        if orphan_project.is_some() || orphan_phase.is_some() {
            continue;
        }
        if phase_project[&phase] != Some(project) {
            let detail = format!("is of project {project}, points at phase {phase} of another project");
            findings.note(Code::AssignmentForeignPhase, table, id, detail);
        }
        match days.get(&project).map(|phases| phase_on(phases, date)) {
            Some(Some(by_date)) if by_date == phase => translation.by_date.kept += 1,
            Some(Some(_)) => translation.by_date.changed += 1,
            _ => {
                translation.by_date.outside += 1;
                findings.note(Code::AssignmentOutside, table, id, format!("dated {date}, project {project}"));
            }
        }
        if known.phase_of.get(&id) != Some(&phase) {
            links
                .entry(project)
                .or_insert_with(|| {
                    order.push(project);
                    Vec::new()
                })
                .push((phase, id));
        }
    }
    same_resource_and_day(tables, findings);
    translation.links = order
        .into_iter()
        .map(|project| {
            let version = known.versions.get(&project).copied().unwrap_or_default();
            ProjectLinks { project, version, links: links.remove(&project).unwrap_or_default() }
        })
        .collect();
}

fn phase_on(phases: &[LegacyPhaseAdopted], date: NaiveDate) -> Option<PhaseId> {
    phases.iter().find(|phase| phase.range.contains(date)).map(|phase| phase.phase_id)
}

fn same_resource_and_day(tables: &LegacyTables, findings: &mut Findings) {
    // Sorted by a hash of resource, project and day: 16 bytes an assignment instead of 70. A collision of hashes is told
    // from a meeting by the values themselves.
    let key = |raw: &RawAssignment| (raw.resource, raw.project, raw.date.get().ok());
    let mut order: Vec<(u64, u32)> = tables
        .assignments
        .iter()
        .zip(0..)
        .map(|(raw, index)| (FastHash::default().hash_one((raw.resource, raw.project, raw.date)), index))
        .collect();
    order.sort_unstable();
    let mut met: Vec<(&RawAssignment, NaiveDate)> = Vec::new();
    for same in order.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        let rows = || same.iter().map(|(_, index)| &tables.assignments[*index as usize]);
        let Some((first, date)) = rows().next().and_then(|raw| Some((raw, raw.date.get().ok()?))) else {
            continue;
        };
        if rows().any(|raw| key(raw) != key(first)) || rows().all(|raw| raw.phase == first.phase) {
            continue;
        }
        met.extend(rows().map(|raw| (raw, date)));
    }
    met.sort_by_key(|(raw, date)| (raw.resource, raw.project, *date, raw.phase, raw.id));
    for (raw, date) in met {
        if let (Some(resource), Some(phase)) = (raw.resource, raw.phase) {
            let detail = format!("resource {resource} on {date} in phase {phase}");
            findings.note(Code::SameResourceAndDay, "resource_assignments", raw.id, detail);
        }
    }
}
