//! The reports of commands as data: each is serialised unchanged, and rendered by the page of the same name.

pub(crate) mod adopt;
pub(crate) mod drift;
pub(crate) mod export;
pub(crate) mod portfolio;
pub(crate) mod projects;
pub(crate) mod quarantine;
pub(crate) mod rebuild;
pub(crate) mod rehearse;
pub(crate) mod rollback;

use std::time::Instant;

/// Whole milliseconds since `start`, as reports give spans.
pub(crate) fn elapsed_ms(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
