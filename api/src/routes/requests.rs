//! The bodies of requests, and the commands that they become.

mod batch_phase;

pub(crate) use batch_phase::{BatchPhase, PlannerBatchPhase, planner_name_and_dates};

use super::money::{MoneyText, PlannerMoney};
use super::validate::{FieldErrors, FromJson, JsonPath};
use chrono::NaiveDate;
use phaseline_domain::{Neighbours, PhaseChanges, PhaseDraft, PhaseId, TimelineCommand};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::borrow::Cow;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The members of a phase that a request creates or changes.
const PHASE_MEMBERS: &[&str] =
    &["name", "start_date", "end_date", "description", "capital_budget", "expense_budget"];

/// What a change does to the neighbouring phases.
#[derive(Debug, ToSchema)]
#[schema(as = Neighbours, rename_all = "snake_case")]
#[expect(dead_code, reason = "for the description")]
pub(crate) enum NeighboursBody {
    /// They follow, so that phases still cover the whole project.
    Adjust,
    /// They keep their dates; a change that leaves a gap or an overlap is refused.
    Refuse,
}

/// The variant of that name.
pub(crate) fn neighbours(word: &str) -> Option<Neighbours> {
    match word {
        "adjust" => Some(Neighbours::Adjust),
        "refuse" => Some(Neighbours::Refuse),
        _ => None,
    }
}

impl FromJson for Neighbours {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let read = value.as_str().and_then(neighbours);
        if read.is_none() {
            faults.note(path, "enum", "Input should be 'adjust' or 'refuse'");
        }
        read
    }
}

/// What every body with a whole phase has.
#[derive(Debug, ToSchema)]
pub(crate) struct PhaseFields {
    /// The name.
    #[schema(max_length = 100)]
    name: String,
    /// The first date.
    #[schema(value_type = String, format = Date)]
    start_date: NaiveDate,
    /// The last date, included.
    #[schema(value_type = String, format = Date)]
    end_date: NaiveDate,
    /// The description.
    #[schema(max_length = 500)]
    description: Option<String>,
}

impl PhaseFields {
    fn read(members: &Map<String, Value>, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let name = faults.required(members, path, "name");
        let start_date = faults.required(members, path, "start_date");
        let end_date = faults.required(members, path, "end_date");
        let description = faults.optional(members, path, "description");
        Some(Self { name: name?, start_date: start_date?, end_date: end_date?, description })
    }

    fn draft(self, id: PhaseId, [capital_budget, expense_budget, total_budget]: [Decimal; 3]) -> PhaseDraft {
        let Self { name, start_date, end_date, description } = self;
        PhaseDraft {
            id,
            name,
            start_date,
            end_date,
            description,
            capital_budget,
            expense_budget,
            total_budget,
        }
    }
}

/// A body with the fields of a phase and some more, all members of one object.
#[derive(Debug)]
pub(crate) struct WithPhase<E> {
    fields: PhaseFields,
    extra: E,
}

impl<E: ToSchema> PartialSchema for WithPhase<E> {
    fn schema() -> RefOr<Schema> {
        let (RefOr::T(Schema::Object(fields)), RefOr::T(Schema::Object(mut all))) =
            (PhaseFields::schema(), E::schema())
        else {
            return E::schema();
        };
        all.properties.extend(fields.properties);
        all.required.splice(..0, fields.required);
        RefOr::T(Schema::Object(all))
    }
}

impl<E: ToSchema> ToSchema for WithPhase<E> {
    fn name() -> Cow<'static, str> {
        E::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        PhaseFields::schemas(schemas);
        E::schemas(schemas);
    }
}

/// A phase to create.
pub(crate) type NewPhase = WithPhase<NewPhaseExtra>;

/// A phase to create.
#[derive(Debug, ToSchema)]
#[schema(as = NewPhase, example = json!({ "name": "Hand-over", "start_date": "2024-12-01", "end_date": "2024-12-31",
    "capital_budget": "50000.00", "expense_budget": "25000.00" }))]
