//! Opens the timeline of a project that has none, in the same append as the project's first command.

use super::error::{RouteFailure, RuleViolations};
use super::execute::{Executed, WriteCommand, execute, no_project, stale, store_failure};
use super::project_view::{self, CurrentProject};
use super::requests::NewDates;
use crate::problem::conflict;
use crate::state::AppState;
use phaseline_domain::{DateRange, PhaseId, ProjectId, Refusal, Rule, TimelineCommand, Violation};
use phaseline_store::Preview;
use std::collections::BTreeSet;

/// The dates of a timeline that a command opens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OpenWith {
    /// Those of the request.
    Dates(NewDates),
    /// Those that the project has in the planner's table.
    ProjectDates,
}

impl OpenWith {
    /// The command that opens the timeline.
    async fn command(
        self,
        app: &AppState,
        project_id: ProjectId,
        default_phase_id: PhaseId,
    ) -> Result<TimelineCommand, RouteFailure> {
        let range = match self {
            Self::Dates(dates) => range(dates)?,
            Self::ProjectDates => {
                let project = project_view::current_project(app, project_id).await?;
                dates_of(&project.ok_or_else(|| no_project(project_id))?)?
            }
        };
        Ok(TimelineCommand::Open { project_id, range, default_phase_id })
    }
}

/// Executes a command; if the project has no timeline, opens one first, unless the request requires a version.
pub(crate) async fn execute_or_open(
    app: &AppState,
    write: WriteCommand<'_>,
    with: OpenWith,
) -> Result<Executed, RouteFailure> {
    match execute(app, write.clone()).await {
        Err(RouteFailure::Rules(violations)) if lacks_timeline(&violations.refusal) => {}
        result => return result,
    }
    let (project, preconditions) = (write.project, write.preconditions);
    if preconditions.must_exist && preconditions.expected.is_none() {
        return Err(stale(app, project, write.attempted).await?);
    }
    let default_phase_id = match with {
        OpenWith::Dates(_) => preconditions.new_id(0),
        // The request's own phases have the ids that follow from its key.
        OpenWith::ProjectDates => PhaseId::random(),
    };
    let opening = Some(with.command(app, project, default_phase_id).await?);
    execute(app, WriteCommand { opening, ..write }).await
}

/// Previews a command; if the project has no timeline, on the one that would be opened.
pub(crate) async fn preview_or_open(
    app: &AppState,
    project: ProjectId,
    command: &TimelineCommand,
    with: Option<OpenWith>,
) -> Result<Preview, RouteFailure> {
    let failure = |error| store_failure(&error, project, None, BTreeSet::new());
    let preview = app.store.preview(project, None, command).await.map_err(failure)?;
    let (Some(with), Err(refusal)) = (with, &preview.events) else { return Ok(preview) };
    if !lacks_timeline(refusal) {
        return Ok(preview);
    }
    let opening = with.command(app, project, PhaseId::random()).await?;
    app.store.preview(project, Some(&opening), command).await.map_err(failure)
}

fn lacks_timeline(refusal: &Refusal) -> bool {
    refusal.breaks(Rule::TimelineOpen)
}

fn range(NewDates { start_date: start, end_date: end }: NewDates) -> Result<DateRange, RouteFailure> {
    DateRange::new(start, end).map_err(|_| {
        let refusal = Refusal::from(Violation {
            rule: Rule::ProjectDatesInOrder,
            field: Rule::ProjectDatesInOrder.field(),
            message: format!("Project end date ({end}) must be after project start date ({start})"),
            phase_id: None,
            no_room: None,
        });
        RouteFailure::Rules(Box::new(RuleViolations { refusal, new_phase_ids: BTreeSet::new() }))
    })
}

/// The dates of a project in the planner's table, if they are a range.
pub(crate) fn dates_of(project: &CurrentProject) -> Result<DateRange, RouteFailure> {
    project.range().ok_or_else(|| {
        let id = project.project;
        let detail =
            format!("the dates of project {id} are not a range of dates between the years 1 and 9999");
        conflict("no_days", "Invalid project dates", detail).into()
    })
}
