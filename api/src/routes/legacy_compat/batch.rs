//! Replaces all phases of a project.

use super::project_request::read;
use crate::auth::{Caller, Denied, TokenScope};
use crate::openapi::{PlannerWriteErrors, WriteHeaders};
use crate::routes::error::{PlannerError, RouteFailure};
use crate::routes::execute::WriteCommand;
use crate::routes::opening::{OpenWith, execute_or_open};
use crate::routes::path_id::PathId;
use crate::routes::requests::{BatchPhase, PlannerBatchPhase};
use crate::routes::responses::PhaseResponse;
use crate::routes::success::Changed;
use crate::routes::validate::{FieldErrors, FromJson, JsonPath};
use crate::routes::write_request::WriteRequest;
use crate::state::AppState;
use axum::extract::State;
use phaseline_domain::{PhaseId, ReplacementPhase, TimelineCommand};
use serde_json::Value;
use std::collections::HashMap;
use utoipa::ToSchema;

/// The complete list of a project's phases. Phases that are left out are removed.
#[derive(Debug, ToSchema)]
pub(super) struct Batch {
    /// The phases, in any order.
    phases: Vec<BatchPhase>,
    /// The version of the timeline that the client has seen; the same as `If-Match`.
    version: Option<i64>,
}

impl FromJson for Batch {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, path)?;
        let phases = faults.required::<Vec<PlannerBatchPhase>>(members, path, "phases");
        let version = faults.optional(members, path, "version");
        let phases = phases?.into_iter().map(|PlannerBatchPhase(phase)| phase).collect();
        Some(Self { phases, version })
    }
}

impl Batch {
    /// The one version that header, list and phases name; they must agree.
    fn version(&self, header: Option<i64>) -> Result<Option<i64>, RouteFailure> {
        let mut faults = FieldErrors::default();
        let mut agreed = header;
        let mut agree = |version: Option<i64>, path: &JsonPath<'_>| match (agreed, version) {
            (Some(agreed), Some(version)) if agreed != version => {
                let message =
                    format!("Value error, version {version} is not {agreed}, which the request also has");
                faults.note(&path.member("version"), "value_error", message);
            }
            (None, Some(_)) => agreed = version,
            _ => {}
        };
        agree(self.version, &JsonPath::BODY);
        let list = JsonPath::BODY.member("phases");
        for (index, phase) in self.phases.iter().enumerate() {
            agree(phase.version(), &list.entry(index));
        }
        Ok(faults.none_or(Some(agreed))?)
    }
}

/// Replace all phases of a project
///
/// All or none: phases with an id are changed, those without one created, those left out removed. The response has the phases in
/// the order of the request.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases/batch", tag = "planner", operation_id = "replace_phases",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = Batch, security(("bearer" = ["phases:write"])),
    responses(Changed<[PhaseResponse]>, PlannerWriteErrors))]
pub(super) async fn batch(
    State(app): State<AppState>,
    caller: Result<Caller, Denied>,
    project: PathId,
    mut request: WriteRequest,
) -> Result<Changed<[PhaseResponse]>, PlannerError> {
    let caller = caller?.with_scope(TokenScope::PhasesWrite)?;
    let (project, batch, body) = read::<Batch>(&app, &caller, &project, &mut request).await?;
    let mut preconditions = request.preconditions(&caller, &body)?;
    preconditions.expected = batch.version(preconditions.expected)?;

    let phases = batch.phases.into_iter().enumerate();
    let phases: Vec<ReplacementPhase> =
        phases.map(|(index, phase)| phase.replacement(|| preconditions.new_id(index))).collect();
    let requested: Vec<PhaseId> = phases.iter().map(|phase| phase.draft().id).collect();
    let new_phase_ids = phases.iter().filter_map(|phase| match phase {
        ReplacementPhase::New(draft) => Some(draft.id),
        ReplacementPhase::Existing(_) => None,
    });
    let new_phase_ids = new_phase_ids.collect();
    let command = TimelineCommand::ReplaceAll { phases };
    let write = WriteCommand { new_phase_ids, ..WriteCommand::new(project, command, &preconditions, &body) };
    let executed = execute_or_open(&app, write, OpenWith::ProjectDates).await?;
    let phases: HashMap<PhaseId, &PhaseResponse> =
        executed.phases.iter().map(|phase| (phase.id, phase)).collect();
    let listed = requested.iter().filter_map(|id| phases.get(id).copied().cloned()).collect();
    Ok(executed.response(listed).await?)
}
