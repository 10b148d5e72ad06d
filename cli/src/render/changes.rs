//! A field before and after a change, as text.

use super::clean;
use super::format::money;
use phaseline_projections::{ChangedField, FieldChange};

/// `name: Planning → Design`, or `total budget: none → 1,250.50`.
pub(crate) fn line(change: &FieldChange) -> String {
    let [before, after] = [&change.before, &change.after].map(|value| shown(change.field, value.as_deref()));
    format!("{}: {before} → {after}", change.field)
}

fn shown(field: ChangedField, value: Option<&str>) -> String {
    let Some(text) = value else { return "none".to_owned() };
    let is_amount = matches!(
        field,
        ChangedField::CapitalBudget | ChangedField::ExpenseBudget | ChangedField::TotalBudget
    );
    match text.parse() {
        Ok(amount) if is_amount => money(amount),
        _ => clean(text).into_owned(),
    }
}
