//! Passes a command to the store, and returns the phases after it.

use super::error::{RouteFailure, RuleViolations, Stale};
use super::headers::TimelineVersion;
use super::project_view;
use super::responses::PhaseResponse;
use super::success::{ResponseContent, ResponseKind, Success};
use super::write_request::{JsonBody, Preconditions};
use crate::problem::{Problem, unavailable};
use crate::request;
use crate::state::AppState;
use crate::work::{MANY, aside_if};
use axum::http::StatusCode;
use phaseline_domain::{PhaseId, ProjectId, Refusal, Rule, TimelineCommand, Violation};
use phaseline_store::{Committed, CurrentTimeline, ExecuteError, Request, SqlState, StoreError};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A command of a request.
#[derive(Clone, Debug)]
pub(crate) struct WriteCommand<'a> {
    /// The project of the timeline.
    pub(crate) project: ProjectId,
    /// The command.
    pub(crate) command: TimelineCommand,
    /// What opens the timeline if the project has none.
    pub(crate) opening: Option<TimelineCommand>,
    /// Required version, key and metadata.
    pub(crate) preconditions: &'a Preconditions,
    /// The body, which a version conflict shows beside the current rows.
    pub(crate) attempted: &'a Value,
    /// Phases whose ids the client does not know yet.
    pub(crate) new_phase_ids: BTreeSet<PhaseId>,
}

impl<'a> WriteCommand<'a> {
    /// A command to a timeline that exists, without new phases.
    pub(crate) fn new(
        project: ProjectId,
        command: TimelineCommand,
        preconditions: &'a Preconditions,
        body: &'a JsonBody,
    ) -> Self {
        Self {
            project,
            command,
            opening: None,
            preconditions,
            attempted: &body.json,
            new_phase_ids: BTreeSet::new(),
        }
    }
}

/// A command that was executed.
#[derive(Debug)]
pub(crate) struct Executed {
    /// What the store committed.
    pub(crate) committed: Committed,
    /// The phases after it.
    pub(crate) phases: Vec<PhaseResponse>,
}

/// Executes a command, and counts its outcome.
pub(crate) async fn execute(app: &AppState, write: WriteCommand<'_>) -> Result<Executed, RouteFailure> {
    let project = write.project;
    let name = name(&write);
    let created = match &write.command {
        TimelineCommand::CreatePhase { phase, .. } => Some(phase.id),
        _ => None,
    };
    let request = Request {
        project,
        command: write.command,
        metadata: write.preconditions.metadata.clone(),
        opening: write.opening,
        expected: write.preconditions.expected,
        key: write.preconditions.key_for(project),
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
            let phases = phases_after(app, project, &committed).await?;
            Ok(Executed { committed, phases })
        }
        Err(ExecuteError::Refused(refusal)) => {
            let new_phase_ids = write.new_phase_ids;
            Err(RouteFailure::Rules(Box::new(RuleViolations { refusal, new_phase_ids })))
        }
        Err(ExecuteError::Stale { .. }) => Err(stale(app, project, write.attempted).await?),
        Err(ExecuteError::Store(error)) => Err(store_failure(&error, project, created, write.new_phase_ids)),
    }
}

/// The failure of a request that requires another version, with the current one.
pub(super) async fn stale(
    app: &AppState,
    project: ProjectId,
    attempted: &Value,
) -> Result<RouteFailure, Box<Problem>> {
    Ok(match project_view::current_project(app, project).await? {
        Some(current) => RouteFailure::Stale(Box::new(Stale { current, attempted: attempted.clone() })),
        None => no_project(project),
    })
}

/// The phases after a command. It is committed by now: a failure must tell the client so.
async fn phases_after(
    app: &AppState,
    project: ProjectId,
    committed: &Committed,
) -> Result<Vec<PhaseResponse>, RouteFailure> {
    let reading = async {
        let (folded, version) = (Arc::clone(&committed.after), committed.version);
        let all = folded.timeline.phases();
        if all.iter().all(|phase| folded.timestamps.contains_key(&phase.id)) {
            let many = all.len() >= MANY;
            let dates = all.iter().map(|phase| phase.range).collect();
            let counts = project_view::assignment_counts(app, project, dates).await?;
            return aside_if(many, move || PhaseResponse::all_of(&folded, project, version, &counts)).await;
        }
        // The fold has no timestamps of a phase that this command created.
        let current = project_view::current_project(app, project).await?;
        Ok::<_, Box<Problem>>(current.map(|current| current.phases).unwrap_or_default())
    };
    reading.await.map_err(|problem| {
        let detail = format!(
            "the command was committed, the timeline is at version {}; its phases could not be read: {}",
            committed.version,
            problem.detail()
        );
        unavailable("written_not_told", "Committed, but the response could not be built", detail).into()
    })
}

