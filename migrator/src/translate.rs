//! Legacy tables into events: what is odd about the rows, what each project's history gains, what becomes of links.

pub(crate) mod events;
pub(crate) mod project;
mod rebooking;

use crate::anomaly::{Code, Findings};
use crate::fast_hash::FastHash;
use crate::legacy::assignment_links::{Pointer, Pointers};
use crate::legacy::tables::{BadTime, LegacyTables, RawAssignment, RawProject};
use crate::legacy::values::{budgets, phase_type, project_range, timestamps};
use crate::log::link_events::FoldedLinks;
use crate::report::{BudgetSums, PlanOptions, Source};
use chrono::NaiveDate;
use events::{ProjectEvents, ProjectLinks, Translation};
use phaseline_domain::event::TimelineClosed;
use phaseline_domain::legacy::{Boundary, LegacyPhase, LegacyPhaseType};
use phaseline_domain::{AssignmentId, DateRange, PhaseId, ProjectId};
use phaseline_projections::FoldedLog;
use project::{Earlier, ToTranslate, phases_of_project};
use rebooking::{Fate, Tally};
use std::collections::HashMap;
use std::hash::BuildHasher;

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
pub(crate) fn translate(
    tables: &LegacyTables,
    log: &FoldedLog,
    links: &FoldedLinks,
    earlier: &Earlier,
    options: &PlanOptions,
) -> Translation {
    let mut translation = Translation::default();
    let pointers = Pointers::follow(tables);
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
            pointers: &pointers,
        };
        let found = phases_of_project(project, options, findings);
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
            changes: vec!["the project is gone".to_owned()],
            phases: Vec::new(),
            otherwise: Vec::new(),
            budgets: BudgetSums::default(),
        });
    }
    assignments(tables, &projects, &pointers, links, options.boundary, &mut translation);
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

fn assignments(
    tables: &LegacyTables,
    projects: &HashMap<ProjectId, &RawProject, FastHash>,
    pointers: &Pointers,
    known: &FoldedLinks,
    boundary: Boundary,
    translation: &mut Translation,
) {
    let findings = &mut translation.findings;
    let translated = &translation.projects;
    let places: HashMap<ProjectId, usize, FastHash> =
        translated.iter().enumerate().map(|(at, project)| (project.project, at)).collect();
    let mut tally = Tally::new(translated.len());
    let mut links: HashMap<ProjectId, Vec<(PhaseId, AssignmentId)>, FastHash> = HashMap::default();
    let mut order: Vec<ProjectId> = Vec::new();
    let table = "resource_assignments";
    for (at, raw) in tables.assignments.iter().enumerate() {
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
        let pointer = pointers.of(at);
        let orphan_phase = raw.phase.filter(|_| pointer == Pointer::Nowhere);
        if let Some(phase) = orphan_phase {
            findings.note(Code::AssignmentOrphanPhase, table, id, format!("points at phase {phase}"));
        }
        let (Some(project), Some(phase), Some(date)) = (raw.project, raw.phase, date) else {
            continue;
        };
        if orphan_project.is_some() || orphan_phase.is_some() {
            continue;
        }
        if pointer == Pointer::Foreign {
            let detail = format!("is of project {project}, points at phase {phase} of another project");
            findings.note(Code::AssignmentForeignPhase, table, id, detail);
        }
        let place = places.get(&project).copied();
        let fate = |phases: &[(PhaseId, DateRange)]| Fate::of(phase, phase_on(phases, date));
        let fates = place.map_or([Fate::Outside; 2], |at| {
            let project = &translated[at];
            let chosen = fate(&project.phases);
            [chosen, if project.otherwise.is_empty() { chosen } else { fate(&project.otherwise) }]
        });
        tally.see(place, fates, raw.percentage);
        match fates[0] {
            Fate::Kept => translation.by_date.kept += 1,
            Fate::Changed => translation.by_date.changed += 1,
            Fate::Outside => {
                translation.by_date.outside += 1;
                findings.note(Code::AssignmentOutside, table, id, format!("dated {date}, project {project}"));
            }
        }
        if let Some(other) = known.phase_of.get(&id).filter(|other| **other != phase) {
            findings.note(
                Code::LinkChanged,
                table,
                id,
                format!("points at phase {phase}, the log says {other}"),
            );
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
    translation.boundaries = tally.boundaries(boundary, translated);
    translation.links = order
        .into_iter()
        .map(|project| {
            let version = known.versions.get(&project).copied().unwrap_or_default();
            ProjectLinks { project, version, links: links.remove(&project).unwrap_or_default() }
        })
        .collect();
}

fn phase_on(phases: &[(PhaseId, DateRange)], date: NaiveDate) -> Option<PhaseId> {
    phases.iter().find(|(_, range)| range.contains(date)).map(|(id, _)| *id)
}

fn same_resource_and_day(tables: &LegacyTables, findings: &mut Findings) {
    // Sorted by a hash of resource, project and day: 16 bytes an assignment instead of 70. The values themselves show
    // whether equal hashes collide.
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
