//! The log in PostgreSQL: append, read, import. The only crate that knows the events table.
//!
//! - [`schema`] installs the log's schema and keeps it whole.
//! - [`append`](mod@append) writes the events of commands, with their inline projection, in one transaction.
//! - [`import`](mod@import) writes many events at once by binary COPY.
//! - [`read`] reads one stream, or the whole log in order of position; [`parallel`] all timelines, with several
//!   connections at once.
//! - [`hash`] chains each event to the one before it; [`chain`] checks a log.
//! - [`timeline`] is the store of one aggregate, [`phaseline_domain::Timeline`], also as a `cqrs_es::EventStore`.
//!
//! **Position** is gapless and in commit order: every writer locks the one row of `phaseline.head` before it looks
//! at the last position. Readers therefore never miss an event that commits late.

pub mod append;
pub mod chain;
pub mod copy;
pub mod error;
pub mod event;
pub mod hash;
pub mod import;
pub mod parallel;
pub mod progress;
pub mod read;
pub mod schema;
pub mod timeline;

pub use append::{Append, Appended, append};
pub use error::StoreError;
pub use event::{Metadata, NewEvent, RawEvent, RecordedEvent, StreamId};
pub use import::{Import, Imported};
pub use timeline::{
    Adoption, Committed, ExecuteError, Found, InlineProjection, RecordedTimeline, TimelineStore,
};