/// The project does not exist.
pub(crate) fn no_project(project: ProjectId) -> RouteFailure {
    RouteFailure::NotFound(StoreError::UnknownProject(project).to_string())
}

/// The timeline on which the next command is decided.
pub(crate) async fn current_timeline(
    app: &AppState,
    project: ProjectId,
) -> Result<CurrentTimeline, RouteFailure> {
    let current = app.store.current(project).await;
    current.map_err(|error| store_failure(&error, project, None, BTreeSet::new()))
}

/// The failure for an error of the store.
pub(crate) fn store_failure(
    error: &StoreError,
    project: ProjectId,
    created: Option<PhaseId>,
    new_phase_ids: BTreeSet<PhaseId>,
) -> RouteFailure {
    let database = match error.cause() {
        StoreError::Database(error) => error.as_database_error(),
        _ => None,
    };
    let constraint = database.and_then(sqlx::error::DatabaseError::constraint);
    match (error.cause(), error.sqlstate()) {
        (StoreError::UnknownProject(project), _) => no_project(*project),
        // The project was deleted while the command was executed.
        (_, Some(SqlState::ForeignKeyViolation))
            if constraint.is_none_or(|name| name == "project_phases_project_id_fkey") =>
        {
            no_project(project)
        }
        // Another project has a phase of that id; the caller may have no access to it.
        (_, Some(SqlState::ConflictingRow)) if created.is_some() => {
            let id = created.unwrap_or_else(PhaseId::random);
            let refusal = Refusal::from(Violation {
                rule: Rule::PhaseIdUnused,
                field: Rule::PhaseIdUnused.field(),
                message: format!("Phase with ID {id} already exists"),
                phase_id: Some(id),
                no_room: None,
            });
            RouteFailure::Rules(Box::new(RuleViolations { refusal, new_phase_ids }))
        }
        (StoreError::KeyReused, _) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", "Key used before", error.to_string())
                .into()
        }
        (StoreError::OutcomeUnknown(why), _) => {
            tracing::error!(why, %project, "it is unknown whether a command was committed");
            unavailable(
                "outcome_unknown",
                "Outcome unknown",
                "the connection to the database was lost during the commit, so the command may or may not have been committed: \
                 check before you send it again, or send it again with the same idempotency key",
            )
            .into()
        }
        _ => Problem::of_store(error).into(),
    }
}

/// A command's name in the service's metrics. A reschedule that opens the timeline does nothing else.
const fn name(write: &WriteCommand<'_>) -> &'static str {
    match &write.command {
        TimelineCommand::Open { .. } => "open",
        TimelineCommand::Reschedule { .. } if write.opening.is_some() => "open",
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
        TimelineCommand::Restore { .. } => "restore",
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
    /// The response with the version that the command led to.
    pub(crate) async fn response<K: ResponseKind, C: ResponseContent + ?Sized>(
        &self,
        body: C::Value,
    ) -> Result<Success<K, C>, Box<Problem>> {
        success(&self.committed, body, self.phases.len()).await
    }

    /// The same with a body of the phases after the command.
    pub(crate) async fn respond<K: ResponseKind, C: ResponseContent + ?Sized>(
        self,
        body: impl FnOnce(Vec<PhaseResponse>) -> C::Value,
    ) -> Result<Success<K, C>, Box<Problem>> {
        let entries = self.phases.len();
        success(&self.committed, body(self.phases), entries).await
    }
}

async fn success<K: ResponseKind, C: ResponseContent + ?Sized>(
    committed: &Committed,
    body: C::Value,
    entries: usize,
) -> Result<Success<K, C>, Box<Problem>> {
    let Committed { version, position, repeated, .. } = *committed;
    let version = TimelineVersion { version, position };
    Ok(Success::new(body, entries, version).await?.replayed(repeated))
}
