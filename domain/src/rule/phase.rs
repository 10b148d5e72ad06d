//! The rules about one phase.

use super::{Draft, DraftBudget, Rule, Violation};
use crate::text::has_visible;
use crate::value::{DESCRIPTION_MAX, NAME_MAX};
use crate::{DateRange, Money, PhaseId};
use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

/// All rules of this file that a phase of the project breaks.
pub(crate) fn violations(project: DateRange, draft: &Draft<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(has_a_name(draft.id, draft.name));
    found.extend(name_fits(draft.id, draft.name));
    found.extend(dates_in_order(draft));
    found.extend(starts_within_project(project, draft));
    found.extend(ends_within_project(project, draft));
    if let Some(budget) = draft.budget {
        found.extend(of_budget(draft.id, budget));
    }
    if let Some(text) = draft.description {
        found.extend(description_fits(draft.id, text));
    }
    found.extend(date_exists(draft.id, draft.start_date));
    found.extend(date_exists(draft.id, draft.end_date));
    found.extend(name_without_nul(draft.id, draft.name));
    if let Some(text) = draft.description {
        found.extend(description_without_nul(draft.id, text));
    }
    found
}

/// The rules that a phase's dates break by themselves.
pub(crate) fn of_dates(project: DateRange, draft: &Draft<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(dates_in_order(draft));
    found.extend(starts_within_project(project, draft));
    found.extend(ends_within_project(project, draft));
    found.extend(date_exists(draft.id, draft.start_date));
    found.extend(date_exists(draft.id, draft.end_date));
    found
}

/// The rules that a name breaks.
pub(crate) fn of_name(id: Option<PhaseId>, name: &str) -> Vec<Violation> {
    [has_a_name(id, name), name_fits(id, name), name_without_nul(id, name)].into_iter().flatten().collect()
}

/// The rules that a description breaks.
pub(crate) fn of_description(id: Option<PhaseId>, text: &str) -> Vec<Violation> {
    [description_fits(id, text), description_without_nul(id, text)].into_iter().flatten().collect()
}

/// The rules that a budget breaks.
pub(crate) fn of_budget(id: Option<PhaseId>, budget: DraftBudget) -> Vec<Violation> {
    let sum = budget.capital.checked_add(budget.expense);
    let mut found = Vec::new();
    found.extend(total_is_the_sum(id, budget.total, sum));
    found.extend(amount_fits(id, "Capital", budget.capital));
    found.extend(amount_fits(id, "Expense", budget.expense));
    found.extend(budget.total.or(sum).and_then(|total| amount_fits(id, "Total", total)));
    found
}

/// V6.
fn has_a_name(id: Option<PhaseId>, name: &str) -> Option<Violation> {
    name.trim()
        .is_empty()
        .then(|| Violation::new(Rule::NameNotEmpty, id, "Phase name cannot be empty".to_owned()))
}

/// V7. Characters are counted, not bytes.
fn name_fits(id: Option<PhaseId>, name: &str) -> Option<Violation> {
    (name.chars().count() > NAME_MAX).then(|| {
        let message = format!("Phase name exceeds maximum length of {NAME_MAX} characters");
        Violation::new(Rule::NameLength, id, message)
    })
}

/// V8.
fn dates_in_order(draft: &Draft<'_>) -> Option<Violation> {
    (draft.start_date > draft.end_date).then(|| {
        let message = format!("Phase '{}': start date must be on or before end date", draft.name);
        Violation::new(Rule::DatesInOrder, draft.id, message)
    })
}

/// V9.
fn starts_within_project(project: DateRange, draft: &Draft<'_>) -> Option<Violation> {
    (draft.start_date < project.start()).then(|| {
        let message = format!(
            "Phase '{}': start date must be on or after project start date ({})",
            draft.name,
            project.start()
        );
        Violation::new(Rule::StartsWithinProject, draft.id, message)
    })
}

/// V10.
fn ends_within_project(project: DateRange, draft: &Draft<'_>) -> Option<Violation> {
    (draft.end_date > project.end()).then(|| {
        let message = format!(
            "Phase '{}': end date must be on or before project end date ({})",
            draft.name,
            project.end()
        );
        Violation::new(Rule::EndsWithinProject, draft.id, message)
    })
}

/// V11. A sum that overflows equals no total.
fn total_is_the_sum(id: Option<PhaseId>, total: Option<Decimal>, sum: Option<Decimal>) -> Option<Violation> {
    (total.is_some() && total != sum).then(|| {
        let message = "Total budget must equal capital budget + expense budget".to_owned();
        Violation::new(Rule::TotalIsSum, id, message)
    })
}

/// V12. `part` names the amount.
fn amount_fits(id: Option<PhaseId>, part: &str, amount: Decimal) -> Option<Violation> {
    Money::new(amount).is_err().then(|| {
        let message =
            format!("{part} budget must be between 0.00 and 9999999999999.99, with at most two decimals");
        Violation::new(Rule::AmountInRange, id, message)
    })
}

/// V13. Characters are counted, not bytes.
fn description_fits(id: Option<PhaseId>, text: &str) -> Option<Violation> {
    (text.chars().count() > DESCRIPTION_MAX).then(|| {
        let message = format!("Phase description exceeds maximum length of {DESCRIPTION_MAX} characters");
        Violation::new(Rule::DescriptionLength, id, message)
    })
}

/// V22.
pub(crate) fn date_exists(id: Option<PhaseId>, date: NaiveDate) -> Option<Violation> {
    (!(1..=9999).contains(&date.year()))
        .then(|| Violation::new(Rule::DateInRange, id, format!("Date {date} is outside the years 1 to 9999")))
}

/// V23. The database cannot store one.
fn name_without_nul(id: Option<PhaseId>, name: &str) -> Option<Violation> {
    name.contains('\0').then(|| {
        Violation::new(Rule::NameWithoutNul, id, "Phase name cannot contain a NUL character".to_owned())
    })
}

/// V24. The database cannot store one.
fn description_without_nul(id: Option<PhaseId>, text: &str) -> Option<Violation> {
    text.contains('\0').then(|| {
        Violation::new(
            Rule::DescriptionWithoutNul,
            id,
            "Phase description cannot contain a NUL character".to_owned(),
        )
    })
}

/// V26. Not a rule of lists: the planner accepts such names in a list, and its tables may have them.
pub(crate) fn name_is_visible(id: Option<PhaseId>, name: &str) -> Option<Violation> {
    (!name.trim().is_empty() && !has_visible(name)).then(|| {
        Violation::new(Rule::NameVisible, id, "Phase name must have a character that can be seen".to_owned())
    })
}
