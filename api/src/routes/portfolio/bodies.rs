//! What the routes of all timelines return.

use crate::routes::diff::DiffBody;
use crate::routes::past_timeline::{BudgetSumsBody, LogMomentBody, PastPhase};
use phaseline_projections::portfolio::{ChangeTotals, PortfolioProject, PortfolioTotals, ProjectChange};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A page of all timelines at a moment.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct TimelineList {
    /// The moment: the end of a command.
    pub(super) moment: LogMomentBody,
    /// The projects.
    #[schema(value_type = Vec<ListedTimelineBody>)]
    pub(super) projects: Vec<PortfolioProject>,
    /// Sums over all pages; only with `totals=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ListTotalsBody>, nullable = false)]
    pub(super) totals: Option<PortfolioTotals>,
    /// Where the next page begins; null if this is the last one.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

/// A project's timeline in the list.
#[derive(ToSchema)]
#[schema(as = ListedTimeline)]
#[expect(dead_code, reason = "for the description")]
struct ListedTimelineBody {
    /// The project.
    project_id: Uuid,
    /// Its name now; null if the planner does not have it any more, and with `names=false`.
    #[schema(required)]
    name: Option<String>,
    /// Its cost centre now; null as well if it has none.
    #[schema(required)]
    cost_center: Option<String>,
    /// Its first date.
    #[schema(format = Date, required)]
    start_date: Option<String>,
    /// Its last date, included.
    #[schema(format = Date, required)]
    end_date: Option<String>,
    /// Its phases by start date; with `on`, those that run on that day.
    phases: Vec<PastPhase>,
    /// The sums of their budgets.
    budget: BudgetSumsBody,
    /// The timeline's version.
    version: i64,
    /// The position of its last event.
    position: i64,
    /// The id of that event.
    event_id: Uuid,
    /// The hash of that event, in hexadecimal.
    hash: String,
    /// The positions of events that cannot be read, if there are any: the phases follow from the others.
    #[schema(nullable = false)]
    unreadable: Option<Vec<i64>>,
    /// The positions of the first events that were altered after they were recorded, if there are any: the phases are not the recorded
    /// ones.
    #[schema(nullable = false)]
    altered: Option<Vec<i64>>,
}

/// Sums over all projects of the list.
#[derive(ToSchema)]
#[schema(as = ListTotals)]
#[expect(dead_code, reason = "for the description")]
struct ListTotalsBody {
    /// The number of projects.
    projects: i64,
    /// The number of their phases.
    phases: i64,
    /// The sums of these phases' budgets.
    budget: BudgetSumsBody,
    /// The number of projects with events that cannot be read, or were altered: their part of the sums is not the recorded one.
    unsound: i64,
}

/// A page of what changed of all timelines between two moments.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct TimelineListDiff {
    /// The earlier moment.
    pub(super) from: LogMomentBody,
    /// The later moment.
    pub(super) to: LogMomentBody,
    /// The changed projects.
    #[schema(value_type = Vec<ListedDiffBody>)]
    pub(super) projects: Vec<ProjectChange>,
    /// Sums over all pages; only with `totals=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DiffTotalsBody>, nullable = false)]
    pub(super) totals: Option<ChangeTotals>,
    /// Where the next page begins; null if this is the last one.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

/// What changed of a project's timeline.
#[derive(ToSchema)]
#[schema(as = ListedDiff)]
#[expect(dead_code, reason = "for the description")]
struct ListedDiffBody {
    /// Its name now; null if the planner does not have it any more, and with `names=false`.
    #[schema(required)]
    name: Option<String>,
    /// Its cost centre now; null as well if it has none.
    #[schema(required)]
    cost_center: Option<String>,
    /// The id of the timeline's last event at the later moment.
    event_id: Uuid,
    /// The hash of that event, in hexadecimal.
    hash: String,
    /// The positions of events that cannot be read, if there are any: the difference is that of the others.
    #[schema(nullable = false)]
    unreadable: Option<Vec<i64>>,
    /// The positions of the first events that were altered after they were recorded, if there are any: the difference is not the
    /// recorded one.
    #[schema(nullable = false)]
    altered: Option<Vec<i64>>,
    /// What changed.
    #[serde(flatten)]
    diff: DiffBody,
}

/// Sums over all changed projects.
#[derive(ToSchema)]
#[schema(as = DiffTotals)]
#[expect(dead_code, reason = "for the description")]
struct DiffTotalsBody {
    /// What happened to timelines.
    projects: StatusCountsBody,
    /// What happened to their phases.
    phases: StatusCountsBody,
    /// How much the budgets grew.
    budget: BudgetSumsBody,
    /// The number of projects with events that cannot be read, or were altered: their part of the sums is not the recorded one.
    unsound: i64,
}

/// How many of them came, went and changed.
#[derive(ToSchema)]
#[schema(as = DiffStatusCounts)]
#[expect(dead_code, reason = "for the description")]
struct StatusCountsBody {
    /// Those that are only there at the later moment.
    added: i64,
    /// Those that are only there at the earlier moment.
    removed: i64,
    /// Those that have other values.
    changed: i64,
}
