//! Rolled back over edits, and migrated again: the edits are back, and what was changed in the old tables meanwhile is
//! taken in.

mod fixture;
mod round_trips;
mod rules;
