//! Translates one project's legacy rows into events.

use super::events::ProjectEvents;
use crate::anomaly::{Code, Findings};
use crate::legacy::assignment_links::AssignedDays;
use crate::log::rows_digest;
use crate::report::{BudgetSums, PlanOptions, Source};
use crate::spill::SpillError;
use chrono::NaiveDate;
use phaseline_domain::event::{LegacyPhaseAdopted, TimelineOpened};
use phaseline_domain::legacy::{self, Boundary, DoesNotFit, LegacyPhase, Untranslatable};
use phaseline_domain::{DateRange, Description, Money, PhaseId, ProjectId, Timeline, TimelineEvent};
use phaseline_projections::{FoldedTimeline, legacy_phases};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// What the log has from earlier runs, other than timelines.
#[derive(Debug, Default)]
pub(crate) struct EarlierRuns {
    /// The digest of each project's rows as the last rollback wrote them.
    pub written: HashMap<ProjectId, String>,
}

/// The input of a project's translation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToTranslate<'a> {
    pub id: ProjectId,
    /// Its dates.
    pub range: DateRange,
    /// Its legacy rows.
    pub rows: &'a [LegacyPhase],
    /// Its timeline in the log, if it has one.
    pub known: Option<&'a FoldedTimeline>,
    /// The digest of its rows as the last rollback wrote them.
    pub written: Option<&'a str>,
    /// The dates of its assignments.
    pub assigned: &'a AssignedDays<'a>,
}

/// The events that the project's history gains; none if it cannot be translated, which is noted.
///
/// # Errors
/// [`SpillError`] if the dates of its assignments cannot be read.
pub(crate) fn phases_of_project(
    project: ToTranslate<'_>,
    options: &PlanOptions,
    findings: &mut Findings,
) -> Result<Option<ProjectEvents>, SpillError> {
    let ToTranslate { id: project, range, rows, known, written, assigned } = project;
    let mut otherwise = Vec::new();
    let open = known.filter(|folded| folded.timeline.project().is_some());
    let events = match open {
        None if rows.is_empty() => Err(Untranslatable::NoPhases.into()),
        None => match legacy::adopt(range, rows.to_vec()) {
            Ok(mut adopted) => {
                otherwise = share(&mut adopted, range, assigned, options.boundary)?;
                if options.boundary == Boundary::Fit {
                    note_single_days(project, &adopted, &otherwise, findings);
                }
                let opened = TimelineEvent::from(TimelineOpened { project_id: project, range });
                let events =
                    std::iter::once(opened).chain(adopted.into_iter().map(TimelineEvent::from)).collect();
                Ok((Source::Tables, events))
            }
            Err(why) => Err(DoesNotFit::from(why)),
        },
        Some(folded) => retranslate(folded, range, rows, written),
    };
    let (source, events): (Source, Vec<TimelineEvent>) = match events {
        Ok(translated) => translated,
        Err(DoesNotFit::Untranslatable(Untranslatable::NoPhases)) if options.repair => {
            findings.note(
                Code::ProjectRepaired,
                "projects",
                project,
                "gets a default phase without a budget",
            );
            let none = Timeline::default();
            let timeline = open.map_or(&none, |folded| &folded.timeline);
            (Source::Repair, legacy::supply(timeline, project, range, PhaseId::random()))
        }
        Err(why) => {
            let code = match &why {
                DoesNotFit::Untranslatable(Untranslatable::NoPhases) => Code::ProjectWithoutPhases,
                DoesNotFit::Untranslatable(Untranslatable::MorePhasesThanDays { .. })
                | DoesNotFit::NoRoom(_) => Code::MorePhasesThanDays,
                DoesNotFit::Untranslatable(Untranslatable::Value(_)) => Code::NotThePlanners,
                DoesNotFit::Refused(_) => Code::RulesBroken,
            };
            findings.note(code, "projects", project, why.to_string().replace('\n', "; "));
            return Ok(None);
        }
    };
    let before = open.map(|folded| folded.timeline.clone()).unwrap_or_default();
    let changes = if source == Source::LogAndTables { changes(open, &events) } else { Vec::new() };
    let mut timeline = before;
    for event in &events {
        timeline.evolve(event);
    }
    let mut budgets = BudgetSums::default();
    for phase in timeline.phases() {
        let budget = phase.budget;
        budgets.add([budget.capital(), budget.expense(), budget.total()].map(Money::amount));
    }
    Ok(Some(ProjectEvents {
        outcome: outcome(&timeline),
        project,
        version: known.map_or(0, |folded| folded.version),
        events,
        source,
        changes,
        phases: timeline.phases().iter().map(|phase| (phase.id, phase.range)).collect(),
        otherwise,
        budgets,
    }))
}

