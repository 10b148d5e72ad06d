//! What the errors of a batch mean to its commands.

use super::Outcome;
use crate::StoreError;
use crate::sqlstate::lost_a_race;

/// Another command's chance, or the end of it.
pub(super) fn failed(error: StoreError) -> Result<Outcome, StoreError> {
    if lost_a_race(&error) { Ok(Outcome::Lost(error)) } else { Err(error) }
}

/// What the other commands of a project get that somebody else holds up.
pub(super) fn busy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Busy(why) => StoreError::Busy(why.clone()),
        held => StoreError::Busy(held.to_string()),
    }
}
