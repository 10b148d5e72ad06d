//! The effects of a command that was not executed yet: phases, budgets, assignments, and what the project gives up.

use super::format::{count, money, plural};
use super::{Page, clean};
use chrono::NaiveDate;
use phaseline_domain::{DateRange, Phase, PhaseId, Timeline};
use phaseline_projections::effects::{AssignmentEffects, BudgetSums, PhaseEffect, phase_effects};
use std::collections::HashMap;

/// The changes, phase by phase, and the sums of budgets and assignments if they change.
pub(crate) fn changes(page: &mut Page, before: &Timeline, after: &Timeline, assignments: &AssignmentEffects) {
    page.heading("Changes");
    if before.range() != after.range() {
        let dates =
            |timeline: &Timeline| timeline.range().map_or("none".to_owned(), |range| range.to_string());
        page.line(format_args!("  dates of the project: {} → {}", dates(before), dates(after)));
    }
    for effect in phase_effects(before, after) {
        phase(page, effect);
    }
    let (had, has) = (BudgetSums::of(before), BudgetSums::of(after));
    if had != has {
        page.heading("Budgets of the project");
        for (name, before, after) in [
            ("capital", had.capital, has.capital),
            ("expense", had.expense, has.expense),
            ("total", had.total, has.total),
        ] {
            page.entry(name, step(&money(before), &money(after)));
        }
    }
    if assignments.changed > 0 {
        moves(page, before, after, assignments);
    }
}

fn phase(page: &mut Page, effect: PhaseEffect<'_>) {
    match (effect.before, effect.after) {
        (Some(before), None) => page.line(format_args!("  removed: {}", described(before))),
        (None, Some(after)) => page.line(format_args!("  new: {}", described(after))),
        (Some(before), Some(after)) => changed(page, before, after),
        (None, None) => page,
    };
}

fn described(phase: &Phase) -> String {
    format!(
        "'{}' ({}), {}, {}, budget {}",
        clean(phase.name.as_str()),
        phase.id,
        phase.range,
        plural(phase.range.days().unsigned_abs(), "day"),
        money(phase.budget.total().amount())
    )
}

fn changed<'a>(page: &'a mut Page, before: &Phase, after: &Phase) -> &'a mut Page {
    page.line(format_args!("  changed: '{}' ({})", clean(before.name.as_str()), before.id));
    if before.name != after.name {
        page.line(format_args!("    name: '{}'", clean(after.name.as_str())));
    }
    if before.range != after.range {
        let difference = after.range.days() - before.range.days();
        let days = match difference {
            0 => "as many days".to_owned(),
            1.. => format!("{} more", plural(difference.unsigned_abs(), "day")),
            _ => format!("{} fewer", plural(difference.unsigned_abs(), "day")),
        };
        page.line(format_args!("    dates: {} → {}, {days}", before.range, after.range));
    }
    if before.description != after.description {
        let text = |phase: &Phase| {
            phase.description.as_ref().map_or("none".to_owned(), |text| clean(text.as_str()).into_owned())
        };
        page.line(format_args!("    description: {} → {}", text(before), text(after)));
    }
    for (name, before, after) in [
        ("capital", before.budget.capital(), after.budget.capital()),
        ("expense", before.budget.expense(), after.budget.expense()),
    ] {
        if before != after {
            page.line(format_args!("    {name}: {} → {}", money(before.amount()), money(after.amount())));
        }
    }
    page
}

fn step(before: &str, after: &str) -> String {
    if before == after { format!("{before} as before") } else { format!("{before} → {after}") }
}

fn moves(page: &mut Page, before: &Timeline, after: &Timeline, assignments: &AssignmentEffects) {
    let phases = before.phases().iter().chain(after.phases());
    let names: HashMap<PhaseId, &str> = phases.map(|phase| (phase.id, phase.name.as_str())).collect();
    let named = |phase: Option<PhaseId>| match phase.and_then(|phase| names.get(&phase)) {
        Some(name) => format!("'{}'", clean(name)),
        None => "no phase".to_owned(),
    };
    let number = |number: i64| count(number.unsigned_abs());
    page.heading(format_args!(
        "Assignments: {} of {} change their phase",
        number(assignments.changed),
        number(assignments.total)
    ));
    for found in &assignments.moves {
        page.line(format_args!(
            "  {} from {} to {}, {} to {}",
            number(found.count),
            named(found.from_phase),
            named(found.to_phase),
            found.first_date,
            found.last_date
        ));
    }
}

/// What the project gives up by a command, as clauses for a question: phases that go, days of phases, money, and dates of the project.
/// Empty if nothing.
pub(crate) fn given_up(before: &Timeline, after: &Timeline) -> Vec<String> {
    let mut clauses = Vec::new();
    for effect in phase_effects(before, after) {
        match (effect.before, effect.after) {
            (Some(phase), None) => clauses.push(format!("phase {} goes", described(phase))),
            (Some(had), Some(has)) if has.range.days() < had.range.days() => {
                let days = plural((had.range.days() - has.range.days()).unsigned_abs(), "day");
                clauses.push(format!("phase '{}' loses {days}", clean(had.name.as_str())));
            }
            _ => {}
        }
    }
    let (had, has) = (BudgetSums::of(before), BudgetSums::of(after));
    for (part, before, after) in
        [("capital budget", had.capital, has.capital), ("expense budget", had.expense, has.expense)]
    {
        if after < before {
            clauses.push(format!("the project's {part} falls from {} to {}", money(before), money(after)));
        }
    }
    if let (Some(had), Some(has)) = (before.range(), after.range())
        && let days @ 1.. = lost_days(had, has)
    {
        clauses.push(format!("the project loses {} of its dates", plural(days, "day")));
    }
    clauses
}

/// The number of days of the first range outside the second.
fn lost_days(had: DateRange, has: DateRange) -> u64 {
    let days = |from: NaiveDate, to: NaiveDate| (to - from).num_days().max(0).unsigned_abs();
    let common = days(had.start().max(has.start()), had.end().min(has.end()) + chrono::Days::new(1));
    had.days().unsigned_abs().saturating_sub(common)
}

#[cfg(test)]
mod tests {
    use super::lost_days;
    use phaseline_domain::DateRange;

    #[test]
    fn lost_days_are_those_outside_the_new_range() {
        let range =
            |first: &str, last: &str| DateRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
        let year = range("2024-01-01", "2024-12-31");
        for (has, lost) in [
            (year, 0),
            (range("2023-01-01", "2025-12-31"), 0),
            (range("2024-01-02", "2024-12-30"), 2),
            (range("2024-12-31", "2025-12-31"), 365),
            (range("2025-06-01", "2025-12-31"), 366),
        ] {
            assert_eq!(lost_days(year, has), lost, "{has}");
        }
    }
}