/// Gives the phases of a new project the dates of the requested boundary. `adopted` have the midpoint's. Returns the dates by the other
/// boundary; none if there is only one phase.
fn share(
    adopted: &mut [LegacyPhaseAdopted],
    range: DateRange,
    assigned: &AssignedDays<'_>,
    boundary: Boundary,
) -> Result<Vec<(PhaseId, DateRange)>, SpillError> {
    if adopted.len() < 2 {
        return Ok(Vec::new());
    }
    let days: Vec<Vec<NaiveDate>> =
        adopted.iter().map(|phase| assigned.of(phase.phase_id)).collect::<Result<_, _>>()?;
    let days: Vec<&[NaiveDate]> = days.iter().map(Vec::as_slice).collect();
    let fitted = legacy::fit(range, &days).into_iter().flatten();
    let mut otherwise: Vec<_> =
        adopted.iter().zip(fitted).map(|(phase, range)| (phase.phase_id, range)).collect();
    if boundary == Boundary::Fit {
        for (phase, (_, other)) in adopted.iter_mut().zip(&mut otherwise) {
            std::mem::swap(&mut phase.range, other);
        }
    }
    Ok(otherwise)
}

/// Notes phases to which the fitted boundary leaves a single day, where the midpoint, `otherwise`, gives more.
fn note_single_days(
    project: ProjectId,
    adopted: &[LegacyPhaseAdopted],
    otherwise: &[(PhaseId, DateRange)],
    findings: &mut Findings,
) {
    for (phase, (_, other)) in adopted.iter().zip(otherwise) {
        if phase.range.days() == 1 && other.days() > 1 {
            let (start, days) = (phase.range.start(), other.days());
            let detail = format!(
                "{} ({}) gets {start} alone, the midpoint gives it {days} days",
                phase.name, phase.phase_id
            );
            findings.note(Code::PhaseOfOneDay, "projects", project, detail);
        }
    }
}

/// SHA-256 over the values of the future timeline that legacy rows do not have: names, dates, descriptions. Without edits a rolled back
/// database has the same digest as before its migration; with edits in the log it has another one.
fn outcome(timeline: &Timeline) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for phase in timeline.phases() {
        // The id of a supplied phase is random until it is written.
        let id = if phase.supplied { None } else { Some(phase.id) };
        let description = phase.description.as_ref().map(Description::as_str);
        for text in
            [format!("{id:?}"), phase.name.to_string(), phase.range.to_string(), format!("{description:?}")]
        {
            hasher.update(Sha256::digest(text.as_bytes()));
        }
    }
    hasher.finalize().into()
}

/// Translates a project that the log has. If its rows have the digest that the rollback recorded, they were not changed, and the
/// timeline continues from the log.
fn retranslate(
    folded: &FoldedTimeline,
    range: DateRange,
    rows: &[LegacyPhase],
    written: Option<&str>,
) -> Result<(Source, Vec<TimelineEvent>), DoesNotFit> {
    let mut recorded: Vec<LegacyPhase> =
        legacy_phases::rows(folded).iter().filter_map(rows_digest::as_legacy).collect();
    if written == Some(rows_digest::of_found(rows).as_str()) {
        // Only the rows' order among those of other projects may differ.
        for known in &mut recorded {
            if let Some(row) = rows.iter().find(|row| row.id == known.id) {
                *known = LegacyPhase { ordinal: known.ordinal, ..*row };
            }
        }
    }
    let events = legacy::remigrate(&folded.timeline, &recorded, range, rows)?;
    Ok((if events.is_empty() { Source::Log } else { Source::LogAndTables }, events))
}

/// The changes of a timeline by the tables, in words.
fn changes(known: Option<&FoldedTimeline>, events: &[TimelineEvent]) -> Vec<String> {
    let none = FoldedTimeline::default();
    let known = known.unwrap_or(&none);
    let before = &known.timeline;
    let recorded: Vec<LegacyPhase> =
        legacy_phases::rows(known).iter().filter_map(rows_digest::as_legacy).collect();
    let name = |id: PhaseId| before.phase(id).map_or_else(String::new, |phase| format!(" '{}'", phase.name));
    events
        .iter()
        .map(|event| match event {
            TimelineEvent::TimelineRescheduled(e) => match before.range() {
                Some(range) => format!("the project's dates: {range} becomes {}", e.range),
                None => format!("the project's dates: {}", e.range),
            },
            TimelineEvent::PhaseRemoved(e) => format!("phase {}{} was removed", e.phase_id, name(e.phase_id)),
            TimelineEvent::LegacyPhaseAdopted(e) => {
                format!("phase {} is new ({}), {}", e.phase_id, e.phase_type, e.range)
            }
            TimelineEvent::PhaseResized(e) => {
                format!("phase {}{} goes from {}", e.phase_id, name(e.phase_id), e.range)
            }
            TimelineEvent::LegacyRowRecorded(e) => {
                let row = recorded.iter().find(|row| row.id == e.phase_id);
                let differing = [
                    ("budget", row.is_none_or(|row| row.budget != e.budget)),
                    ("phase_type", row.is_none_or(|row| row.phase_type != e.phase_type)),
                    ("created_at", row.is_none_or(|row| row.created_at != e.created_at)),
                    ("updated_at", row.is_none_or(|row| row.updated_at != e.updated_at)),
                ];
                let mut fields: Vec<&str> =
                    differing.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect();
                // An update moves a row, so the place is reported only if nothing else differs.
                if fields.is_empty() && row.is_none_or(|row| row.ordinal != e.ordinal) {
                    fields.push("its place among the rows");
                }
                format!("phase {}{}: {}", e.phase_id, name(e.phase_id), fields.join(", "))
            }
            other => other.type_name().to_owned(),
        })
        .collect()
}
