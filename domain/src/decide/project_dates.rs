//! Commands on a timeline whose project's dates another program has changed.

use super::decide;
use crate::event::TimelineRescheduled;
use crate::rule::{self, Draft};
use crate::{DateRange, Refusal, Timeline, TimelineCommand, TimelineEvent, Violation};

/// The events of a command on a timeline whose project has other dates now.
#[derive(Clone, Debug, PartialEq)]
pub struct Following {
    /// The events by which the timeline follows the project's dates; empty if it has them.
    pub dates: Vec<TimelineEvent>,
    /// The command's own events, after the others.
    pub events: Vec<TimelineEvent>,
}

impl Following {
    /// Whether there is nothing to record.
    pub fn is_empty(&self) -> bool {
        self.dates.is_empty() && self.events.is_empty()
    }
}

/// Decides a command on a timeline whose project has the dates `range` in the planner's table, other than in the log. As in the
/// planner, the first phase's start and the last phase's end follow the project. Where they cannot, since a phase would end before it
/// starts, only the project's dates follow, and the command must itself lead to a valid timeline over them, as a complete list does.
///
/// # Errors
/// The rules that the command breaks on the timeline that followed. If it cannot follow, those that the dates break; for a complete list
/// those that the list breaks over the new dates.
pub fn decide_following(
    timeline: &Timeline,
    range: DateRange,
    command: &TimelineCommand,
) -> Result<Following, Refusal> {
    let (dates, refusal) = follow_dates(timeline, range);
    let mut after = timeline.clone();
    dates.iter().for_each(|event| after.evolve(event));
    let Some(refusal) = refusal else {
        return Ok(Following { events: decide(&after, command)?, dates });
    };
    match decide(&after, command) {
        Ok(events) => {
            events.iter().for_each(|event| after.evolve(event));
            let drafts: Vec<Draft<'_>> = after.phases().iter().map(Draft::from).collect();
            // A command that changes the project's dates has its own range.
            if after.range().is_some_and(|range| rule::validate(range, &drafts).is_empty()) {
                return Ok(Following { dates, events });
            }
        }
        // A complete list has its own faults: the current phases are none of them.
        Err(own)
            if matches!(command, TimelineCommand::ReplaceAll { .. } | TimelineCommand::Restore { .. }) =>
        {
            return Err(own);
        }
        Err(_) => {}
    }
    Err(explained(refusal, range))
}

/// The events by which a timeline follows other dates of its project, and why its phases cannot: then the project's dates alone follow.
pub fn follow_dates(timeline: &Timeline, range: DateRange) -> (Vec<TimelineEvent>, Option<Refusal>) {
    let follow = TimelineCommand::Reschedule { start_date: range.start(), end_date: range.end() };
    match decide(timeline, &follow) {
        Ok(dates) => (dates, None),
        Err(refusal) => (vec![TimelineRescheduled { range }.into()], Some(refusal)),
    }
}

