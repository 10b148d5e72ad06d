//! What the bodies of requests ask for, and the commands that they mean.

use super::error::Failure;
use super::validate::{FieldErrors, JsonPath, Shape};
use chrono::NaiveDate;
use phaseline_domain::{Neighbours, PhaseChanges, PhaseDraft, PhaseId, TimelineCommand};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a change does to the phases beside it.
#[derive(Debug, ToSchema)]
#[schema(as = Neighbours, rename_all = "snake_case")]
#[expect(dead_code, reason = "for the description")]
pub(crate) enum NeighboursBody {
    /// They follow, so that the project stays covered.
    Adjust,
    /// They stay; the change is refused if it leaves a gap or an overlap.
    Refuse,
}

/// An amount of money: a text, or a number, which is taken by its shortest text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = "50000.00")]
#[expect(dead_code, reason = "for the description")]
pub(crate) enum Amount {
    /// As text.
    Text(String),
    /// As a number.
    Number(f64),
}

/// The word for it, or nothing.
pub(crate) fn neighbours(word: &str) -> Option<Neighbours> {
    match word {
        "adjust" => Some(Neighbours::Adjust),
        "refuse" => Some(Neighbours::Refuse),
        _ => None,
    }
}

impl Shape for Neighbours {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let read = value.as_str().and_then(neighbours);
        if read.is_none() {
            faults.note(place, "enum", "Input should be 'adjust' or 'refuse'");
        }
        read
    }
}

/// A phase to create.
#[derive(Debug, ToSchema)]
pub(crate) struct NewPhase {
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
    #[schema(value_type = Option<Amount>, default = "0")]
    capital_budget: Decimal,
    /// Expense part of its budget.
    #[schema(value_type = Option<Amount>, default = "0")]
    expense_budget: Decimal,
    /// The whole of it, if it is stated: the sum.
    #[schema(value_type = Option<Amount>)]
    total_budget: Option<Decimal>,
    /// Whether neighbours make room; they do unless it is said otherwise.
    #[schema(value_type = Option<NeighboursBody>)]
    neighbours: Neighbours,
}

impl Shape for NewPhase {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, place)?;
        let known = ["name", "start_date", "end_date", "description", "capital_budget", "expense_budget"];
        faults.only(members, place, &[&known[..], &["total_budget", "neighbours"]].concat());
        let name = faults.required(members, place, "name");
        let start_date = faults.required(members, place, "start_date");
        let end_date = faults.required(members, place, "end_date");
        let description = faults.optional(members, place, "description");
        let capital_budget = faults.optional(members, place, "capital_budget");
        let expense_budget = faults.optional(members, place, "expense_budget");
        let total_budget = faults.optional(members, place, "total_budget");
        let neighbours = faults.optional(members, place, "neighbours");
        Some(Self {
            name: name?,
            start_date: start_date?,
            end_date: end_date?,
            description,
            capital_budget: capital_budget.unwrap_or_default(),
            expense_budget: expense_budget.unwrap_or_default(),
            total_budget,
            neighbours: neighbours.unwrap_or_default(),
        })
    }
}

impl NewPhase {
    /// The command. The id is the service's choice: one that a caller chose could be another project's, now or once.
    pub(crate) fn command(self, id: PhaseId) -> TimelineCommand {
        let sum = || self.capital_budget.checked_add(self.expense_budget).unwrap_or(Decimal::MAX);
        let phase = PhaseDraft {
            id,
            total_budget: self.total_budget.unwrap_or_else(sum),
            name: self.name,
            start_date: self.start_date,
            end_date: self.end_date,
            description: self.description,
            capital_budget: self.capital_budget,
            expense_budget: self.expense_budget,
        };
        TimelineCommand::CreatePhase { phase, neighbours: self.neighbours }
    }
}

/// What is to become of a phase. What is absent stays as it is.
#[derive(Debug, ToSchema)]
pub(crate) struct PhaseChange {
    /// Its name from now on.
    #[schema(max_length = 100, nullable = false)]
    name: Option<String>,
    /// Its first day from now on.
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    start_date: Option<NaiveDate>,
    /// Its last day from now on, included.
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    end_date: Option<NaiveDate>,
    /// What is said about it from now on; null takes it away.
    #[schema(value_type = Option<String>, max_length = 500)]
    description: Option<Option<String>>,
    /// Capital part of its budget from now on.
    #[schema(value_type = Option<Amount>, nullable = false)]
    capital_budget: Option<Decimal>,
    /// Expense part of its budget from now on.
    #[schema(value_type = Option<Amount>, nullable = false)]
    expense_budget: Option<Decimal>,
    /// The whole of it, if it is stated: the sum.
    #[schema(value_type = Option<Amount>, nullable = false)]
    total_budget: Option<Decimal>,
    /// Whether neighbours follow, if its days change; they do unless it is said otherwise.
    #[schema(value_type = Option<NeighboursBody>)]
    neighbours: Neighbours,
}

