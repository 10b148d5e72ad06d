//! A project's timeline as it was at a moment of the log.

use super::error::RouteFailure;
use super::execute::no_project;
use super::headers::TimelineVersion;
use super::moment::resolved;
use super::money::MoneyText;
use super::project_view;
use crate::problem::{Problem, internal, of_read};
use crate::state::AppState;
use chrono::{DateTime, Utc};
use phaseline_domain::{DateRange, ProjectId};
use phaseline_projections::effects::BudgetSums;
use phaseline_projections::project_phases::{PhaseRow, rows};
use phaseline_store::moment::{Moment, ResolvedMoment};
use phaseline_store::timeline_states::{self, ProjectSelection, SelectedStates};
use phaseline_store::{FoldedTimeline, RecordedTimeline, stream};
use serde::Serialize;
use utoipa::ToSchema;

/// A moment of the log.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = LogMoment)]
pub(super) struct LogMomentBody {
    /// The position of the last event; 0 before the first one.
    position: i64,
    /// When it was recorded (UTC); null at position 0.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    recorded_at: Option<DateTime<Utc>>,
}

impl From<ResolvedMoment> for LogMomentBody {
    fn from(moment: ResolvedMoment) -> Self {
        Self { position: moment.position, recorded_at: moment.recorded_at }
    }
}

/// A project's timeline as it was. Assignments are no events: the log does not know those of the past.
#[derive(Serialize, ToSchema)]
#[schema(as = PastTimeline)]
pub(super) struct PastTimelineBody {
    /// The project.
    #[schema(value_type = Uuid)]
    project_id: ProjectId,
    /// The moment: the end of a command.
    moment: LogMomentBody,
    /// Whether the timeline was open: not before its first event, and not after its project was deleted.
    exists: bool,
    /// The project's first date; null unless it was open.
    #[schema(value_type = Option<String>, format = Date, required)]
    start_date: Option<String>,
    /// Its last date, included.
    #[schema(value_type = Option<String>, format = Date, required)]
    end_date: Option<String>,
    /// Its phases by start date.
    #[schema(value_type = Vec<PastPhase>)]
    phases: Vec<PhaseRow>,
    /// The sums of their budgets.
    #[schema(value_type = BudgetSumsBody)]
    budget: BudgetSums,
    /// The version; 0 before the first event.
    version: i64,
    /// The position of the timeline's last event; 0 before the first one.
    position: i64,
}

/// A phase as it was.
#[derive(ToSchema)]
#[schema(as = PastPhase)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct PastPhase {
    /// Its project.
    project_id: uuid::Uuid,
    /// The capital part of its budget.
    #[schema(value_type = MoneyText)]
    capital_budget: String,
    /// The expense part of its budget.
    #[schema(value_type = MoneyText)]
    expense_budget: String,
    /// Its total budget.
    #[schema(value_type = MoneyText)]
    total_budget: String,
    /// Its id.
    id: uuid::Uuid,
    /// When it was created (UTC).
    created_at: String,
    /// When it last changed (UTC).
    updated_at: String,
    /// Its name.
    name: String,
    /// Its first date.
    #[schema(format = Date)]
    start_date: String,
    /// Its last date, included.
    #[schema(format = Date)]
    end_date: String,
    /// Its description.
    #[schema(required)]
    description: Option<String>,
}

/// Sums of budgets, or differences of sums: amounts with two decimals.
#[derive(ToSchema)]
#[schema(as = BudgetSums)]
#[expect(dead_code, reason = "for the description")]
pub(super) struct BudgetSumsBody {
    /// Capital parts.
    #[schema(example = "50000.00")]
    capital: String,
    /// Expense parts.
    #[schema(example = "25000.00")]
    expense: String,
    /// Totals.
    #[schema(example = "75000.00")]
    total: String,
}

/// A project's history up to a position; 404 if neither the log nor the planner has ever had the project.
pub(super) async fn history_until(
    app: &AppState,
    project: ProjectId,
    position: i64,
) -> Result<Vec<RecordedTimeline>, RouteFailure> {
    // A whole history holds a connection for a while.
    let reading = app.readers.acquire().await.map_err(|_| internal())?;
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let history = stream::history(&mut session, project, Some(position)).await;
    let history = session.end(history).map_err(|error| Problem::of_store(&error))?;
    drop(reading);
    if history.is_empty() {
        need_known(app, project).await?;
    }
    Ok(history)
}

/// 404 if neither the log nor the planner has ever had the project.
async fn need_known(app: &AppState, project: ProjectId) -> Result<(), RouteFailure> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let recorded = stream::projects_between(&mut session, [project.uuid(); 2]).await;
    let recorded = session.end(recorded).map_err(|error| Problem::of_store(&error))?;
    if recorded.is_empty() && project_view::current_project(app, project).await?.is_none() {
        return Err(no_project(project));
    }
    Ok(())
}

/// A project's timeline at a position, without an event if it had none; 404 if neither the log nor the planner has ever had the project.
pub(crate) async fn timeline_at(
    app: &AppState,
    project: ProjectId,
    position: i64,
) -> Result<FoldedTimeline, RouteFailure> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let mut found = None;
    let selection = ProjectSelection::These(vec![project]);
    let read =
        timeline_states::each_at(&mut session, &selection, position, SelectedStates::Valid, |stream| {
            found = Some(stream.whole()?);
            Ok(())
        });
    let read = read.await;
    session.end(read).map_err(|error| Problem::of_store(&error))?;
    if found.is_none() {
        need_known(app, project).await?;
    }
    Ok(found.unwrap_or_default())
}

/// A project's timeline at a moment, and the position that it means.
pub(super) async fn read(
    app: &AppState,
    project: ProjectId,
    requested: Moment,
) -> Result<(PastTimelineBody, ResolvedMoment), RouteFailure> {
    let moment = resolved(app, requested).await?;
    let folded = timeline_at(app, project, moment.position).await?;
    let range = folded.timeline.range();
    let body = PastTimelineBody {
        project_id: project,
        moment: moment.into(),
        exists: folded.timeline.project().is_some(),
        start_date: range.map(DateRange::start).map(|day| day.to_string()),
        end_date: range.map(DateRange::end).map(|day| day.to_string()),
        phases: rows(&folded),
        budget: BudgetSums::of(&folded.timeline),
        version: folded.version,
        position: folded.position,
    };
    Ok((body, moment))
}

impl PastTimelineBody {
    /// The version.
    pub(super) const fn version(&self) -> TimelineVersion {
        TimelineVersion { version: self.version, position: self.position }
    }

    /// The number of phases.
    pub(super) const fn entries(&self) -> usize {
        self.phases.len()
    }
}
