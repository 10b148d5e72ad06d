//! Compares the legacy tables after a rollback with those before the migration: which phases go, come and stay, and the budgets.

use super::loss::{ChangedBy, EditHistory};
use crate::report::{BudgetSums, PhaseFate, RestoredPhase, RestoredPhases};
use phaseline_domain::{Phase, PhaseId, ProjectId};
use phaseline_projections::FoldedLog;
use rust_decimal::Decimal;
use std::collections::{HashMap, HashSet};

/// The phases in the legacy tables before the migration; a phase that a repair supplied was in none.
#[derive(Debug, Default)]
pub(super) struct PhasesBefore(HashMap<PhaseId, PhaseBefore>);

#[derive(Debug)]
struct PhaseBefore {
    project: ProjectId,
    name: String,
    budget: [Decimal; 3],
}

impl PhasesBefore {
    /// From the fold at the end of the migration.
    pub(super) fn of(log: &FoldedLog) -> Self {
        let phases = log.timelines.iter().flat_map(|(project, folded)| {
            folded.timeline.phases().iter().filter(|phase| !phase.supplied).map(|phase| {
                let name = phase.name.as_str().to_owned();
                (phase.id, PhaseBefore { project: *project, name, budget: budget_of(phase) })
            })
        });
        Self(phases.collect())
    }
}

/// Compares with the fold from which the legacy tables are computed; `comes_back` has their phases.
pub(super) fn compare(
    before: &PhasesBefore,
    log: &FoldedLog,
    comes_back: &HashSet<PhaseId>,
    history: &EditHistory,
) -> RestoredPhases {
    let mut found = RestoredPhases::default();
    for (project, folded) in &log.timelines {
        for phase in folded.timeline.phases().iter().filter(|phase| comes_back.contains(&phase.id)) {
            let (fate, by) = match before.0.contains_key(&phase.id) {
                true => (PhaseFate::Stays, None),
                false => (PhaseFate::Comes, history.creation(*project, phase.id)),
            };
            found.budgets_after.add(budget_of(phase));
            let name = phase.name.as_str();
            found.phases.push(row(*project, phase.id, fate, name, budget_of(phase), by));
        }
    }
    for (id, phase) in &before.0 {
        found.budgets_before.add(phase.budget);
        if !comes_back.contains(id) {
            let by = history.removal(*id);
            found.phases.push(row(phase.project, *id, PhaseFate::Goes, &phase.name, phase.budget, by));
        }
    }
    found.phases.sort_by_key(|phase| (phase.project_id, phase.fate, phase.phase_id));
    found
}

fn row(
    project_id: ProjectId,
    phase_id: PhaseId,
    fate: PhaseFate,
    name: &str,
    [capital, expense, total]: [Decimal; 3],
    by: Option<&ChangedBy>,
) -> RestoredPhase {
    RestoredPhase {
        project_id,
        phase_id,
        fate,
        name: name.to_owned(),
        budget: BudgetSums { capital, expense, total },
        position: by.map(|by| by.position),
        recorded_at: by.map(|by| by.recorded_at),
        actor: by.and_then(|by| by.actor.clone()),
        login: by.and_then(|by| by.login.clone()),
    }
}

fn budget_of(phase: &Phase) -> [Decimal; 3] {
    let budget = &phase.budget;
    [budget.capital().amount(), budget.expense().amount(), budget.total().amount()]
}
