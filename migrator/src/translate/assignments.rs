//! Assignments: the phase of each by its date, and links to record.

use super::events::Translation;
use super::links::LinksByProject;
use super::rebooking::{AssignmentEffect, Tally};
use super::same_resource::same_resource_and_day;
use crate::anomaly::{Code, Findings};
use crate::fast_hash::FastHash;
use crate::legacy::assignment_links::LinkTarget;
use crate::legacy::assignments::{AssignmentRow, TABLE};
use crate::legacy::tables::{BadTime, LegacyTables, RawAssignment, RawProject};
use crate::log::link_events::FoldedLinks;
use crate::spill::SpillError;
use chrono::NaiveDate;
use phaseline_domain::legacy::Boundary;
use phaseline_domain::{AssignmentId, DateRange, PhaseId, ProjectId};
use std::collections::HashMap;

/// Counts the assignments by the phase of their date, and collects the links that the log does not have.
pub(super) fn assignments(
    tables: &LegacyTables,
    projects: &HashMap<ProjectId, &RawProject, FastHash>,
    known: &FoldedLinks,
    boundary: Boundary,
    translation: &mut Translation,
) -> Result<(), SpillError> {
    let findings = &mut translation.findings;
    let translated = &translation.projects;
    let places: HashMap<ProjectId, usize, FastHash> =
        translated.iter().enumerate().map(|(at, project)| (project.project, at)).collect();
    // Per row of `project_phases`, so that nothing has to be looked up for an assignment of its own project.
    let of_phase: Vec<Option<usize>> =
        tables.phases.iter().map(|phase| places.get(&phase.project?).copied()).collect();
    let mut tally = Tally::new(translated.len());
    let mut links = LinksByProject::new(tables);
    for (row, at) in tables.assignments.iter().zip(0..) {
        let row = row?;
        let (found, place, percentage) = match row {
            AssignmentRow::Own(own) => {
                let Some(phase) = tables.phases.get(own.phase as usize) else { continue };
                let Some(project) = phase.project else { continue };
                let found = ValidAssignment { id: own.id, project, phase: phase.id, date: own.date };
                (found, of_phase.get(own.phase as usize).copied().flatten(), own.percentage)
            }
            AssignmentRow::Odd(raw) => {
                let target = LinkTarget::of(raw, tables);
                let Some(found) = check_assignment(raw, target, projects, findings) else { continue };
                let place = places.get(&found.project).copied();
                (found, place, raw.percentage)
            }
        };
        let ValidAssignment { id, project, phase, date } = found;
        let fate = |phases: &[(PhaseId, DateRange)]| AssignmentEffect::of(phase, phase_on(phases, date));
        let fates = place.map_or([AssignmentEffect::Outside; 2], |at| {
            let project = &translated[at];
            let chosen = fate(&project.phases);
            [chosen, if project.otherwise.is_empty() { chosen } else { fate(&project.otherwise) }]
        });
        tally.see(place, fates, percentage);
        match fates[0] {
            AssignmentEffect::Kept => translation.by_date.kept += 1,
            AssignmentEffect::Changed => translation.by_date.changed += 1,
            AssignmentEffect::Outside => {
                translation.by_date.outside += 1;
                findings.note(Code::AssignmentOutside, TABLE, id, format!("dated {date}, project {project}"));
            }
        }
        let recorded = if known.phase_of.is_empty() { None } else { known.phase_of.get(id)? };
        if let Some(other) = recorded.filter(|other| *other != phase) {
            findings.note(
                Code::LinkChanged,
                TABLE,
                id,
                format!("points at phase {phase}, the log says {other}"),
            );
        }
        if recorded != Some(phase) {
            links.add(row, project, at)?;
        }
    }
    same_resource_and_day(tables, findings)?;
    translation.boundaries = tally.boundaries(boundary, translated);
    (translation.links, translation.linked) = links.by_project(known)?;
    Ok(())
}

/// An assignment whose columns have values and refer to rows that exist.
struct ValidAssignment {
    id: AssignmentId,
    project: ProjectId,
    phase: PhaseId,
    date: NaiveDate,
}

/// Checks one assignment, and notes its anomalies.
fn check_assignment(
    raw: &RawAssignment,
    link_target: LinkTarget,
    projects: &HashMap<ProjectId, &RawProject, FastHash>,
    findings: &mut Findings,
) -> Option<ValidAssignment> {
    let id = raw.id;
    if raw.resource.is_none() {
        findings.note(Code::AssignmentNull, TABLE, id, "resource_id is NULL");
    }
    if raw.project.is_none() {
        findings.note(Code::AssignmentNull, TABLE, id, "project_id is NULL");
    }
    if raw.phase.is_none() {
        findings.note(Code::AssignmentNull, TABLE, id, "project_phase_id is NULL");
    }
    let date = match raw.date.get() {
        Ok(date) => Some(date),
        Err(BadTime::Null) => {
            findings.note(Code::AssignmentNull, TABLE, id, "assignment_date is NULL");
            None
        }
        Err(bad) => {
            findings.note(Code::AssignmentDate, TABLE, id, format!("assignment_date is {bad}"));
            None
        }
    };
    let orphan_project = raw.project.filter(|project| !projects.contains_key(project));
    if let Some(project) = orphan_project {
        findings.note(Code::AssignmentOrphanProject, TABLE, id, format!("points at project {project}"));
    }
    let orphan_phase = raw.phase.filter(|_| link_target == LinkTarget::Missing);
    if let Some(phase) = orphan_phase {
        findings.note(Code::AssignmentOrphanPhase, TABLE, id, format!("points at phase {phase}"));
    }
    let (Some(project), Some(phase), Some(date)) = (raw.project, raw.phase, date) else {
        return None;
    };
    if orphan_project.is_some() || orphan_phase.is_some() {
        return None;
    }
    if link_target == LinkTarget::Foreign {
        let detail = format!("is of project {project}, points at phase {phase} of another project");
        findings.note(Code::AssignmentForeignPhase, TABLE, id, detail);
    }
    Some(ValidAssignment { id, project, phase, date })
}

fn phase_on(phases: &[(PhaseId, DateRange)], date: NaiveDate) -> Option<PhaseId> {
    phases.iter().find(|(_, range)| range.contains(date)).map(|(id, _)| *id)
}
