//! What names an event and all before it.

use crate::RecordedEvent;
use crate::hash::{self, Hash};
use uuid::Uuid;

/// What names an event and all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventIdentity {
    /// The event's own id.
    pub event_id: Uuid,
    /// The chain's hash up to it.
    pub hash: Hash,
}

impl EventIdentity {
    /// The hash in hexadecimal.
    pub fn hash_text(&self) -> String {
        hash::hex(&self.hash)
    }
}

impl RecordedEvent {
    /// What names it.
    pub const fn identity(&self) -> EventIdentity {
        EventIdentity { event_id: self.event_id, hash: self.hash }
    }
}
