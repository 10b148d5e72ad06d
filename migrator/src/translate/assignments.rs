//! Assignments: the phase of each by its date, and links to record.

use super::events::{ProjectLinks, Translation};
use super::rebooking::{AssignmentEffect, Tally};
use crate::anomaly::{Code, Findings};
use crate::fast_hash::FastHash;
use crate::legacy::assignment_links::{LinkTarget, LinkTargets};
use crate::legacy::tables::{BadTime, LegacyTables, RawAssignment, RawProject};
use crate::log::link_events::FoldedLinks;
use chrono::NaiveDate;
use phaseline_domain::legacy::Boundary;
use phaseline_domain::{AssignmentId, DateRange, PhaseId, ProjectId};
use std::collections::HashMap;
use std::hash::BuildHasher;

const TABLE: &str = "resource_assignments";

/// Counts the assignments by the phase of their date, and collects the links that the log does not have.
pub(super) fn assignments(
    tables: &LegacyTables,
    projects: &HashMap<ProjectId, &RawProject, FastHash>,
    link_targets: &LinkTargets,
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
    for (at, raw) in tables.assignments.iter().enumerate() {
        let id = raw.id;
        let Some(ValidAssignment { project, phase, date }) =
            check_assignment(raw, link_targets.of(at), projects, findings)
        else {
            continue;
        };
        let place = places.get(&project).copied();
        let fate = |phases: &[(PhaseId, DateRange)]| AssignmentEffect::of(phase, phase_on(phases, date));
        let fates = place.map_or([AssignmentEffect::Outside; 2], |at| {
            let project = &translated[at];
            let chosen = fate(&project.phases);
            [chosen, if project.otherwise.is_empty() { chosen } else { fate(&project.otherwise) }]
        });
        tally.see(place, fates, raw.percentage);
        match fates[0] {
            AssignmentEffect::Kept => translation.by_date.kept += 1,
            AssignmentEffect::Changed => translation.by_date.changed += 1,
            AssignmentEffect::Outside => {
                translation.by_date.outside += 1;
                findings.note(Code::AssignmentOutside, TABLE, id, format!("dated {date}, project {project}"));
            }
        }
        if let Some(other) = known.phase_of.get(&id).filter(|other| **other != phase) {
            findings.note(
                Code::LinkChanged,
                TABLE,
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

/// An assignment whose columns have values and refer to rows that exist.
struct ValidAssignment {
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
    Some(ValidAssignment { project, phase, date })
}

fn phase_on(phases: &[(PhaseId, DateRange)], date: NaiveDate) -> Option<PhaseId> {
    phases.iter().find(|(_, range)| range.contains(date)).map(|(id, _)| *id)
}

fn same_resource_and_day(tables: &LegacyTables, findings: &mut Findings) {
    // Sorted by a hash of resource, project and day, which needs less memory. Equal hashes are compared by the values themselves.
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
            findings.note(Code::SameResourceAndDay, TABLE, raw.id, detail);
        }
    }
}
