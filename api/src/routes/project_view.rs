//! Projects, phases and assignments as the database has them. The service has no privileges on the planner's tables: it calls
//! functions of schema `phaseline`.

use super::headers::TimelineVersion;
use super::responses::PhaseResponse;
use crate::auth::Caller;
use crate::problem::{Problem, of_read};
use crate::state::AppState;
use crate::work::{LARGE, aside_if};
use phaseline_domain::{DateRange, PhaseId, ProjectId};
use phaseline_projections::planner_view::{self, AssignmentDays, ProjectView};
use phaseline_store::StoreError;

/// A project with its phases as responses show them.
pub(crate) type CurrentProject = ProjectView<PhaseResponse>;

/// The version that the rows show.
pub(crate) const fn version_of(view: &CurrentProject) -> TimelineVersion {
    TimelineVersion { version: view.version, position: view.position }
}

/// The phase of that id.
pub(crate) fn phase_of(view: &CurrentProject, id: PhaseId) -> Option<&PhaseResponse> {
    view.phases.iter().find(|phase| phase.id == id)
}

/// A project with its phases, in one round trip; none if the project does not exist.
pub(crate) async fn current_project(
    app: &AppState,
    project: ProjectId,
) -> Result<Option<CurrentProject>, Box<Problem>> {
    let Some(json) = planner_view::project_json(&app.sessions, project).await.map_err(of_read)? else {
        return Err(Box::new(Problem::of_store(&StoreError::NotAccepting)));
    };
    let parsed =
        aside_if(json.len() > LARGE, move || planner_view::parse(project, &json, PhaseResponse::of_row));
    parsed.await?.map_err(|error| {
        tracing::error!(%error, %project, "phaseline.phases_of returned JSON of another form");
        Box::new(crate::problem::internal())
    })
}

/// The project of a phase in the table, if the caller may see it. A missing phase and a hidden one take the same path, so that
/// the time reveals no more than the response.
pub(crate) async fn project_of(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Box<Problem>> {
    match remembered_project_of(app, caller, phase) {
        Some(project) => Ok(Some(project)),
        None => recorded_project_of(app, caller, phase).await,
    }
}

/// The project of a present or past phase, if the caller may see it; as [`project_of`].
pub(crate) async fn past_project_of(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Box<Problem>> {
    if let Some(project) = remembered_project_of(app, caller, phase) {
        return Ok(Some(project));
    }
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let may_see = |project| caller.may_see(project);
    let project = planner_view::past_project_of(&mut session, phase, may_see).await;
    session.end(project).map_err(|error| match error {
        StoreError::Database(error) => of_read(error),
        error => Box::new(Problem::of_store(&error)),
    })
}

/// The project of a phase with all its rows; none if the phase does not exist, or the caller may not see its project. The cache may
/// still have a removed phase, so the rows decide.
pub(crate) async fn current_project_of_phase(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<CurrentProject>, Box<Problem>> {
    let with_phase = async |project| {
        let found = current_project(app, project).await?;
        Ok::<_, Box<Problem>>(found.filter(|found| phase_of(found, phase).is_some()))
    };
    if let Some(project) = remembered_project_of(app, caller, phase)
        && let Some(found) = with_phase(project).await?
    {
        return Ok(Some(found));
    }
    match recorded_project_of(app, caller, phase).await? {
        Some(project) => with_phase(project).await,
        None => Ok(None),
    }
}

/// The project in whose cached timeline the phase is, or was.
fn remembered_project_of(app: &AppState, caller: &Caller, phase: PhaseId) -> Option<ProjectId> {
    app.store.remembered_project_of(phase).filter(|project| caller.may_see(*project))
}

/// The project of a phase in the table.
async fn recorded_project_of(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Box<Problem>> {
    let mut session = app.sessions.begin().await.map_err(of_read)?;
    let found = planner_view::project_of(&mut session, phase).await;
    let found = session.end(found).map_err(of_read)?;
    Ok(found.filter(|project| caller.may_see(*project)))
}

/// The number of assignments of a project on each day.
pub(crate) async fn assignment_days(
    app: &AppState,
    project: ProjectId,
) -> Result<AssignmentDays, Box<Problem>> {
    let mut counted = planner_view::assignment_days(&app.sessions, &[project]).await.map_err(of_read)?;
    Ok(counted.remove(&project).unwrap_or_default())
}

/// The number of assignments of a project on each of these dates. One query serves simultaneous requests.
pub(crate) async fn assignment_counts(
    app: &AppState,
    project: ProjectId,
    dates: Vec<DateRange>,
) -> Result<Vec<i64>, Box<Problem>> {
    app.assignment_counts.of(&app.sessions, project, dates).await
}
