//! The complete list of a project's phases at once.

use super::{PlannerWriting, WriteHeaders, caller, no_days, received};
use crate::auth::{Caller, Denied, Scope};
use crate::routes::error::{Failure, Stale};
use crate::routes::execute::{WriteCommand, carry_out, no_project};
use crate::routes::project_view::{self, CurrentProject};
use crate::routes::requests::Amount;
use crate::routes::responses::PhaseResponse;
use crate::routes::validate::{FieldErrors, JsonPath, Shape};
use crate::routes::write_request::{Segment, WriteRequest};
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDate;
use phaseline_domain::{PhaseDraft, PhaseId, ReplacementPhase, Rule, TimelineCommand};
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;

/// The complete list of a project's phases. Phases that are left out are removed.
#[derive(Debug, ToSchema)]
pub(crate) struct Batch {
    /// The phases, in any order.
    phases: Vec<Entry>,
    /// The version of the timeline that the caller has seen; the same as `If-Match`.
    version: Option<i64>,
}

/// A phase of the list.
#[derive(Debug, ToSchema)]
#[schema(as = BatchPhase)]
pub(crate) struct Entry {
    /// Its id; null or absent for a new phase.
    #[schema(value_type = Option<Uuid>)]
    id: Option<PhaseId>,
    /// Its name.
    #[schema(max_length = 100)]
    name: String,
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    start_date: NaiveDate,
    /// Its last day, included.
    #[schema(value_type = String, format = Date)]
    end_date: NaiveDate,
    /// What is said about it.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Capital part of its budget.
    #[schema(value_type = Amount)]
    capital_budget: Decimal,
    /// Expense part of its budget.
    #[schema(value_type = Amount)]
    expense_budget: Decimal,
    /// The whole of it, which is the sum.
    #[schema(value_type = Amount)]
    total_budget: Decimal,
    /// The version of the timeline that the caller has seen, as the list of phases had it.
    version: Option<i64>,
}

impl Shape for Entry {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, place)?;
        let id = faults.optional(members, place, "id");
        let name = faults.required(members, place, "name");
        let start_date = faults.required(members, place, "start_date");
        let end_date = faults.required(members, place, "end_date");
        let description = faults.optional(members, place, "description");
        let capital_budget = faults.required(members, place, "capital_budget");
        let expense_budget = faults.required(members, place, "expense_budget");
        let total_budget = faults.required(members, place, "total_budget");
        let version = faults.optional(members, place, "version");
        Some(Self {
            id,
            name: name?,
            start_date: start_date?,
            end_date: end_date?,
            description,
            capital_budget: capital_budget?,
            expense_budget: expense_budget?,
            total_budget: total_budget?,
            version,
        })
    }
}

impl Shape for Batch {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, place)?;
        let phases = faults.required::<Vec<Entry>>(members, place, "phases");
        let version = faults.optional(members, place, "version");
        Some(Self { phases: phases?, version })
    }
}

impl Batch {
    /// The one version that all who say one agree on, the header among them.
    fn version(&self, header: Option<i64>) -> Result<Option<i64>, Failure> {
        let mut faults = FieldErrors::default();
        let mut agreed = header;
        let mut agree = |said: Option<i64>, place: &JsonPath<'_>| match (agreed, said) {
            (Some(agreed), Some(said)) if agreed != said => {
                let message =
                    format!("Value error, version {said} is not {agreed}, which was sent beside it");
                faults.note(&place.member("version"), "value_error", message);
            }
            (None, Some(_)) => agreed = said,
            _ => {}
        };
        agree(self.version, &JsonPath::BODY);
        let list = JsonPath::BODY.member("phases");
        for (index, entry) in self.phases.iter().enumerate() {
            agree(entry.version, &list.entry(index));
        }
        Ok(faults.none_or(Some(agreed))?)
    }
}

impl Entry {
    /// What the list asks for, each phase that is new with an id of the caller's choice.
    pub(crate) fn replacement(self, new_id: impl FnOnce() -> PhaseId) -> ReplacementPhase {
        match self.id {
            Some(id) => ReplacementPhase::Existing(self.draft(id)),
            None => ReplacementPhase::New(self.draft(new_id())),
        }
    }

