//! The way of every command: given to the store, and answered with the phases as they are after it.

use super::error::{Failure, RuleViolations, Stale};
use super::headers::{REPLAYED, answer};
use super::project_view;
use super::responses::PhaseResponse;
use super::write_request::Preconditions;
use crate::problem::{Problem, unavailable};
use crate::request;
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use phaseline_domain::{PhaseId, ProjectId, Refusal, Rule, TimelineCommand, Violation};
use phaseline_projections::planner_view::AssignmentDays;
use phaseline_store::{Committed, ExecuteError, Request, StoreError};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A command on its way.
#[derive(Debug)]
pub(crate) struct WriteCommand<'a> {
    /// Whose timeline.
    pub(crate) project: ProjectId,
    /// What is to be done.
    pub(crate) command: TimelineCommand,
    /// What opens the timeline if there is none yet.
    pub(crate) opening: Option<TimelineCommand>,
    /// What the request says beside it.
    pub(crate) envelope: &'a Preconditions,
    /// What was sent, to be shown beside what stands.
    pub(crate) attempted: &'a Value,
    /// Phases whose ids the caller does not know yet.
    pub(crate) fresh: BTreeSet<PhaseId>,
}

/// What a command led to.
#[derive(Debug)]
pub(crate) struct Executed {
    /// What the store says.
    pub(crate) committed: Committed,
    /// The phases after it.
    pub(crate) phases: Vec<PhaseResponse>,
}

/// Carries out a command, and counts what came of it.
pub(crate) async fn carry_out(app: &AppState, order: WriteCommand<'_>) -> Result<Executed, Failure> {
    let project = order.project;
    let name = name(&order.command);
    let created = match &order.command {
        TimelineCommand::CreatePhase { phase, .. } => Some(phase.id),
        _ => None,
    };
    let request = Request {
        project,
        command: order.command,
        metadata: order.envelope.metadata.clone(),
        opening: order.opening,
        expected: order.envelope.expected,
        key: order.envelope.key_for(project),
        deadline: request::deadline(),
    };
    let outcome = app.store.submit(request).await;
    app.telemetry.commanded(name, outcome_name(&outcome));
    match &outcome {
        Ok(committed) if !committed.repeated && !committed.events.is_empty() => app.commands.succeeded(),
        Err(ExecuteError::Store(error)) => app.commands.failed(error),
        _ => {}
    }
    match outcome {
        Ok(committed) => {
            let phases = after(app, project, &committed).await?;
            Ok(Executed { committed, phases })
        }
        Err(ExecuteError::Refused(refusal)) => {
            Err(Failure::Rules(Box::new(RuleViolations { refusal, fresh: order.fresh })))
        }
        Err(ExecuteError::Stale { .. }) => {
            let Some(current) = project_view::current_project(app, project).await? else {
                return Err(Failure::Missing(no_project(project)));
            };
            Err(Failure::Stale(Box::new(Stale { current, attempted: order.attempted.clone() })))
        }
        Err(ExecuteError::Store(error)) => Err(of_store(&error, project, created, order.fresh)),
    }
}

/// The phases after a command. It is written by now, and whoever asked must learn that.
async fn after(
    app: &AppState,
    project: ProjectId,
    committed: &Committed,
) -> Result<Vec<PhaseResponse>, Failure> {
    let told = async {
        let days: AssignmentDays = project_view::assignment_days(app, project).await?;
        let (folded, version) = (Arc::clone(&committed.after), committed.version);
        let many = folded.timeline.phases().len() >= MANY;
        let phases = aside_if(many, move || PhaseResponse::all_of(&folded, project, version, &days));
        if let Some(phases) = phases.await? {
            return Ok(phases);
        }
        // When a phase came into being is not known here while the command that creates it is being written.
        let current = project_view::current_project(app, project).await?;
        Ok::<_, Box<Problem>>(current.map(|current| current.phases).unwrap_or_default())
    };
    told.await.map_err(|problem| {
        let detail = format!(
            "the command was carried out, the timeline is at version {}; its phases could not be read: {}",
            committed.version,
            problem.detail()
        );
        unavailable("written_not_told", "Written, but not told", detail).into()
    })
}

