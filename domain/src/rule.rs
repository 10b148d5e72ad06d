//! The rules of a timeline, and the refusal that carries their messages.
//!
//! A rule is one function over unchecked values that returns a violation, if there is one. `docs/rules.md` lists all rules. A check
//! does not stop at the first broken rule: a refusal has all violations.

mod draft;
mod no_room;
pub(crate) mod phase;
pub(crate) mod request;
pub(crate) mod set;
mod violation;

pub use draft::{Draft, DraftBudget};
pub use no_room::NoRoom;
pub use violation::{Refusal, Rule, Violation};

use crate::DateRange;

/// Checks the complete list of a project's phases, in any order. Violations are in the rules' order: the list as a whole first (V1,
/// V2, V3, then V4 or V5 for each neighbouring pair, then V19), then each phase by start date; phases of one start date keep their
/// order in the list, as in the planner. Empty if no rule is broken.
///
/// [`decide`](crate::decide()) accepts a [`ReplaceAll`](crate::TimelineCommand::ReplaceAll) exactly when this is empty and the ids
/// exist or are new as the command requires (V18, V20).
pub fn validate(project: DateRange, drafts: &[Draft<'_>]) -> Vec<Violation> {
    let mut sorted = drafts.to_vec();
    sorted.sort_by_key(|draft| draft.start_date);
    let mut violations = set::violations(project, &sorted);
    for draft in &sorted {
        violations.extend(phase::violations(project, draft));
    }
    violations
}
