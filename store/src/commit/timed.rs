//! The deadline of a batch, which also limits its waits in the database.

use std::time::{Duration, Instant};

/// When the last caller of a batch stops waiting; none if there is no limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// The latest of several requests; none if one of them has none.
    pub(super) fn latest(deadlines: impl IntoIterator<Item = Option<Instant>>) -> Self {
        let all: Option<Vec<Instant>> = deadlines.into_iter().collect();
        Self(all.and_then(|all| all.into_iter().max()))
    }

    /// The timeout for a lock, if the connection's own is `patience`. A little less: the clocks of database and program may differ.
    pub(super) fn patience(self, patience: Duration) -> Duration {
        let left = self.0.map_or(patience, |end| end.saturating_duration_since(Instant::now()));
        left.min(patience) * 9 / 10
    }

    /// The limit of a statement: the time that is left if it is less than the connection's timeout for a lock, which happens only when a
    /// queue has formed.
    pub(super) fn limit(self, patience: Duration) -> Option<Duration> {
        let left = self.0.map(|end| end.saturating_duration_since(Instant::now()));
        left.filter(|left| *left < patience)
    }
}
