//! Rollback over edits, and another migration: the edits are restored, and changes of the legacy tables are
//! migrated.

mod fixture;
mod round_trips;
mod rules;
