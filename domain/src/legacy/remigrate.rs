//! A project with a timeline, migrated again: the events that record what changed in its legacy rows. What the rows do not have (names,
//! dates, descriptions) stays as in the log.

use super::split::split;
use super::translation::{LegacyPhase, Untranslatable, adopt, order};
use crate::event::{
    DefaultPhaseSupplied, LegacyPhaseAdopted, LegacyRowRecorded, PhaseRemoved, PhaseResized, TimelineOpened,
    TimelineRescheduled,
};
use crate::{
    DateRange, Neighbours, PhaseId, PhaseName, ProjectId, Refusal, Timeline, TimelineCommand, TimelineEvent,
    decide, rule,
};
use std::collections::HashSet;

/// Why a project's rows do not fit its timeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DoesNotFit {
    /// There is no row, or more rows than days.
    #[error(transparent)]
    Untranslatable(#[from] Untranslatable),
    /// A rule of timelines would be broken.
    #[error("{}", .0.messages())]
    Refused(#[from] Refusal),
    /// A new row's neighbours have one day each and none to give.
    #[error("phase {0} is new, and its neighbours have only one day each")]
    NoRoom(PhaseId),
}

/// The timeline so far, and the events that led to it.
struct Remigration {
    timeline: Timeline,
    events: Vec<TimelineEvent>,
}

impl Remigration {
    fn record(&mut self, event: impl Into<TimelineEvent>) {
        let event = event.into();
        self.timeline.evolve(&event);
        self.events.push(event);
    }

    fn command(&mut self, command: &TimelineCommand) -> Result<(), Refusal> {
        for event in decide(&self.timeline, command)? {
            self.record(event);
        }
        Ok(())
    }
}

/// The events that a project's history gains. `recorded` are its legacy rows as the log has them, `found` those of the table now,
/// `range` the project's dates now. No events if all are the same.
///
/// - A missing row removes its phase; its dates go to the phase before it, else to the one after.
/// - The project's dates move the first phase's start and the last phase's end.
/// - A new row takes the later half of the dates of the row before it (by type, `created_at`, id), or the first half of
///   those of the row after it.
/// - A row that differs is recorded as it is now.
/// - If no phase stays, the rows found share the dates as at a first migration.
pub fn remigrate(
    timeline: &Timeline,
    recorded: &[LegacyPhase],
    range: DateRange,
    found: &[LegacyPhase],
) -> Result<Vec<TimelineEvent>, DoesNotFit> {
    let mut work = Remigration { timeline: timeline.clone(), events: Vec::new() };
    let ids: HashSet<PhaseId> = found.iter().map(|row| row.id).collect();
    if !timeline.phases().iter().any(|phase| ids.contains(&phase.id)) {
        return without_known_rows(work, recorded, range, found);
    }
    for phase in timeline.phases().iter().filter(|phase| !ids.contains(&phase.id)) {
        work.command(&TimelineCommand::RemovePhase { phase_id: phase.id, neighbours: Neighbours::Adjust })?;
    }
    work.command(&TimelineCommand::Reschedule { start_date: range.start(), end_date: range.end() })?;
    make_room(&mut work, found)?;
    for row in found {
        let known = recorded.iter().find(|known| known.id == row.id);
        let adopted = timeline.phase(row.id).is_none();
        if !adopted && known != Some(row) {
            work.record(LegacyRowRecorded {
                phase_id: row.id,
                budget: row.budget,
                phase_type: row.phase_type,
                created_at: row.created_at,
                updated_at: row.updated_at,
                ordinal: row.ordinal,
            });
        }
    }
    let drafts: Vec<rule::Draft<'_>> = work.timeline.phases().iter().map(rule::Draft::from).collect();
    Refusal::unless_empty(rule::validate(range, &drafts))?;
    Ok(work.events)
}

/// [`remigrate`] where no phase of the timeline has a row.
fn without_known_rows(
    mut work: Remigration,
    recorded: &[LegacyPhase],
    range: DateRange,
    found: &[LegacyPhase],
) -> Result<Vec<TimelineEvent>, DoesNotFit> {
    let moved = work.timeline.range() != Some(range);
    if found.is_empty() {
        let [only] = work.timeline.phases() else {
            return Err(Untranslatable::NoPhases.into());
        };
        if !recorded.is_empty() || !only.supplied {
            return Err(Untranslatable::NoPhases.into());
        }
        // A repair created its only phase, which follows the project and still counts as unchanged.
        let (phase_id, name) = (only.id, only.name.clone());
        if moved {
            work.record(TimelineRescheduled { range });
            work.record(DefaultPhaseSupplied { phase_id, name, range });
        }
        return Ok(work.events);
    }
    let adopted = adopt(range, found.to_vec())?;
    if moved {
        work.record(TimelineRescheduled { range });
    }
    remove_all(&mut work);
    for phase in adopted {
        work.record(phase);
    }
    Ok(work.events)
}

fn remove_all(work: &mut Remigration) {
    let phases: Vec<PhaseId> = work.timeline.phases().iter().map(|phase| phase.id).collect();
    for phase_id in phases {
        work.record(PhaseRemoved { phase_id });
    }
}

/// Gives every new row dates of a row beside it.
fn make_room(work: &mut Remigration, found: &[LegacyPhase]) -> Result<(), DoesNotFit> {
    let mut rows = found.to_vec();
    order(&mut rows);
    for (at, row) in rows.iter().enumerate() {
        if work.timeline.phase(row.id).is_some() {
            continue;
        }
        let phase_of = |row: &LegacyPhase| work.timeline.phase(row.id).map(|phase| (phase.id, phase.range));
        let before = rows.iter().take(at).rev().find_map(phase_of);
        let after = rows.iter().skip(at + 1).find_map(phase_of);
        let halves = |of: Option<(PhaseId, DateRange)>| {
            let (id, range) = of?;
            let halves = split(range, 2)?;
            Some((id, *halves.first()?, *halves.last()?))
        };
        let (giver, keeps, gives) = match (halves(before), halves(after)) {
            (Some((id, first, last)), _) => (id, first, last),
            (None, Some((id, first, last))) => (id, last, first),
            (None, None) => return Err(DoesNotFit::NoRoom(row.id)),
        };
        work.record(PhaseResized { phase_id: giver, range: keeps });
        work.record(LegacyPhaseAdopted {
            phase_id: row.id,
            name: PhaseName::new(row.phase_type.phase_name()).map_err(Untranslatable::from)?,
            range: gives,
            budget: row.budget,
            phase_type: row.phase_type,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ordinal: row.ordinal,
        });
    }
    Ok(())
}

/// The events that the history of a project without rows gains when a repair supplies its phase. `timeline` is the one of the log:
/// the default value if it has none, or a closed one.
pub fn supply(
    timeline: &Timeline,
    project_id: ProjectId,
    range: DateRange,
    phase_id: PhaseId,
) -> Vec<TimelineEvent> {
    let mut work = Remigration { timeline: timeline.clone(), events: Vec::new() };
    match timeline.range() {
        None => work.record(TimelineOpened { project_id, range }),
        Some(known) if known != range => work.record(TimelineRescheduled { range }),
        Some(_) => {}
    }
    remove_all(&mut work);
    work.record(DefaultPhaseSupplied { phase_id, name: PhaseName::of_default_phase(), range });
    work.events
}
