//! The log in PostgreSQL: append, read, import. The only crate whose code names the columns of the log's tables.
//!
//! - [`schema`] installs the log's schema and keeps it whole.
//! - [`altered`] finds events of one stream that do not fit their hashes.
//! - [`append`](mod@append) writes the events of commands, with their inline projection, in one transaction.
//! - [`head`] is a position with its hash, as people note it down.
//! - [`import`](mod@import) writes many events at once by binary COPY.
//! - [`moment`] finds the position that a time or a position means.
//! - [`read`] reads one stream, or the whole log in order of position; [`parallel`] all timelines, with several
//!   connections at once.
//! - [`hash`] chains each event to the one before it; [`chain`] checks a log.
//! - [`TimelineStore::submit`] executes commands: decided on timelines of the [`cache`], committed in groups, each with its own verdict.
//! - [`close`] closes the timelines of projects that the planner deleted.
//! - [`sessions`] hands out the connections of services and single commands; [`pooler`] finds out how they keep their state.
//! - [`statement`] is one statement with its parameters, which a session prepares or a message writes as text.
//! - [`batcher`] collects jobs that arrive together for one task.
//! - [`folded`] is the fold of one stream.
//! - [`earlier`] is the timeline that a project had at an earlier position.
//! - [`servers`] connects to the wanted one of several servers.
//! - [`unreadable`] finds events that cannot be read, and [`skip`] leaves them out by later marks.
//! - [`timeline`] is the store of one aggregate, [`phaseline_domain::Timeline`], also as a `cqrs_es::EventStore` (`cqrs.rs`).
//! - [`timeline_states`] are stored folds, from which timelines at any position are read.
//!
//! **Positions** are gapless and in commit order: every writer locks the one row of `phaseline.head` before it reads the last position.
//! Readers therefore never miss an event that commits late.

pub mod altered;
pub mod append;
pub mod batcher;
pub mod cache;
pub mod chain;
pub mod close;
mod commit;
pub mod copy;
mod cqrs;
pub mod earlier;
pub mod error;
pub mod event;
mod execute;
pub mod folded;
pub mod hash;
pub mod head;
mod identity;
pub mod import;
pub mod moment;
mod pace;
pub mod parallel;
pub mod pooler;
pub mod progress;
pub mod projection;
pub mod read;
pub mod request;
pub mod schema;
pub mod servers;
pub mod sessions;
pub mod skip;
mod sqlstate;
pub mod statement;
pub mod stream;
pub mod timeline;
pub mod timeline_states;
pub mod unreadable;

pub use altered::AlteredEvents;
pub use append::{Append, Appended, EarlierResult, FollowingEvents, IdempotencyKey, RowLocation, append};
pub use error::{ExcessRights, Relation, StoreError};
pub use event::{Metadata, NewEvent, RawEvent, RecordedEvent, StreamId};
pub use folded::{FoldedTimeline, PhaseTimestamps};
pub use head::LogHead;
pub use identity::EventIdentity;
pub use import::{Import, Imported};
pub use moment::{Moment, MomentError, ResolvedMoment};
pub use pace::Pace;
pub use pooler::{Pooler, Pooling};
pub use projection::{Adoption, InlineProjection, UnadoptedProject};
pub use request::{Committed, CurrentTimeline, ExecuteError, Preview, Request};
pub use servers::{Servers, SessionAttributes};
pub use sessions::{Admission, Begin, Session, SessionSettings, Sessions};
pub use skip::SkippedEvent;
pub use sqlstate::SqlState;
pub use statement::{Parameter, Statement};
pub use stream::RecordedTimeline;
pub use timeline::TimelineStore;
pub use unreadable::{Content, Quarantine, UnreadableEvent};
