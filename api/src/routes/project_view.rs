//! What the database says of projects, phases and assignments. The service has no rights on the planner's tables: it asks
//! the functions that say what it may know.

use super::responses::PhaseResponse;
use crate::auth::Caller;
use crate::problem::{Problem, unavailable};
use crate::state::AppState;
use crate::work::{LARGE, aside_if};
use phaseline_domain::{PhaseId, ProjectId};
use phaseline_projections::planner_view::{self, AssignmentDays, ProjectView};
use phaseline_store::StoreError;
use phaseline_store::stream::holders;

/// A project with its phases as answers show them.
pub(crate) type CurrentProject = ProjectView<PhaseResponse>;

/// The phase of that id.
pub(crate) fn phase_of(view: &CurrentProject, id: PhaseId) -> Option<&PhaseResponse> {
    view.phases.iter().find(|phase| phase.id == id)
}

/// A project with its phases, in one round trip; none if there is no such project.
pub(crate) async fn current_project(
    app: &AppState,
    project: ProjectId,
) -> Result<Option<CurrentProject>, Box<Problem>> {
    let Some(json) = planner_view::project_json(&app.pool, project).await.map_err(problem)? else {
        return Err(Box::new(Problem::of_store(&StoreError::NotAccepting)));
    };
    let parsed =
        aside_if(json.len() > LARGE, move || planner_view::parse(project, &json, PhaseResponse::of_row));
    parsed.await?.map_err(|error| {
        tracing::error!(%error, %project, "phaseline.phases_of returned JSON of another form");
        Box::new(crate::problem::internal())
    })
}

/// The project of a phase that stands in the table, if the caller may see it. A phase that is not there and one that is hidden
/// take the same way, so that the time tells no more than the answer.
pub(crate) async fn project_of(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Box<Problem>> {
    let may_see = |project: &ProjectId| caller.may_see(*project);
    if let Some(remembered) = app.store.remembered_project_of(phase).filter(may_see) {
        return Ok(Some(remembered));
    }
    Ok(recorded_project_of(app, phase).await?.filter(may_see))
}

/// The project of a phase that is in the table.
async fn recorded_project_of(app: &AppState, phase: PhaseId) -> Result<Option<ProjectId>, Box<Problem>> {
    planner_view::project_of(&app.pool, phase).await.map_err(problem)
}

/// The project of a phase that is there, or was, if the caller may see it; as [`project_of`].
pub(crate) async fn past_project_of(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<ProjectId>, Box<Problem>> {
    if let Some(project) = project_of(app, caller, phase).await? {
        return Ok(Some(project));
    }
    let mut connection = app.pool.acquire().await.map_err(problem)?;
    let holders = holders(&mut connection, &[phase]).await.map_err(|error| Problem::of_store(&error))?;
    Ok(holders.into_iter().find(|project| caller.may_see(*project)))
}

/// The project of a phase with all that stands there; none if there is no such phase, or the caller may not see its project.
/// What is remembered of phases that were removed is found out here.
pub(crate) async fn current_project_of_phase(
    app: &AppState,
    caller: &Caller,
    phase: PhaseId,
) -> Result<Option<CurrentProject>, Box<Problem>> {
    let remembered = app.store.remembered_project_of(phase);
    if let Some(project) = remembered.filter(|project| caller.may_see(*project)) {
        let found = current_project(app, project).await?.filter(|found| phase_of(found, phase).is_some());
        if found.is_some() {
            return Ok(found);
        }
    }
    match recorded_project_of(app, phase).await? {
        Some(project) if caller.may_see(project) => {
            Ok(current_project(app, project).await?.filter(|found| phase_of(found, phase).is_some()))
        }
        _ => Ok(None),
    }
}

/// How many assignments a project has on each day. Requests that come together are answered by one query.
pub(crate) async fn assignment_days(
    app: &AppState,
    project: ProjectId,
) -> Result<AssignmentDays, Box<Problem>> {
    app.counting.of(&app.pool, project).await
}

/// The problem that an error of these functions is: one that is not there is of a newer schema than the database has.
pub(crate) fn problem(error: sqlx::Error) -> Box<Problem> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    Box::new(match code.as_deref() {
        Some("42883") => unavailable(
            "older_schema",
            "Older schema",
            "the database's schema phaseline is older than this service; after `phaseline upgrade` it answers",
        ),
        _ => Problem::of_sqlx(&error),
    })
}