    fn draft(self, id: PhaseId) -> PhaseDraft {
        PhaseDraft {
            id,
            name: self.name,
            start_date: self.start_date,
            end_date: self.end_date,
            description: self.description,
            capital_budget: self.capital_budget,
            expense_budget: self.expense_budget,
            total_budget: self.total_budget,
        }
    }
}

/// Replace all phases of a project
///
/// All of them, or none: phases with an id are changed, those without one created, those left out removed.
#[utoipa::path(post, path = "/api/v1/projects/{project_id}/phases/batch", tag = "planner", operation_id = "replace_phases",
    params(("project_id" = Uuid, Path), WriteHeaders), request_body = Batch, security(("bearer" = ["phases:write"])),
    responses(
        (status = OK, body = [PhaseResponse], description = "The phases, in the order in which they were sent.", headers(
            ("ETag" = String, description = "The timeline's version."),
            ("Phaseline-Position" = i64, description = "The position of the timeline's last event."),
            ("Idempotent-Replayed" = String, description = "`true` if this is an earlier answer again."))),
        PlannerWriting,
    ))]
pub(super) async fn batch(
    State(app): State<AppState>,
    asks: Result<Caller, Denied>,
    project: Segment,
    mut sent: WriteRequest,
) -> Response {
    replace(&app, asks, &project, &mut sent).await.unwrap_or_else(Failure::into_planners)
}

async fn replace(
    app: &AppState,
    asks: Result<Caller, Denied>,
    project: &Segment,
    sent: &mut WriteRequest,
) -> Result<Response, Failure> {
    let caller = caller(asks, Scope::PhasesWrite)?;
    let (project, batch, body) = received::<Batch>(app, &caller, project, sent).await?;
    let mut envelope = sent.envelope(&caller, &body)?;
    envelope.expected = batch.version(envelope.expected)?;

    let mut asked = Vec::with_capacity(batch.phases.len());
    let mut phases = Vec::with_capacity(batch.phases.len());
    for (index, entry) in batch.phases.into_iter().enumerate() {
        let phase = entry.replacement(|| envelope.new_id(index));
        asked.push(match &phase {
            ReplacementPhase::Existing(draft) => (draft.id, false),
            ReplacementPhase::New(draft) => (draft.id, true),
        });
        phases.push(phase);
    }
    let fresh: BTreeSet<PhaseId> = asked.iter().filter(|(_, fresh)| *fresh).map(|(id, _)| *id).collect();
    let command = TimelineCommand::ReplaceAll { phases };
    let order = |opening| WriteCommand {
        project,
        command: command.clone(),
        opening,
        envelope: &envelope,
        attempted: &body.json,
        fresh: fresh.clone(),
    };
    let done = match carry_out(app, order(None)).await {
        Err(Failure::Rules(broken)) if broken.refusal.breaks(Rule::V16) => {
            let found = project_view::current_project(app, project)
                .await?
                .ok_or_else(|| Failure::Missing(no_project(project)))?;
            if envelope.must_exist && envelope.expected.is_none() {
                return Err(Failure::Stale(Box::new(Stale {
                    current: found,
                    attempted: Value::clone(&body.json),
                })));
            }
            carry_out(app, order(Some(opening(&found)?))).await?
        }
        done => done?,
    };
    let phases: HashMap<PhaseId, &PhaseResponse> =
        done.phases.iter().map(|phase| (phase.id, phase)).collect();
    let listed = asked.iter().filter_map(|(id, _)| phases.get(id).copied().cloned());
    let listed: Vec<PhaseResponse> = listed.collect();
    Ok(done.answer(StatusCode::OK, listed).await?)
}

/// What opens the timeline of a project that has no phase yet, before it gets its list: the planner's own service takes a list
/// for such a project, too.
pub(in crate::routes) fn opening(found: &CurrentProject) -> Result<TimelineCommand, Failure> {
    let range = found.range().ok_or_else(|| no_days(found.project))?;
    Ok(TimelineCommand::Open { project_id: found.project, range, default_phase_id: PhaseId::random() })
}
