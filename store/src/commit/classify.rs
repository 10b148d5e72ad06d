//! Which commands of a batch an error concerns.

use super::Outcome;
use crate::StoreError;
use crate::sqlstate::{is_held_up, is_one_commands_fault, lost_a_race};

/// The outcome of a command that failed: lost to another writer, which is decided again, or an error.
pub(super) fn failed(error: StoreError) -> Result<Outcome, StoreError> {
    if lost_a_race(&error) { Ok(Outcome::Lost(error)) } else { Err(error) }
}

/// The error for other commands of a project whose rows another session has locked.
pub(super) fn busy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Busy(why) => StoreError::Busy(why.clone()),
        locked => StoreError::Busy(locked.to_string()),
    }
}

/// Which commands cause the failure of a batch.
pub(super) enum BatchError {
    /// Every command would fail with it.
    EveryCommand(StoreError),
    /// Another session holds the head, which every command needs.
    HeadLocked(StoreError),
    /// One command, or the rows of its project: the others may succeed without it.
    OneCommand(StoreError),
}

impl BatchError {
    /// `waited_for_head`: whether the batch waited longer than the limit for a row.
    pub(super) fn of(error: StoreError, waited_for_head: bool) -> Self {
        if !is_one_commands_fault(&error) {
            Self::EveryCommand(error)
        } else if waited_for_head && is_held_up(&error) {
            Self::HeadLocked(error)
        } else {
            Self::OneCommand(error)
        }
    }
}
