//! The steps of each project's history: how many it has, and what each does.

use super::edits;
use super::phase_list::{divided, names, rebudgeted};
use super::recorder::{Recorder, UserEdit};
use super::words::{BUDGETED, DIVIDED, RESTORED, hostile};
use crate::command::demo::portfolio::ProjectRole;
use crate::command::demo::random::DemoRandom;
use crate::failure::Failure;
use phaseline_domain::{ProjectId, Timeline, TimelineCommand};

/// Of the project with five hundred events, each command of this number has several.
const SEVERAL: usize = 8;

/// The number of commands of a project.
pub(super) fn count(role: ProjectRole, random: &mut DemoRandom) -> usize {
    match role {
        ProjectRole::Untouched => 0,
        ProjectRole::Ordinary | ProjectRole::Restored => 4 + random.below(9),
        ProjectRole::OnePhase | ProjectRole::ThreePhases => 5,
        ProjectRole::SixtyPhases => 12,
        ProjectRole::FiveHundredEvents => 41 * SEVERAL,
        ProjectRole::Closed | ProjectRole::DatesChanged => 6,
        ProjectRole::HostileNames => 7,
    }
}

/// Takes the step of this number, of so many.
pub(super) async fn take(
    recorder: &mut Recorder,
    project: ProjectId,
    role: ProjectRole,
    number: usize,
    count: usize,
) -> Result<(), Failure> {
    if role == ProjectRole::Restored && number + 1 == count {
        let reason = recorder.random.pick(RESTORED);
        return recorder.restore(project, reason).await;
    }
    let Some((timeline, random)) = recorder.timeline(project) else { return Ok(()) };
    let edit =
        if number == 0 { first(role, timeline, random) } else { later(role, number, timeline, random) };
    match edit {
        Some(edit) => recorder.execute(project, edit).await,
        None => Ok(()),
    }
}

/// Divides the project into phases.
fn first(role: ProjectRole, timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    let names = match role {
        ProjectRole::OnePhase => vec!["Delivery".to_owned()],
        ProjectRole::ThreePhases => ["Discovery", "Build", "Rollout"].map(str::to_owned).into(),
        ProjectRole::SixtyPhases => (1..=60).map(|number| format!("Sprint {number}")).collect(),
        ProjectRole::FiveHundredEvents => {
            ["Discovery", "Design", "Build", "Integration test", "Rollout", "Hypercare"]
                .map(str::to_owned)
                .into()
        }
        ProjectRole::HostileNames => hostile(),
        _ => names(random),
    };
    let command = divided(timeline, names, random)?;
    Some(edits::edit(command, DIVIDED, random))
}

fn later(role: ProjectRole, number: usize, timeline: &Timeline, random: &mut DemoRandom) -> Option<UserEdit> {
    match role {
        ProjectRole::FiveHundredEvents if number.is_multiple_of(SEVERAL) => {
            let command = rebudgeted(timeline, random);
            Some(edits::edit(command, BUDGETED, random))
        }
        ProjectRole::HostileNames => described(timeline, number),
        ProjectRole::OnePhase
        | ProjectRole::ThreePhases
        | ProjectRole::DatesChanged
        | ProjectRole::SixtyPhases
        | ProjectRole::FiveHundredEvents => edits::small(timeline, random),
        // Phases and dates may be others then.
        _ => edits::any(timeline, random),
    }
}

/// Gives a phase its own name as description, for a reason that is as hostile.
fn described(timeline: &Timeline, number: usize) -> Option<UserEdit> {
    let phase = timeline.phases().get(number - 1)?;
    let name = phase.name.as_str();
    let command =
        TimelineCommand::DescribePhase { phase_id: phase.id, description: Some(format!("About {name}")) };
    Some(UserEdit { command, reason: Some(format!("because of {name}")) })
}
