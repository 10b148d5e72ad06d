//! Fields of phases and projects before and after a change. Pure.

use phaseline_domain::{DateRange, Description, Phase};
use serde::Serialize;
use std::fmt;

/// A field that a change can affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedField {
    /// The name of a phase.
    Name,
    /// The first day of a phase or a project, as an ISO date.
    StartDate,
    /// The last day of a phase or a project, included, as an ISO date.
    EndDate,
    /// The description of a phase.
    Description,
    /// The capital part of a phase's budget: an amount with two decimals.
    CapitalBudget,
    /// The expense part of a phase's budget: an amount with two decimals.
    ExpenseBudget,
    /// The total budget of a phase: an amount with two decimals.
    TotalBudget,
}

impl fmt::Display for ChangedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::StartDate => "start date",
            Self::EndDate => "end date",
            Self::Description => "description",
            Self::CapitalBudget => "capital budget",
            Self::ExpenseBudget => "expense budget",
            Self::TotalBudget => "total budget",
        })
    }
}

/// One field with its value before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field.
    pub field: ChangedField,
    /// Its value before, if any.
    pub before: Option<String>,
    /// Its value after, if any.
    pub after: Option<String>,
}

fn values_of_phase(phase: &Phase) -> [(ChangedField, Option<String>); 7] {
    let [start, end] = days(phase.range);
    let amount = |money: phaseline_domain::Money| Some(money.to_string());
    [
        (ChangedField::Name, Some(phase.name.to_string())),
        start,
        end,
        (ChangedField::Description, phase.description.as_ref().map(Description::as_str).map(str::to_owned)),
        (ChangedField::CapitalBudget, amount(phase.budget.capital())),
        (ChangedField::ExpenseBudget, amount(phase.budget.expense())),
        (ChangedField::TotalBudget, amount(phase.budget.total())),
    ]
}

fn days(range: DateRange) -> [(ChangedField, Option<String>); 2] {
    [
        (ChangedField::StartDate, Some(range.start().to_string())),
        (ChangedField::EndDate, Some(range.end().to_string())),
    ]
}

/// The fields of a phase that differ, in the order of [`ChangedField`]; of a phase that comes or goes, all that have a value.
pub fn of_phase(before: Option<&Phase>, after: Option<&Phase>) -> Vec<FieldChange> {
    between(before.map(values_of_phase), after.map(values_of_phase))
}

/// The ends of a project's dates that differ.
pub fn of_range(before: Option<DateRange>, after: Option<DateRange>) -> Vec<FieldChange> {
    between(before.map(days), after.map(days))
}

fn between<const N: usize>(
    before: Option<[(ChangedField, Option<String>); N]>,
    after: Option<[(ChangedField, Option<String>); N]>,
) -> Vec<FieldChange> {
    let none = |values: &[(ChangedField, Option<String>); N]| values.clone().map(|(field, _)| (field, None));
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (Some(before), None) => {
            let after = none(&before);
            (before, after)
        }
        (None, Some(after)) => (none(&after), after),
        (None, None) => return Vec::new(),
    };
    let pairs = before.into_iter().zip(after);
    let changes = pairs.map(|((field, before), (_, after))| FieldChange { field, before, after });
    changes.filter(|change| change.before != change.after).collect()
}
