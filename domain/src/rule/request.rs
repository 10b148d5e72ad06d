//! The rules about the timeline and the phase of a command.

use super::{Rule, Violation};
use crate::{DateRange, Phase, PhaseId, Timeline};
use chrono::NaiveDate;

/// V16: the project's dates, if the timeline is open.
pub(crate) fn is_open(timeline: &Timeline) -> Result<DateRange, Violation> {
    timeline
        .range()
        .ok_or_else(|| Violation::new(Rule::TimelineOpen, None, "Project has no timeline".to_owned()))
}

/// V17.
pub(crate) fn is_not_open(timeline: &Timeline) -> Option<Violation> {
    timeline
        .project()
        .is_some()
        .then(|| Violation::new(Rule::OpenedOnce, None, "Project already has a timeline".to_owned()))
}

/// V18: the phase, if the timeline has it.
pub(crate) fn has_phase(timeline: &Timeline, id: PhaseId) -> Result<&Phase, Violation> {
    timeline
        .phase(id)
        .ok_or_else(|| Violation::new(Rule::PhaseExists, Some(id), format!("Phase with ID {id} not found")))
}

/// V20.
pub(crate) fn is_fresh(timeline: &Timeline, id: PhaseId) -> Option<Violation> {
    timeline
        .phase(id)
        .map(|_| Violation::new(Rule::PhaseIdUnused, Some(id), format!("Phase with ID {id} already exists")))
}

/// V21: also a constraint of the planner's table of projects (`check_project_dates`).
pub(crate) fn ends_after_it_starts(start: NaiveDate, end: NaiveDate) -> Option<Violation> {
    (start >= end).then(|| {
        let message = format!("Project end date ({end}) must be after project start date ({start})");
        Violation::new(Rule::ProjectDatesInOrder, None, message)
    })
}

/// V27. `now` and `then` differ.
pub(crate) fn keeps_project_dates(now: DateRange, then: DateRange) -> Violation {
    let message = format!(
        "The project had the dates {then} at that moment and has {now} now: restore them with the phases (--with-project-days, or \
         with_project_days: true), or keep them and change single phases"
    );
    Violation::new(Rule::ProjectDatesChosen, None, message)
}
