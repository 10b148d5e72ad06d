//! Translates legacy tables into events: anomalies of the rows, the events of each project, and links.

mod assignments;
pub(crate) mod events;
mod links;
pub(crate) mod project;
mod rebooking;
mod same_resource;

use crate::anomaly::{Code, Findings};
use crate::fast_hash::FastHash;
use crate::legacy::assignment_links::AssignedDays;
use crate::legacy::tables::{LegacyTables, RawProject};
use crate::legacy::values::{budgets, phase_type, project_range, timestamps};
use crate::log::link_events::FoldedLinks;
use crate::report::{BudgetSums, PlanOptions, Source};
use crate::spill::SpillError;
use events::{ProjectEvents, Translation};
use phaseline_domain::event::TimelineClosed;
use phaseline_domain::legacy::{LegacyPhase, LegacyPhaseType};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::FoldedLog;
use project::{EarlierRuns, ToTranslate, phases_of_project};
use std::collections::HashMap;

/// Ordinals in heap order. A phase keeps its ordinal in the log if possible, so that a migration of unchanged tables has nothing to record.
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

/// Translates the tables; `log` and `links` are those of earlier migrations (empty at first).
///
/// # Errors
/// [`SpillError`] if the assignments or links cannot be read.
pub(crate) fn translate(
    tables: &LegacyTables,
    log: &FoldedLog,
    links: &FoldedLinks,
    earlier: &EarlierRuns,
    options: &PlanOptions,
) -> Result<Translation, SpillError> {
    let mut translation = Translation::default();
    let assigned = AssignedDays::collect(tables)?;
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
        let phases = phases_of.remove(&raw.id).unwrap_or_default();
        if phases.len() != rows_of.get(&raw.id).copied().unwrap_or_default() as usize {
            continue; // Its bad phases are noted already.
        }
        note_doubles(raw.id, &phases, findings);
        let Some(range) = range else {
            if phases.is_empty() {
                findings.note(Code::ProjectWithoutPhases, "projects", raw.id, "no row in project_phases");
            }
            continue;
        };
        let project = ToTranslate {
            id: raw.id,
            range,
            rows: &phases,
            known: log.timelines.get(&raw.id),
            written: earlier.written.get(&raw.id).map(String::as_str),
            assigned: &assigned,
        };
        let found = phases_of_project(project, options, findings)?;
        if let Some(project) = found {
            translation.after.add([project.budgets.capital, project.budgets.expense, project.budgets.total]);
            translation.projects.push(project);
        }
    }
    let open = |(project, folded): (&ProjectId, &phaseline_projections::FoldedTimeline)| {
        (folded.timeline.project().is_some() && !projects.contains_key(project))
            .then_some((*project, folded.version))
    };
    let mut gone: Vec<_> = log.timelines.iter().filter_map(open).collect();
    gone.sort();
    for (project, version) in gone {
        findings.note(Code::ProjectGone, "projects", project, "its timeline is in the log");
        translation.projects.push(ProjectEvents {
            outcome: [0; 32],
            project,
            version,
            events: vec![TimelineClosed { project_id: project }.into()],
            source: Source::Gone,
            changes: vec!["the project was deleted".to_owned()],
            phases: Vec::new(),
            otherwise: Vec::new(),
            budgets: BudgetSums::default(),
        });
    }
    drop(assigned);
    assignments::assignments(tables, &projects, links, options.boundary, &mut translation)?;
    Ok(translation)
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
