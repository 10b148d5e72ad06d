//! The model of timelines: the aggregate, its commands, events and rules, and the translation of the legacy planner's rows. No I/O
//! and no SQL: everything here is a pure function over values.
//!
//! The core is [`decide`](decide()) (`(&Timeline, &Command) -> Result<Vec<TimelineEvent>, Refusal>`) and [`Timeline::evolve`].
//! [`aggregate`] implements [`cqrs_es::Aggregate`] by these two.

pub mod aggregate;
pub mod command;
pub mod decide;
pub mod event;
pub mod id;
pub mod legacy;
mod legacy_type;
pub mod phase;
pub mod rule;
pub mod text;
pub mod timeline;
pub mod value;

pub use command::{Neighbours, PhaseChanges, PhaseDraft, ReplacementPhase, TimelineCommand};
pub use decide::{Following, decide, decide_following, follow_dates};
pub use event::{StoredEventError, TimelineEvent};
pub use id::{AssignmentId, PhaseId, ProjectId};
pub use phase::{LegacyOrigin, Phase};
pub use rule::{Draft, DraftBudget, NoRoom, Refusal, Rule, Violation, validate};
pub use timeline::Timeline;
pub use value::{Budget, DateRange, Description, InvalidValue, Money, PhaseName};
