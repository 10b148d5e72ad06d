//! What a draft or a restored timeline would do, in words.

use crate::pages::words;
use phaseline_domain::{PhaseId, Timeline};
use phaseline_projections::effects::{AssignmentEffects, PhaseEffect, phase_effects};
use phaseline_projections::planner_view::AssignmentDays;

/// At most so many effects of a kind are listed.
const MOST: usize = 12;

/// The effects of a change.
#[derive(Clone, Debug, Default)]
pub(crate) struct EffectsView {
    /// What happens to phases.
    pub(crate) phases: Vec<String>,
    /// What happens to assignments.
    pub(crate) assignments: Vec<String>,
    /// How many assignments are outside all phases before and after, if any are.
    pub(crate) outside: Option<[i64; 2]>,
    /// How the sum of budgets changes.
    pub(crate) budget: Option<String>,
}

impl EffectsView {
    /// From one timeline to another.
    pub(crate) fn of(before: &Timeline, after: &Timeline, days: &AssignmentDays) -> Self {
        let effects = phase_effects(before, after);
        let name = |id: Option<PhaseId>| {
            let phase = id.and_then(|id| after.phase(id).or_else(|| before.phase(id)));
            phase.map_or_else(|| "no phase".to_owned(), |phase| words::shown(phase.name.as_str()))
        };
        let moved = AssignmentEffects::of(before, after, days);
        let moves = moved.moves.iter().map(|found| {
            let verb = if found.count == 1 { "moves" } else { "move" };
            let (from, to) = (name(found.from_phase), name(found.to_phase));
            format!(
                "{} {verb} from {from} to {to} ({} to {})",
                words::counted(found.count, "assignment"),
                found.first_date,
                found.last_date
            )
        });
        let total = |timeline: &Timeline| -> rust_decimal::Decimal {
            timeline.phases().iter().map(|phase| phase.budget.total().amount()).sum()
        };
        let (had, has) = (total(before), total(after));
        let outside = [moved.outside_before, moved.outside_after];
        Self {
            phases: listed(effects.iter().map(phase)),
            assignments: listed(moves),
            outside: (outside != [0, 0]).then_some(outside),
            budget: (had != has).then(|| {
                format!("{} to {} ({})", words::amount(had), words::amount(has), words::growth(has - had))
            }),
        }
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }
}

fn listed(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(MOST);
    if more > 1 {
        all.truncate(MOST);
        all.push(format!("and {more} more"));
    }
    all
}

fn phase(effect: &PhaseEffect<'_>) -> String {
    match (effect.before, effect.after) {
        (None, Some(new)) => format!(
            "{} is new: {} to {}",
            words::shown(new.name.as_str()),
            new.range.start(),
            new.range.end()
        ),
        (Some(old), None) => format!("{} is removed", words::shown(old.name.as_str())),
        (Some(old), Some(new)) => {
            let mut what = Vec::new();
            if old.name != new.name {
                what.push(format!("is called {}", words::shown(new.name.as_str())));
            }
            if old.range != new.range {
                what.push(format!(
                    "runs {} to {} instead of {} to {}",
                    new.range.start(),
                    new.range.end(),
                    old.range.start(),
                    old.range.end()
                ));
            }
            if old.budget != new.budget {
                let [had, has] = [old, new].map(|phase| phase.budget.total().amount());
                what.push(if had == has {
                    format!("divides its budget of {} anew", words::amount(has))
                } else {
                    format!("has {} instead of {}", words::amount(has), words::amount(had))
                });
            }
            if old.description != new.description {
                what.push("has another description".to_owned());
            }
            format!("{} {}", words::shown(old.name.as_str()), what.join(", "))
        }
        (None, None) => String::new(),
    }
}
