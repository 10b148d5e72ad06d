//! A project's timeline as a whole: its days, and the phases that cover them.

use super::error::{Failure, RuleViolations, Stale};
use super::execute::{Executed, WriteCommand, carry_out, no_project};
use super::headers::current_response;
use super::openapi::{Reading, WriteHeaders, Writing};
use super::project_view;
use super::requests::{self, Days};
use super::responses::PhaseResponse;
use super::validate::FieldErrors;
use super::write_request::{Preconditions, Segment, WriteRequest};
use crate::auth::{Caller, Denied, Scope};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use phaseline_domain::{
    DateRange, PhaseId, ProjectId, Refusal, Rule, TimelineCommand, TimelineEvent, Violation,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// A project's timeline.
#[derive(Serialize, ToSchema)]
#[schema(as = Timeline)]
struct TimelineBody {
    /// The project.
    #[schema(value_type = Uuid)]
    project_id: ProjectId,
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    start_date: Option<String>,
    /// Its last day, included.
    #[schema(value_type = String, format = Date)]
    end_date: Option<String>,
    /// Its phases by start date.
    phases: Vec<PhaseResponse>,
    /// The version, as in `ETag`; 0 if the log does not know the project yet.
    version: i64,
    /// The position of its last event; 0 if there is none.
    position: i64,
}

/// A project's timeline
///
/// As it stands in the tables that the planner's backend reads.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}/timeline", tag = "timelines", operation_id = "get_timeline",
    params(("project_id" = Uuid, Path)), security(("bearer" = ["phases:read"])),
    responses(
        (status = OK, body = TimelineBody, headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Phaseline-Quarantine" = String, description = "If the timeline is in quarantine: the positions of the events \
             that cannot be read, the first ten."))),
        Reading,
    ))]
async fn get(State(app): State<AppState>, asks: Result<Caller, Denied>, project: Segment) -> Response {
    let found = async {
        let caller = asks?;
        caller.need(Scope::PhasesRead)?;
        let project: ProjectId = requests::id("project", &project.0)?;
        caller.need_project(project)?;
        let found = project_view::current_project(&app, project)
            .await?
            .ok_or_else(|| Failure::Missing(no_project(project)))?;
        let [start_date, end_date] = found.dates;
        let (version, position) = (found.version, found.position);
        let body = TimelineBody {
            project_id: project,
            start_date,
            end_date,
            phases: found.phases,
            version,
            position,
        };
        let phases = body.phases.len();
        Ok(current_response(&app, project, body, phases, (version, position)).await?)
    };
    found.await.unwrap_or_else(Failure::into_problem)
}

/// Give a project its days
///
/// A project without a timeline gets one, with one phase over all its days. In one that is there the first phase's start and
/// the last phase's end follow.
#[utoipa::path(put, path = "/api/v1/projects/{project_id}/timeline", tag = "timelines", operation_id = "put_timeline",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = Days, security(("bearer" = ["phases:write"])),
    responses(
        (status = OK, body = TimelineBody, headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Idempotent-Replayed" = String, description = "`true` if this is an earlier answer again."))),
        (status = CREATED, body = TimelineBody, headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Idempotent-Replayed" = String, description = "`true` if this is an earlier answer again."))),
        Writing,
    ))]
async fn put(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    project: Segment,
    mut sent: WriteRequest,
) -> Response {
    let given = async {
        let caller = asks?;
        caller.need(Scope::PhasesWrite)?;
        let project: ProjectId = requests::id("project", &project.0)?;
        caller.need_project(project)?;
        let (days, body) = sent.read::<Days>(&app, FieldErrors::default()).await?;
        let envelope = sent.envelope(&caller, &body)?;
        let done = give(&app, project, days, &envelope, &body.json).await?;
        let after = &done.committed.after.timeline;
        let text =
            |end: fn(DateRange) -> chrono::NaiveDate| after.range().map(|range| end(range).to_string());
        let body = TimelineBody {
            project_id: project,
            start_date: text(DateRange::start),
            end_date: text(DateRange::end),
            phases: done.phases.clone(),
            version: done.committed.version,
            position: done.committed.position,
        };
        let status = if opened(&done) { StatusCode::CREATED } else { StatusCode::OK };
        Ok(done.answer(status, body).await?)
    };
    given.await.unwrap_or_else(Failure::into_problem)
}

/// Whether the command opened the timeline; an adoption opens one for the command that comes behind it.
fn opened(done: &Executed) -> bool {
    let events = &done.committed.events;
    events.iter().any(|event| matches!(event, TimelineEvent::TimelineOpened(_)))
        && events.iter().any(|event| matches!(event, TimelineEvent::PhaseCreated(_)))
}

/// Reschedules the timeline, or opens it if there is none.
async fn give(
    app: &AppState,
    project: ProjectId,
    days: Days,
    envelope: &Preconditions,
    body: &Value,
) -> Result<Executed, Failure> {
    let order = |command| WriteCommand {
        project,
        command,
        opening: None,
        envelope,
        attempted: body,
        fresh: BTreeSet::new(),
    };
    match carry_out(app, order(days.command())).await {
        Err(Failure::Rules(broken)) if broken.refusal.breaks(Rule::V16) => {}
        done => return done,
    }
    if envelope.must_exist && envelope.expected.is_none() {
        let found = project_view::current_project(app, project)
            .await?
            .ok_or_else(|| Failure::Missing(no_project(project)))?;
        return Err(Failure::Stale(Box::new(Stale { current: found, attempted: body.clone() })));
    }
    let command = opening(project, days, envelope.new_id(0))?;
    match carry_out(app, order(command)).await {
        // Somebody else opened it meanwhile.
        Err(Failure::Rules(broken)) if broken.refusal.breaks(Rule::V17) => {
            carry_out(app, order(days.command())).await
        }
        done => done,
    }
}

/// The command that opens a timeline with these days.
pub(super) fn opening(
    project_id: ProjectId,
    days: Days,
    default_phase_id: PhaseId,
) -> Result<TimelineCommand, Failure> {
    let (start, end) = (days.start_date, days.end_date);
    let range = DateRange::new(start, end).map_err(|_| {
        let refusal = Refusal::from(Violation {
            rule: Rule::V21,
            field: Rule::V21.field(),
            message: format!("Project end date ({end}) must be after project start date ({start})"),
            phase_id: None,
        });
        Failure::Rules(Box::new(RuleViolations { refusal, fresh: BTreeSet::new() }))
    })?;
    Ok(TimelineCommand::Open { project_id, range, default_phase_id })
}
