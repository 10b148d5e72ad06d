//! A command's events, as they are appended.

use crate::{Metadata, NewEvent, StreamId};
use phaseline_domain::DateRange;
use std::sync::Arc;

/// Where a row is in its table: its `ctid`.
pub type RowLocation = Arc<str>;

/// One command's events: all of them are written, or none.
#[derive(Clone, Debug)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// The stream's version that the writer has seen; 0 if the stream was not there.
    pub expected: i64,
    /// The events, in order.
    pub events: Vec<NewEvent>,
    /// Actor, reason and source.
    pub metadata: Metadata,
    /// The rows that the events adopt, as they were read: the append compares them with the current ones under the lock.
    pub witness: Option<String>,
    /// The known locations of the rows of the events' phases, per event. With it the projection returns the new locations.
    pub row_locations: Option<Vec<Option<RowLocation>>>,
    /// The key under which a repeated request is not executed again.
    pub key: Option<IdempotencyKey>,
    /// The dates of the project that the command was decided on. If `public.projects` has others, nothing is written. None if they
    /// do not matter.
    pub project_dates: Option<DateRange>,
    /// How the timeline follows dates that another program gave the project, before the command's own events.
    pub following: Option<FollowingEvents>,
}

/// Events by which a timeline follows its project's dates.
#[derive(Clone, Debug)]
pub struct FollowingEvents {
    /// The events, in order; at least one.
    pub events: Vec<NewEvent>,
    /// Their metadata: another program changed the dates, not the command's actor.
    pub metadata: Metadata,
}

/// Identifies a repeated request, for 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The owner of the key: two callers may choose the same one.
    pub scope: String,
    /// The key, as the caller chose it.
    pub key: String,
    /// SHA-256 of the whole request.
    pub fingerprint: [u8; 32],
}

impl Append {
    /// All events, those by which the timeline follows its project's dates first.
    pub(crate) fn all_events(&self) -> impl DoubleEndedIterator<Item = &NewEvent> + ExactSizeIterator {
        let all: Vec<&NewEvent> =
            self.following.iter().flat_map(|following| &following.events).chain(&self.events).collect();
        all.into_iter()
    }
}