/// The words for a project that is not there.
pub(crate) fn no_project(project: ProjectId) -> String {
    StoreError::UnknownProject(project).to_string()
}

/// What an error of the store is to a client.
pub(crate) fn of_store(
    error: &StoreError,
    project: ProjectId,
    created: Option<PhaseId>,
    fresh: BTreeSet<PhaseId>,
) -> Failure {
    let database = match error.cause() {
        StoreError::Database(error) => error.as_database_error(),
        _ => None,
    };
    let code = database.and_then(sqlx::error::DatabaseError::code);
    let constraint = database.and_then(sqlx::error::DatabaseError::constraint);
    match (error.cause(), code.as_deref()) {
        (StoreError::UnknownProject(project), _) => Failure::Missing(no_project(*project)),
        // The project went while the command was on its way.
        (_, Some("23503")) if constraint.is_none_or(|name| name == "project_phases_project_id_fkey") => {
            Failure::Missing(no_project(project))
        }
        // A phase of that id stands in another project, which is none of the caller's business.
        (_, Some("PL001")) if created.is_some() => {
            let id = created.unwrap_or_else(PhaseId::random);
            let refusal = Refusal::from(Violation {
                rule: Rule::V20,
                field: Rule::V20.field(),
                message: format!("Phase with ID {id} already exists"),
                phase_id: Some(id),
            });
            Failure::Rules(Box::new(RuleViolations { refusal, fresh }))
        }
        (StoreError::KeyReused, _) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", "Key used before", error.to_string())
                .into()
        }
        (StoreError::OutcomeUnknown(why), _) => {
            tracing::error!(why, %project, "whether a command was written is not known");
            unavailable(
                "outcome_unknown",
                "Outcome unknown",
                "the connection to the database was lost while the command was being written; whether it was written is not \
                 known: look before you ask again, or ask again with the same idempotency key",
            )
            .into()
        }
        _ => Problem::of_store(error).into(),
    }
}

/// A command's name in the service's numbers.
const fn name(command: &TimelineCommand) -> &'static str {
    match command {
        TimelineCommand::Open { .. } => "open",
        TimelineCommand::Reschedule { .. } => "reschedule",
        TimelineCommand::CreatePhase { .. } => "create",
        TimelineCommand::ResizePhase { .. } => "resize",
        TimelineCommand::RenamePhase { .. } => "rename",
        TimelineCommand::DescribePhase { .. } => "describe",
        TimelineCommand::BudgetPhase { .. } => "budget",
        TimelineCommand::ChangePhase { .. } => "change",
        TimelineCommand::Reorder { .. } => "reorder",
        TimelineCommand::RemovePhase { .. } => "remove",
        TimelineCommand::ReplaceAll { .. } => "replace",
    }
}

fn outcome_name(outcome: &Result<Committed, ExecuteError>) -> &'static str {
    match outcome {
        Ok(committed) if committed.repeated => "repeated",
        Ok(committed) if committed.events.is_empty() => "unchanged",
        Ok(_) => "committed",
        Err(ExecuteError::Refused(_)) => "refused",
        Err(ExecuteError::Stale { .. }) => "stale",
        Err(ExecuteError::Store(_)) => "failed",
    }
}

impl Executed {
    /// An answer with the place that the command led to.
    pub(crate) async fn answer(
        &self,
        status: StatusCode,
        body: impl Serialize + Send + 'static,
    ) -> Result<Response, Box<Problem>> {
        let place = (self.committed.version, self.committed.position);
        let mut response = answer(status, body, self.phases.len(), place).await?;
        if self.committed.repeated {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// The phase of that id after the command.
    pub(crate) fn phase(&self, id: PhaseId) -> Option<&PhaseResponse> {
        self.phases.iter().find(|phase| phase.id == id)
    }
}