pub(crate) struct NewPhaseExtra {
    /// The capital part of the budget; absent, it is zero.
    #[schema(value_type = Option<MoneyText>)]
    capital_budget: Decimal,
    /// The expense part of the budget; absent, it is zero.
    #[schema(value_type = Option<MoneyText>)]
    expense_budget: Decimal,
    /// The total budget; if given, it must be the sum.
    #[schema(value_type = Option<MoneyText>)]
    total_budget: Option<Decimal>,
    /// Whether the neighbours make room; the default is `adjust`.
    #[schema(value_type = Option<NeighboursBody>)]
    neighbours: Neighbours,
}

impl FromJson for NewPhase {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, path)?;
        faults.only(members, path, &[PHASE_MEMBERS, &["total_budget", "neighbours"]].concat());
        let fields = PhaseFields::read(members, path, faults);
        let mut amount = |name| faults.optional(members, path, name).map(MoneyText::decimal);
        let [capital_budget, expense_budget, total_budget] =
            ["capital_budget", "expense_budget", "total_budget"].map(&mut amount);
        let neighbours = faults.optional(members, path, "neighbours");
        let extra = NewPhaseExtra {
            capital_budget: capital_budget.unwrap_or_default(),
            expense_budget: expense_budget.unwrap_or_default(),
            total_budget,
            neighbours: neighbours.unwrap_or_default(),
        };
        Some(Self { fields: fields?, extra })
    }
}

impl NewPhase {
    /// The command. The service chooses the id: one that a client chose could be another project's, now or earlier.
    pub(crate) fn command(self, id: PhaseId) -> TimelineCommand {
        let NewPhaseExtra { capital_budget, expense_budget, total_budget, neighbours } = self.extra;
        let sum = || capital_budget.checked_add(expense_budget).unwrap_or(Decimal::MAX);
        let amounts = [capital_budget, expense_budget, total_budget.unwrap_or_else(sum)];
        TimelineCommand::CreatePhase { phase: self.fields.draft(id, amounts), neighbours }
    }
}

/// The changes to a phase. Absent members stay unchanged.
#[derive(Debug, ToSchema)]
#[schema(example = json!({ "name": "Preparation", "end_date": "2024-07-31" }))]
pub(crate) struct PhaseChange {
    /// The new name.
    #[schema(max_length = 100, nullable = false)]
    name: Option<String>,
    /// The new first date.
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    start_date: Option<NaiveDate>,
    /// The new last date, included.
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    end_date: Option<NaiveDate>,
    /// The new description; null removes it.
    #[schema(value_type = Option<String>, max_length = 500)]
    description: Option<Option<String>>,
    /// The new capital part of the budget.
    #[schema(value_type = Option<MoneyText>, nullable = false)]
    capital_budget: Option<Decimal>,
    /// The new expense part of the budget.
    #[schema(value_type = Option<MoneyText>, nullable = false)]
    expense_budget: Option<Decimal>,
    /// The new total budget; if given, it must be the sum.
    #[schema(value_type = Option<MoneyText>, nullable = false)]
    total_budget: Option<Decimal>,
    /// Whether the neighbours follow if the dates change; the default is `adjust`.
    #[schema(value_type = Option<NeighboursBody>)]
    neighbours: Neighbours,
}

impl FromJson for PhaseChange {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        Self::with(value, path, faults, &[])
    }
}

