//! The id in a request's path.

use super::error::RouteFailure;
use super::validate::{FieldErrors, in_path};
use crate::auth::Caller;
use crate::problem::bad_request;
use crate::state::AppState;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use phaseline_domain::{PhaseId, ProjectId};
use std::convert::Infallible;
use uuid::Uuid;

/// The one variable part of a path, unchecked.
#[derive(Debug)]
pub(crate) struct PathId(String);

impl FromRequestParts<AppState> for PathId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        Ok(Self(path.map(|Path(text)| text).unwrap_or_default()))
    }
}

impl PathId {
    /// The id of a phase.
    pub(crate) fn phase(&self) -> Result<PhaseId, RouteFailure> {
        self.parse("phase").map(PhaseId::from)
    }

    /// The id of a project that the caller may access.
    pub(crate) fn project_for(&self, caller: &Caller) -> Result<ProjectId, RouteFailure> {
        let project = self.parse("project").map(ProjectId::from)?;
        caller.need_project(project)?;
        Ok(project)
    }

    fn parse(&self, what: &str) -> Result<Uuid, RouteFailure> {
        let Self(text) = self;
        Uuid::try_parse(text).map_err(|error| {
            RouteFailure::from(bad_request(format!(
                "{text:?} in the path is not the id of a {what}: {error}"
            )))
        })
    }

    /// The id of a phase, for the planner's own routes: they answer 422 for one that cannot be parsed.
    pub(crate) fn planner_phase(&self) -> Result<PhaseId, RouteFailure> {
        let mut faults = FieldErrors::default();
        let phase = in_path("phase_id", &self.0, &mut faults);
        Ok(faults.none_or(phase)?)
    }

    /// The id of a project that the caller may access, for the planner's own routes. An id that cannot be parsed is added to
    /// `faults`.
    pub(crate) fn planner_project_for(
        &self,
        caller: &Caller,
        faults: &mut FieldErrors,
    ) -> Result<Option<ProjectId>, RouteFailure> {
        let project: Option<ProjectId> = in_path("project_id", &self.0, faults);
        if let Some(project) = project {
            caller.need_project(project)?;
        }
        Ok(project)
    }
}
