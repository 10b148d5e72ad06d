//! The events that change one value of a phase, or create it.

use crate::event::{PhaseBudgeted, PhaseCreated, PhaseDescribed, PhaseRenamed, PhaseResized};
use crate::rule::{Draft, DraftBudget, phase, request};
use crate::{
    Budget, DateRange, Description, InvalidValue, Money, Phase, PhaseDraft, PhaseId, PhaseName, Refusal,
    Rule, Timeline, TimelineEvent, Violation,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

/// The name of a phase whose draft in a list passed the rules.
pub(super) fn renamed(phase: &Phase, requested: &str) -> Result<Vec<TimelineEvent>, Refusal> {
    let (phase_id, name) = (phase.id, name(phase.id, requested)?);
    Ok(if phase.name == name { Vec::new() } else { vec![PhaseRenamed { phase_id, name }.into()] })
}

pub(super) fn describe(
    timeline: &Timeline,
    phase_id: PhaseId,
    requested: Option<&str>,
) -> Result<Vec<TimelineEvent>, Refusal> {
    request::is_open(timeline)?;
    let phase = request::has_phase(timeline, phase_id)?;
    if let Some(text) = requested {
        Refusal::unless_empty(phase::of_description(Some(phase_id), text))?;
    }
    let description = description(phase_id, requested)?;
    let current = phase.description.as_ref().filter(|current| !current.is_empty());
    Ok(if current == description.as_ref() {
        Vec::new()
    } else {
        vec![PhaseDescribed { phase_id, description }.into()]
    })
}

pub(super) fn budget(
    timeline: &Timeline,
    phase_id: PhaseId,
    requested: DraftBudget,
) -> Result<Vec<TimelineEvent>, Refusal> {
    request::is_open(timeline)?;
    let phase = request::has_phase(timeline, phase_id)?;
    Refusal::unless_empty(phase::of_budget(Some(phase_id), requested))?;
    let budget = money(phase_id, requested.capital, requested.expense)?;
    Ok(if phase.budget == budget { Vec::new() } else { vec![PhaseBudgeted { phase_id, budget }.into()] })
}

/// The phases to which the drafts, one per phase in the same order, give other dates.
pub(super) fn resized<'a>(
    phases: impl IntoIterator<Item = &'a Phase>,
    drafts: &[Draft<'_>],
) -> Result<Vec<TimelineEvent>, Refusal> {
    let mut events = Vec::new();
    for (phase, draft) in phases.into_iter().zip(drafts) {
        let range = date_range(Some(phase.id), draft.start_date, draft.end_date)?;
        if range != phase.range {
            events.push(PhaseResized { phase_id: phase.id, range }.into());
        }
    }
    Ok(events)
}

/// The creation of a phase whose draft passed the rules.
pub(super) fn created(draft: &PhaseDraft) -> Result<TimelineEvent, Refusal> {
    let phase_id = draft.id;
    Ok(PhaseCreated {
        phase_id,
        name: name(phase_id, &draft.name)?,
        range: date_range(Some(phase_id), draft.start_date, draft.end_date)?,
        description: description(phase_id, draft.description.as_deref())?,
        budget: money(phase_id, draft.capital_budget, draft.expense_budget)?,
    }
    .into())
}

// Conversions from drafts to valid values. The rules were checked before, so these do not fail; if a rule and a value disagree,
// the command is refused.

pub(super) fn date_range(
    id: Option<PhaseId>,
    start: NaiveDate,
    end: NaiveDate,
) -> Result<DateRange, Violation> {
    DateRange::new(start, end).map_err(|error| Violation::of_value(&error, id, Rule::DatesInOrder))
}

fn name(id: PhaseId, text: &str) -> Result<PhaseName, Violation> {
    PhaseName::new(text).map_err(|error| Violation::of_value(&error, Some(id), Rule::NameWithoutNul))
}

/// An empty description counts as none.
fn description(id: PhaseId, text: Option<&str>) -> Result<Option<Description>, Violation> {
    text.filter(|text| !text.is_empty())
        .map(Description::new)
        .transpose()
        .map_err(|error| Violation::of_value(&error, Some(id), Rule::DescriptionWithoutNul))
}

fn money(id: PhaseId, capital: Decimal, expense: Decimal) -> Result<Budget, Violation> {
    let parsed =
        || -> Result<Budget, InvalidValue> { Budget::new(Money::new(capital)?, Money::new(expense)?) };
    parsed().map_err(|error| Violation::of_value(&error, Some(id), Rule::AmountInRange))
}
