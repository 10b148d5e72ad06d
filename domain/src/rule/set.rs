//! The rules about all phases of a project together.

use super::{Draft, Rule, Violation};
use crate::{DateRange, PhaseId, Timeline};
use std::collections::HashSet;

/// All rules of this file that the drafts, given in order, break as the complete list of a project's phases.
pub(crate) fn violations(project: DateRange, sorted: &[Draft<'_>]) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(has_a_phase(sorted));
    found.extend(sorted.first().and_then(|first| starts_with_project(project, first)));
    found.extend(sorted.last().and_then(|last| ends_with_project(project, last)));
    for pair in sorted.windows(2) {
        if let [a, b] = pair {
            found.extend(no_gap(a, b));
            found.extend(no_overlap(a, b));
        }
    }
    let mut seen = HashSet::new();
    found.extend(sorted.iter().filter_map(|draft| named_once(&mut seen, draft.id?)));
    found
}

/// V19 for a list of ids.
pub(crate) fn each_named_once(ids: &[PhaseId]) -> Vec<Violation> {
    let mut seen = HashSet::new();
    ids.iter().filter_map(|id| named_once(&mut seen, *id)).collect()
}

/// V25, for each phase that the new order leaves out.
pub(crate) fn all_named(timeline: &Timeline, order: &[PhaseId]) -> Vec<Violation> {
    let order: HashSet<PhaseId> = order.iter().copied().collect();
    let left_out = timeline.phases().iter().filter(|phase| !order.contains(&phase.id));
    left_out.map(|phase| is_named(phase.id)).collect()
}

/// V25.
fn is_named(id: PhaseId) -> Violation {
    Violation::new(Rule::OrderIsComplete, Some(id), format!("Phase with ID {id} is missing in the new order"))
}

/// V1.
fn has_a_phase(drafts: &[Draft<'_>]) -> Option<Violation> {
    drafts
        .is_empty()
        .then(|| Violation::new(Rule::PhaseRequired, None, "Project must have at least one phase".to_owned()))
}

/// V2. `first` is the phase that starts first.
pub(crate) fn starts_with_project(project: DateRange, first: &Draft<'_>) -> Option<Violation> {
    (first.start_date != project.start()).then(|| {
        let message = format!("First phase must start at project start date ({})", project.start());
        Violation::new(Rule::StartsWithProject, first.id, message)
    })
}

/// V3. `last` is the phase that starts last.
pub(crate) fn ends_with_project(project: DateRange, last: &Draft<'_>) -> Option<Violation> {
    (last.end_date != project.end()).then(|| {
        let message = format!("Last phase must end at project end date ({})", project.end());
        Violation::new(Rule::EndsWithProject, last.id, message)
    })
}

/// V4. `a` comes before `b`.
fn no_gap(a: &Draft<'_>, b: &Draft<'_>) -> Option<Violation> {
    ((b.start_date - a.end_date).num_days() > 1).then(|| {
        let message = format!(
            "Gap detected between '{}' (ends {}) and '{}' (starts {})",
            a.name, a.end_date, b.name, b.start_date
        );
        Violation::new(Rule::NoGap, a.id, message)
    })
}

/// V5. `a` comes before `b`.
pub(crate) fn no_overlap(a: &Draft<'_>, b: &Draft<'_>) -> Option<Violation> {
    (b.start_date <= a.end_date).then(|| {
        Violation::new(
            Rule::NoOverlap,
            a.id,
            format!("Overlap detected between '{}' and '{}'", a.name, b.name),
        )
    })
}

/// V14. `phases` is how many there are.
pub(crate) fn not_the_last_one(phases: usize, removed: PhaseId) -> Option<Violation> {
    (phases <= 1).then(|| {
        Violation::new(
            Rule::LastPhaseStays,
            Some(removed),
            "Cannot delete the last remaining phase".to_owned(),
        )
    })
}

/// V15. `left` are the phases that stay, in order.
pub(crate) fn leaves_no_gap(project: DateRange, left: &[Draft<'_>], removed: PhaseId) -> Option<Violation> {
    (!violations(project, left).is_empty()).then(|| {
        let message = "Deleting this phase would create a gap in the project timeline".to_owned();
        Violation::new(Rule::RemovalLeavesNoGap, Some(removed), message)
    })
}

/// V19. `seen` are the ids so far.
fn named_once(seen: &mut HashSet<PhaseId>, id: PhaseId) -> Option<Violation> {
    (!seen.insert(id)).then(|| {
        Violation::new(Rule::ListedOnce, Some(id), format!("Phase with ID {id} is listed more than once"))
    })
}