impl Shape for PhaseChange {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        Self::with(value, place, faults, &[])
    }
}

impl PhaseChange {
    /// The same beside other members.
    fn with(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors, others: &[&str]) -> Option<Self> {
        let members = faults.object(value, place)?;
        let known = ["name", "start_date", "end_date", "description", "capital_budget", "expense_budget"];
        faults.only(members, place, &[others, &known[..], &["total_budget", "neighbours"]].concat());
        let change = Self {
            name: faults.stated(members, place, "name"),
            start_date: faults.stated(members, place, "start_date"),
            end_date: faults.stated(members, place, "end_date"),
            description: faults.given(members, place, "description"),
            capital_budget: faults.stated(members, place, "capital_budget"),
            expense_budget: faults.stated(members, place, "expense_budget"),
            total_budget: faults.stated(members, place, "total_budget"),
            neighbours: faults.optional(members, place, "neighbours").unwrap_or_default(),
        };
        Some(change)
    }

    /// The command.
    pub(crate) fn command(self, phase_id: PhaseId) -> TimelineCommand {
        let changes = PhaseChanges {
            name: self.name,
            start_date: self.start_date,
            end_date: self.end_date,
            description: self.description,
            capital_budget: self.capital_budget,
            expense_budget: self.expense_budget,
            total_budget: self.total_budget,
        };
        TimelineCommand::ChangePhase { phase_id, changes, neighbours: self.neighbours }
    }
}

/// The same with the phase that it is about.
pub(crate) fn change_of(
    value: &Value,
    place: &JsonPath<'_>,
    faults: &mut FieldErrors,
) -> Option<TimelineCommand> {
    let change = PhaseChange::with(value, place, faults, &["phase_id"]);
    let id = faults.required(value.as_object()?, place, "phase_id");
    Some(change?.command(id?))
}

/// A removal with the phase that it is about.
pub(crate) fn removal_of(
    value: &Value,
    place: &JsonPath<'_>,
    faults: &mut FieldErrors,
) -> Option<TimelineCommand> {
    let members = faults.object(value, place)?;
    faults.only(members, place, &["phase_id", "neighbours"]);
    let phase_id = faults.required(members, place, "phase_id");
    let neighbours: Option<Neighbours> = faults.optional(members, place, "neighbours");
    Some(TimelineCommand::RemovePhase { phase_id: phase_id?, neighbours: neighbours.unwrap_or_default() })
}

/// All phases of a project in their new order.
#[derive(Debug, ToSchema)]
pub(crate) struct NewOrder {
    /// The phases' ids.
    #[schema(value_type = Vec<Uuid>)]
    phases: Vec<PhaseId>,
}

impl Shape for NewOrder {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, place)?;
        faults.only(members, place, &["phases"]);
        faults.required(members, place, "phases").map(|phases| Self { phases })
    }
}

impl NewOrder {
    /// The command.
    pub(crate) fn command(self) -> TimelineCommand {
        TimelineCommand::Reorder { phases: self.phases }
    }
}

/// The days of a project.
#[derive(Clone, Copy, Debug, ToSchema)]
pub(crate) struct Days {
    /// The first.
    #[schema(value_type = String, format = Date)]
    pub(crate) start_date: NaiveDate,
    /// The last, included.
    #[schema(value_type = String, format = Date)]
    pub(crate) end_date: NaiveDate,
}

impl Shape for Days {
    fn read(value: &Value, place: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, place)?;
        faults.only(members, place, &["start_date", "end_date"]);
        let start_date = faults.required(members, place, "start_date");
        let end_date = faults.required(members, place, "end_date");
        Some(Self { start_date: start_date?, end_date: end_date? })
    }
}

impl Days {
    /// The command to a timeline that is open.
    pub(crate) const fn command(self) -> TimelineCommand {
        TimelineCommand::Reschedule { start_date: self.start_date, end_date: self.end_date }
    }
}

/// An id in the path of a route that answers with problems.
pub(crate) fn id<T: From<uuid::Uuid>>(what: &str, text: &str) -> Result<T, Failure> {
    let id = uuid::Uuid::try_parse(text).map_err(|error| {
        Failure::from(crate::problem::bad_request(format!(
            "{text:?} in the path is no id of a {what}: {error}"
        )))
    })?;
    Ok(T::from(id))
}
