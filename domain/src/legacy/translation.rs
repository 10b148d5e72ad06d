//! The events of a project that is migrated for the first time.

use super::split::split;
use crate::event::{LegacyPhaseAdopted, TimelineOpened};
use crate::legacy_type::LegacyPhaseType;
use crate::{Budget, DateRange, InvalidValue, PhaseId, PhaseName, ProjectId, TimelineEvent};
use chrono::NaiveDateTime;

/// A row of the legacy `project_phases`, with checked values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyPhase {
    /// `id`
    pub id: PhaseId,
    /// `phase_type`
    pub phase_type: LegacyPhaseType,
    /// `capital_budget` and `expense_budget`
    pub budget: Budget,
    /// `created_at` (UTC)
    pub created_at: NaiveDateTime,
    /// `updated_at` (UTC)
    pub updated_at: NaiveDateTime,
    /// The row's place among all rows of the table, from 1.
    pub ordinal: i64,
}

/// Puts the phases of one project into the order in which they share its dates: type, then `created_at`, then id.
pub fn order(phases: &mut [LegacyPhase]) {
    phases.sort_by_key(|phase| (phase.phase_type, phase.created_at, phase.id));
}

/// Why a project cannot become a timeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untranslatable {
    /// It has no phase to cover its dates.
    #[error("project has no phases")]
    NoPhases,
    /// It has more phases than days.
    #[error("{phases} phases do not fit into {days} days")]
    MorePhasesThanDays {
        /// How many phases.
        phases: usize,
        /// How many days.
        days: i64,
    },
    /// A value broke a rule of its own.
    #[error(transparent)]
    Value(#[from] InvalidValue),
}

/// The adopted phases of one project: each with the dates ([`split`]) and the name that the timeline shape gives it, in order.
pub fn adopt(
    range: DateRange,
    mut phases: Vec<LegacyPhase>,
) -> Result<Vec<LegacyPhaseAdopted>, Untranslatable> {
    if phases.is_empty() {
        return Err(Untranslatable::NoPhases);
    }
    order(&mut phases);
    let ranges = split(range, phases.len())
        .ok_or(Untranslatable::MorePhasesThanDays { phases: phases.len(), days: range.days() })?;
    phases
        .into_iter()
        .zip(ranges)
        .map(|(phase, range)| {
            Ok(LegacyPhaseAdopted {
                phase_id: phase.id,
                name: PhaseName::new(phase.phase_type.phase_name())?,
                range,
                budget: phase.budget,
                phase_type: phase.phase_type,
                created_at: phase.created_at,
                updated_at: phase.updated_at,
                ordinal: phase.ordinal,
            })
        })
        .collect()
}

/// The whole history that a project of the legacy planner starts with.
pub fn translate(
    project_id: ProjectId,
    range: DateRange,
    phases: Vec<LegacyPhase>,
) -> Result<Vec<TimelineEvent>, Untranslatable> {
    let adopted = adopt(range, phases)?;
    let opened = TimelineEvent::from(TimelineOpened { project_id, range });
    Ok(std::iter::once(opened).chain(adopted.into_iter().map(TimelineEvent::from)).collect())
}
