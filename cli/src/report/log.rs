//! The wanted events of the log.

use phaseline_domain::ProjectId;
use phaseline_store::RawEvent;
use std::ops::RangeInclusive;

/// The wanted events.
#[derive(Clone, Debug)]
pub(crate) struct LogSelection {
    pub(crate) positions: RangeInclusive<i64>,
    pub(crate) project: Option<ProjectId>,
    pub(crate) actor: Option<String>,
    pub(crate) event_type: Option<String>,
    /// The most events, from the beginning or, newest first, from the end.
    pub(crate) limit: Option<usize>,
    pub(crate) newest_first: bool,
}

impl LogSelection {
    /// Whether an event of the project, if one is given, is wanted; independent of the limit.
    pub(crate) fn wants(&self, event: &RawEvent<'_>) -> bool {
        if !self.positions.contains(&event.position)
            || self.event_type.as_deref().is_some_and(|wanted| wanted != event.event_type)
        {
            return false;
        }
        let Some(actor) = &self.actor else { return true };
        let metadata = event.metadata();
        let names = [metadata.actor.as_deref(), metadata.actor_name.as_deref(), event.login];
        names.into_iter().flatten().any(|name| name == actor)
    }
}
