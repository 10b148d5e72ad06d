//! Checks the values of legacy rows.

use crate::anomaly::{Code, Findings};
use crate::legacy::tables::{BadTime, RawPhase, RawProject};
use phaseline_domain::legacy::LegacyPhaseType;
use phaseline_domain::{Budget, DateRange, Money};
use rust_decimal::Decimal;

pub(crate) fn project_range(project: &RawProject, findings: &mut Findings) -> Option<DateRange> {
    let mut dates = [None; 2];
    for ((column, raw), date) in
        [("start_date", project.start), ("end_date", project.end)].into_iter().zip(&mut dates)
    {
        match raw.get() {
            Ok(good) => *date = Some(good),
            Err(bad) => {
                let code = match bad {
                    BadTime::Null => Code::ProjectDatesNull,
                    BadTime::Infinite => Code::ProjectDatesInfinite,
                    BadTime::OutOfRange => Code::ProjectDatesOutOfRange,
                };
                findings.note(code, "projects", project.id, format!("{column} is {bad}"));
            }
        }
    }
    let (start, end) = (dates[0]?, dates[1]?);
    DateRange::new(start, end)
        .inspect_err(|_| {
            let detail = format!("start_date {start}, end_date {end}");
            findings.note(Code::ProjectDatesReversed, "projects", project.id, detail);
        })
        .ok()
}

pub(crate) fn phase_type(raw: &RawPhase, findings: &mut Findings) -> Option<LegacyPhaseType> {
    match raw.phase_type.as_deref().map(str::parse) {
        Some(Ok(phase_type)) => Some(phase_type),
        Some(Err(unknown)) => {
            findings.note(Code::NotThePlanners, "project_phases", raw.id, unknown.to_string());
            None
        }
        None => {
            findings.note(Code::PhaseNull, "project_phases", raw.id, "phase_type is NULL");
            None
        }
    }
}

pub(crate) fn budgets(raw: &RawPhase, findings: &mut Findings) -> Option<([Decimal; 3], Budget)> {
    let mut amounts = [None; 3];
    for ((column, text), amount) in
        ["capital_budget", "expense_budget", "total_budget"].iter().zip(&raw.budgets).zip(&mut amounts)
    {
        match text {
            None => findings.note(Code::PhaseNull, "project_phases", raw.id, format!("{column} is NULL")),
            Some(text) => match text.parse::<Decimal>().ok().and_then(|value| Money::new(value).ok()) {
                Some(money) => *amount = Some(money),
                None => {
                    findings.note(Code::PhaseBudget, "project_phases", raw.id, format!("{column} is {text}"));
                }
            },
        }
    }
    let (capital, expense, total) = (amounts[0]?, amounts[1]?, amounts[2]?);
    let budget = Budget::new(capital, expense).ok().filter(|budget| budget.total() == total);
    if budget.is_none() {
        let detail =
            format!("total_budget is {total}, capital {capital} plus expense {expense} is another amount");
        findings.note(Code::PhaseBudget, "project_phases", raw.id, detail);
    }
    Some(([capital.amount(), expense.amount(), total.amount()], budget?))
}

pub(crate) fn timestamps(raw: &RawPhase, findings: &mut Findings) -> Option<[chrono::NaiveDateTime; 2]> {
    let mut times = [None; 2];
    for ((column, value), time) in
        [("created_at", raw.created_at), ("updated_at", raw.updated_at)].into_iter().zip(&mut times)
    {
        match value.get() {
            Ok(good) => *time = Some(good),
            Err(bad) => {
                let code = if bad == BadTime::Null { Code::PhaseNull } else { Code::PhaseTimestamp };
                findings.note(code, "project_phases", raw.id, format!("{column} is {bad}"));
            }
        }
    }
    Some([times[0]?, times[1]?])
}
