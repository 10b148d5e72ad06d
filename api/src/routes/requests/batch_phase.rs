//! A phase of a complete list, as the planner's front end sends it.

use super::{PhaseFields, PlannerMoney, WithPhase};
use crate::routes::validate::{FieldErrors, FromJson, JsonPath, PlannerDate, Trimmed};
use chrono::NaiveDate;
use phaseline_domain::{PhaseId, ReplacementPhase};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The least and the most characters of a name.
const NAME: [usize; 2] = [1, 100];
/// The least and the most characters of a description.
const DESCRIPTION: [usize; 2] = [0, 500];

/// The name and the dates of a phase in the planner's form; none if one is missing or wrong, which is noted.
pub(crate) fn planner_name_and_dates(
    members: &Map<String, Value>,
    path: &JsonPath<'_>,
    faults: &mut FieldErrors,
) -> Option<(String, NaiveDate, NaiveDate)> {
    let name = faults.required::<Trimmed>(members, path, "name");
    let start = faults.required::<PlannerDate>(members, path, "start_date");
    let end = faults.required::<PlannerDate>(members, path, "end_date");
    Some((name?.0, start?.0, end?.0))
}

/// A phase of a complete list.
pub(crate) type BatchPhase = WithPhase<BatchPhaseExtra>;

/// A phase of the list.
#[derive(Debug, ToSchema)]
#[schema(as = BatchPhase, example = json!({ "id": null, "name": "Planning", "start_date": "2024-01-01",
    "end_date": "2024-12-31", "description": null, "capital_budget": "50000.00", "expense_budget": "25000.00",
    "total_budget": "75000.00" }))]
pub(crate) struct BatchPhaseExtra {
    /// The id; null or absent for a new phase.
    #[schema(value_type = Option<Uuid>)]
    id: Option<PhaseId>,
    /// The capital part of the budget; required of an existing phase, else 0 by default.
    #[schema(value_type = Option<PlannerMoney>, nullable = false)]
    capital_budget: Decimal,
    /// The expense part of the budget; required of an existing phase, else 0 by default.
    #[schema(value_type = Option<PlannerMoney>, nullable = false)]
    expense_budget: Decimal,
    /// The total budget, which is the sum; required of an existing phase.
    #[schema(value_type = Option<PlannerMoney>, nullable = false)]
    total_budget: Decimal,
    /// The version of the timeline that the client has seen, as the list of phases had it.
    version: Option<i64>,
}

impl FromJson for BatchPhase {
    /// Reads a phase for a preview, in which the rules report what makes a [`PlannerBatchPhase`] malformed.
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        read(value, path, faults, false)
    }
}

/// A phase of the planner's own route, which checks the limits of each field before any rule.
#[derive(Debug)]
pub(crate) struct PlannerBatchPhase(pub(crate) BatchPhase);

impl FromJson for PlannerBatchPhase {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        read(value, path, faults, true).map(Self)
    }
}

fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors, checks: bool) -> Option<BatchPhase> {
    let members = faults.object(value, path)?;
    let id = faults.optional(members, path, "id");
    let mut fields = Fields { members, path, faults, is_new: id.is_none(), checks };
    let name = fields.text("name", NAME);
    let start_date = fields.date("start_date");
    let end_date = fields.date("end_date");
    fields.end_after_start(start_date, end_date);
    let description = match members.get("description") {
        None | Some(Value::Null) => Some(None),
        Some(_) => fields.text("description", DESCRIPTION).map(Some),
    };
    let parts = [fields.amount("capital_budget"), fields.amount("expense_budget")];
    let [capital_budget, expense_budget] = parts.map(|part| part.map(Option::unwrap_or_default));
    let total = fields.amount("total_budget");
    fields.total_is_sum(total.flatten(), [capital_budget, expense_budget]);
    let version = faults.optional(members, path, "version");
    let (capital_budget, expense_budget) = (capital_budget?, expense_budget?);
    let sum = || capital_budget.checked_add(expense_budget).unwrap_or(Decimal::MAX);
    let total_budget = total?.unwrap_or_else(sum);
    Some(BatchPhase {
        fields: PhaseFields {
            name: name?,
            start_date: start_date?,
            end_date: end_date?,
            description: description?,
        },
        extra: BatchPhaseExtra { id, capital_budget, expense_budget, total_budget, version },
    })
}

/// Reads the fields of a phase one by one.
struct Fields<'a> {
    members: &'a Map<String, Value>,
    path: &'a JsonPath<'a>,
    faults: &'a mut FieldErrors,
    /// Whether budgets may be left out.
    is_new: bool,
    /// Whether the limits of each field are checked.
    checks: bool,
}

impl Fields<'_> {
    fn note(&mut self, name: &str, kind: &'static str, message: impl Into<String>) {
        if self.checks {
            self.faults.note(&self.path.member(name), kind, message);
        }
    }

    fn text(&mut self, name: &str, [least, most]: [usize; 2]) -> Option<String> {
        let Trimmed(text) = self.faults.required(self.members, self.path, name)?;
        let length = text.chars().count();
        if length < least {
            self.note(name, "string_too_short", format!("String should have at least {least} character"));
        } else if length > most {
            self.note(name, "string_too_long", format!("String should have at most {most} characters"));
        }
        Some(text)
    }

    fn date(&mut self, name: &str) -> Option<NaiveDate> {
        self.faults.required(self.members, self.path, name).map(|PlannerDate(date)| date)
    }

    fn end_after_start(&mut self, start: Option<NaiveDate>, end: Option<NaiveDate>) {
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            let message = "Value error, End date must be on or after start date";
            self.note("end_date", "value_error", message);
        }
    }

    /// The amount, `Some(None)` if it is left out, as it may be of a new phase; none if it cannot be read.
    fn amount(&mut self, name: &str) -> Option<Option<Decimal>> {
        if self.is_new && !self.members.contains_key(name) {
            return Some(None);
        }
        let amount: Decimal = self.faults.required(self.members, self.path, name)?;
        if is_negative(amount) {
            self.note(name, "greater_than_equal", "Input should be greater than or equal to 0");
        }
        Some(Some(amount))
    }

    /// A sum that is too large for the column, or for this service, is left to the rules.
    fn total_is_sum(&mut self, total: Option<Decimal>, [capital, expense]: [Option<Decimal>; 2]) {
        let (Some(total), Some(capital), Some(expense)) = (total, capital, expense) else { return };
        if [total, capital, expense].into_iter().any(|amount| is_negative(amount) || amount == Decimal::MAX) {
            return;
        }
        if let Some(sum) = capital.checked_add(expense).filter(|sum| *sum != total) {
            let message = format!("Value error, Total budget must equal capital + expense ({sum})");
            self.note("total_budget", "value_error", message);
        }
    }
}

fn is_negative(amount: Decimal) -> bool {
    amount < Decimal::ZERO
}

impl BatchPhase {
    /// The version that the client has seen of this phase.
    pub(crate) const fn version(&self) -> Option<i64> {
        self.extra.version
    }

    /// The phase for the command; a new one gets `new_id`.
    pub(crate) fn replacement(self, new_id: impl FnOnce() -> PhaseId) -> ReplacementPhase {
        let BatchPhaseExtra { id, capital_budget, expense_budget, total_budget, .. } = self.extra;
        let amounts = [capital_budget, expense_budget, total_budget];
        match id {
            Some(id) => ReplacementPhase::Existing(self.fields.draft(id, amounts)),
            None => ReplacementPhase::New(self.fields.draft(new_id(), amounts)),
        }
    }
}