impl PhaseChange {
    /// Reads the changes beside other members.
    fn with(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors, others: &[&str]) -> Option<Self> {
        let members = faults.object(value, path)?;
        faults.only(members, path, &[others, PHASE_MEMBERS, &["total_budget", "neighbours"]].concat());
        let amount =
            |faults: &mut FieldErrors, name| faults.stated(members, path, name).map(MoneyText::decimal);
        let change = Self {
            name: faults.stated(members, path, "name"),
            start_date: faults.stated(members, path, "start_date"),
            end_date: faults.stated(members, path, "end_date"),
            description: faults.given(members, path, "description"),
            capital_budget: amount(faults, "capital_budget"),
            expense_budget: amount(faults, "expense_budget"),
            total_budget: amount(faults, "total_budget"),
            neighbours: faults.optional(members, path, "neighbours").unwrap_or_default(),
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

/// A change with the id of its phase.
pub(crate) fn change_of(
    value: &Value,
    path: &JsonPath<'_>,
    faults: &mut FieldErrors,
) -> Option<TimelineCommand> {
    let change = PhaseChange::with(value, path, faults, &["phase_id"]);
    let id = faults.required(value.as_object()?, path, "phase_id");
    Some(change?.command(id?))
}

/// A removal with the id of its phase.
pub(crate) fn removal_of(
    value: &Value,
    path: &JsonPath<'_>,
    faults: &mut FieldErrors,
) -> Option<TimelineCommand> {
    let members = faults.object(value, path)?;
    faults.only(members, path, &["phase_id", "neighbours"]);
    let phase_id = faults.required(members, path, "phase_id");
    let neighbours: Option<Neighbours> = faults.optional(members, path, "neighbours");
    Some(TimelineCommand::RemovePhase { phase_id: phase_id?, neighbours: neighbours.unwrap_or_default() })
}

/// All phases of a project in their new order.
#[derive(Debug, ToSchema)]
pub(crate) struct NewOrder {
    /// The phases' ids.
    #[schema(value_type = Vec<Uuid>)]
    phases: Vec<PhaseId>,
}

impl FromJson for NewOrder {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, path)?;
        faults.only(members, path, &["phases"]);
        faults.required(members, path, "phases").map(|phases| Self { phases })
    }
}

impl NewOrder {
    /// The command.
    pub(crate) fn command(self) -> TimelineCommand {
        TimelineCommand::Reorder { phases: self.phases }
    }
}

/// The dates of a project.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(as = Days)]
pub(crate) struct NewDates {
    /// The first date.
    #[schema(value_type = String, format = Date)]
    pub(crate) start_date: NaiveDate,
    /// The last date, included.
    #[schema(value_type = String, format = Date)]
    pub(crate) end_date: NaiveDate,
}

impl FromJson for NewDates {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, path)?;
        faults.only(members, path, &["start_date", "end_date"]);
        let start_date = faults.required(members, path, "start_date");
        let end_date = faults.required(members, path, "end_date");
        Some(Self { start_date: start_date?, end_date: end_date? })
    }
}

impl NewDates {
    /// The command to a timeline that is open.
    pub(crate) const fn command(self) -> TimelineCommand {
        TimelineCommand::Reschedule { start_date: self.start_date, end_date: self.end_date }
    }
}

/// The moment whose timeline is restored.
#[derive(Clone, Copy, Debug, ToSchema)]
#[schema(as = Restore, example = json!({ "to": 4711, "with_project_days": false }))]
pub(crate) struct RestoreTo {
    /// The position in the log, as in a history; one inside a command means the command's end.
    #[schema(minimum = 1)]
    pub(crate) to: i64,
    /// Whether the project gets its dates of that moment, too; the default is false: then other dates than today's are refused.
    #[schema(value_type = Option<bool>)]
    pub(crate) with_project_days: bool,
}

impl FromJson for RestoreTo {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        let members = faults.object(value, path)?;
        faults.only(members, path, &["to", "with_project_days"]);
        let to: Option<i64> = faults.required(members, path, "to");
        let with_project_days = faults.optional(members, path, "with_project_days").unwrap_or_default();
        if to.is_some_and(|to| to < 1) {
            let message = "Input should be greater than or equal to 1";
            faults.note(&path.member("to"), "greater_than_equal", message);
            return None;
        }
        Some(Self { to: to?, with_project_days })
    }
}