/// The same refusal; its first violation names the source of the dates and the remedy.
fn explained(refusal: Refusal, range: DateRange) -> Refusal {
    let mut violations: Vec<Violation> = refusal.violations().to_vec();
    if let Some(first) = violations.first_mut() {
        first.message = format!(
            "{} (another program changed the project's dates to {range}, and the phases cannot follow: save a complete list of phases \
             over these dates, or change the project's dates back)",
            first.message
        );
    }
    Refusal::unless_empty(violations).err().unwrap_or(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PhaseDraft, PhaseId, ProjectId, ReplacementPhase};
    use chrono::NaiveDate;
    use rust_decimal::Decimal;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn range(start: &str, end: &str) -> DateRange {
        DateRange::new(day(start), day(end)).unwrap()
    }

    /// A timeline of 2024 with two phases, which meet at the end of June.
    fn timeline() -> (Timeline, [PhaseId; 2]) {
        let ids = [PhaseId::random(), PhaseId::random()];
        let mut timeline = Timeline::default();
        let mut run = |command: TimelineCommand| {
            decide(&timeline, &command).unwrap().iter().for_each(|event| timeline.evolve(event));
        };
        run(TimelineCommand::Open {
            project_id: ProjectId::random(),
            range: range("2024-01-01", "2024-12-31"),
            default_phase_id: ids[0],
        });
        run(TimelineCommand::ReplaceAll {
            phases: vec![
                ReplacementPhase::Existing(draft(ids[0], ("2024-01-01", "2024-06-30"))),
                ReplacementPhase::New(draft(ids[1], ("2024-07-01", "2024-12-31"))),
            ],
        });
        (timeline, ids)
    }

    fn draft(id: PhaseId, (start, end): (&str, &str)) -> PhaseDraft {
        PhaseDraft {
            id,
            name: "Phase".to_owned(),
            start_date: day(start),
            end_date: day(end),
            description: None,
            capital_budget: Decimal::ZERO,
            expense_budget: Decimal::ZERO,
            total_budget: Decimal::ZERO,
        }
    }

    fn list(ids: [PhaseId; 2], dates: [(&str, &str); 2]) -> TimelineCommand {
        let phases = ids.into_iter().zip(dates);
        TimelineCommand::ReplaceAll {
            phases: phases.map(|(id, dates)| ReplacementPhase::Existing(draft(id, dates))).collect(),
        }
    }

    #[test]
    fn the_first_start_and_the_last_end_follow_before_the_command() {
        let (timeline, ids) = timeline();
        let rename = TimelineCommand::RenamePhase { phase_id: ids[0], name: "Design".to_owned() };
        let following = decide_following(&timeline, range("2023-12-01", "2025-02-28"), &rename).unwrap();
        let names: Vec<&str> = following.dates.iter().map(TimelineEvent::type_name).collect();
        assert_eq!(names, ["TimelineRescheduled", "PhaseResized", "PhaseResized"]);
        assert_eq!(following.events.len(), 1);
    }

    #[test]
    fn a_command_that_only_repeats_what_followed_still_follows() {
        let (timeline, ids) = timeline();
        let same = list(ids, [("2024-01-01", "2024-06-30"), ("2024-07-01", "2025-02-28")]);
        let following = decide_following(&timeline, range("2024-01-01", "2025-02-28"), &same).unwrap();
        assert_eq!((following.dates.len(), following.events.len()), (2, 0));
    }

    #[test]
    fn dates_that_no_phase_can_follow_are_refused_unless_a_list_fits() {
        let (timeline, ids) = timeline();
        let short = range("2024-01-01", "2024-05-31");
        let rename = TimelineCommand::RenamePhase { phase_id: ids[0], name: "Design".to_owned() };
        let refusal = decide_following(&timeline, short, &rename).unwrap_err();
        assert!(refusal.breaks(crate::Rule::DatesInOrder), "{refusal:?}");
        let explanations = refusal.messages().matches("2024-01-01 to 2024-05-31").count();
        assert_eq!(explanations, 1, "{refusal}");
        assert!(refusal.violations().len() > 1, "{refusal}");
        let fitting = list(ids, [("2024-01-01", "2024-03-31"), ("2024-04-01", "2024-05-31")]);
        let following = decide_following(&timeline, short, &fitting).unwrap();
        assert_eq!((following.dates.len(), following.events.len()), (1, 2));
    }

    #[test]
    fn a_timeline_is_restored_over_dates_that_no_phase_can_follow() {
        let (timeline, _) = timeline();
        let short = range("2024-01-01", "2024-05-31");
        let restore = |by_choice| TimelineCommand::restore(&timeline, by_choice).unwrap();
        let refusal = decide_following(&timeline, short, &restore(false)).unwrap_err();
        assert!(refusal.breaks(crate::Rule::ProjectDatesChosen), "{refusal}");
        // The planner's dates are recorded, and then undone.
        let following = decide_following(&timeline, short, &restore(true)).unwrap();
        assert_eq!((following.dates.len(), following.events.len()), (1, 1));
        let mut after = timeline.clone();
        following.dates.iter().chain(&following.events).for_each(|event| after.evolve(event));
        assert_eq!(after, timeline);
    }

    #[test]
    fn a_list_that_does_not_fit_is_refused_for_its_own_faults() {
        let (timeline, ids) = timeline();
        let short = range("2024-01-01", "2024-05-31");
        let refused = |command: &TimelineCommand| decide_following(&timeline, short, command).unwrap_err();
        let ends_early = list(ids, [("2024-01-01", "2024-03-31"), ("2024-04-01", "2024-05-30")]);
        // As if the timeline had the new dates, and no phase.
        let mut empty = timeline.clone();
        empty.evolve(&TimelineRescheduled { range: short }.into());
        assert_eq!(refused(&ends_early), decide(&empty, &ends_early).unwrap_err());
        assert_eq!(refused(&ends_early).violations().len(), 1, "{}", refused(&ends_early));
        let unknown =
            list([ids[0], PhaseId::random()], [("2024-01-01", "2024-03-31"), ("2024-04-01", "2024-05-31")]);
        assert!(refused(&unknown).breaks(crate::Rule::PhaseExists), "{}", refused(&unknown));
    }
}
