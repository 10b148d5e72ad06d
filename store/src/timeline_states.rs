//! Stored timeline states: folds of timelines at some of their positions. A read of timelines at a position starts from the nearest
//! earlier state instead of each stream's beginning ([`docs/decisions/timeline-states.md`](../../docs/decisions/timeline-states.md)).
//!
//! States define nothing. Which event a timeline has is read from the log only, and a state is used only if
//! - it has the form that this program writes,
//! - the log has, at the state's position, the event with the hash that the state names,
//! - no mark leaves out an event of its project: marks change folds of the past.
//!
//! Missing, old or unreadable states therefore make a read slower, and never wrong. [`read`] uses them, [`mod@advance`] makes them behind
//! the writers, and [`audit`] compares them with the log.

pub mod advance;
pub mod audit;
pub mod read;
mod state;
mod table;

pub use advance::{Advanced, advance, remake};
pub use audit::{StatesAudit, WrongState};
pub use read::{
    FoldedStream, ProjectSelection, SelectedStates, StreamBegin, begun_among, changed_between, each_at,
    events_behind, projects_behind,
};
pub use state::EVENTS_PER_STATE;
pub use table::forget;
