//! Amounts of money in requests: text in ours, text or a number in the planner's.

use super::validate::{FieldErrors, FromJson, JsonPath};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An amount of money: up to 13 digits, and up to two decimals.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Money, value_type = String, pattern = r"^[0-9]{1,13}(\.[0-9]{1,2})?$", example = "50000.00")]
pub(crate) struct MoneyText(Decimal);

impl MoneyText {
    /// The amount.
    pub(crate) const fn decimal(self) -> Decimal {
        self.0
    }
}

impl FromJson for MoneyText {
    fn read(value: &Value, path: &JsonPath<'_>, faults: &mut FieldErrors) -> Option<Self> {
        if !value.is_string() {
            faults.note(path, "string_type", "Input should be a string such as \"50000.00\"");
            return None;
        }
        Decimal::read(value, path, faults).map(Self)
    }
}

/// An amount as a number, which is read by its shortest decimal form. Text is better: many programs cannot hold `0.30` exactly.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MoneyNumber(f64);

/// An amount in the planner's requests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "for the description")]
pub(crate) enum PlannerMoney {
    /// Text.
    Text(MoneyText),
    /// A number.
    Number(MoneyNumber),
}
