//! Objects that administrators add to the planner's two tables, and that a round trip must restore unchanged.
//!
//! Objects are independent: any set of them, in any order, can be added to any legacy database. Some depend on the columns
//! `phase_type` and `project_phase_id`, which do not exist between migration and rollback.
//! Cases that a migration must refuse instead are in [`crate::refusals`].

mod access;
mod columns;
mod comments;
mod constraints;
mod indexes;
mod publications;
mod sequences;
mod triggers;
mod unrelated;
mod versions;
mod views;

use phaseline_embedded::{Binaries, OLDEST_MAJOR_VERSION};
use proptest::prelude::*;
use std::sync::OnceLock;

/// One object or setting that an administrator added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableObject {
    /// The table, and the object.
    pub name: &'static str,
    /// The statements, for a superuser, each in its own transaction.
    pub statements: &'static [&'static str],
    /// The major version of PostgreSQL since which there is such an object.
    pub since: u32,
}

/// All objects that the server under test knows.
pub fn all() -> Vec<&'static TableObject> {
    [
        access::OBJECTS,
        columns::OBJECTS,
        comments::OBJECTS,
        constraints::OBJECTS,
        indexes::OBJECTS,
        publications::OBJECTS,
        sequences::OBJECTS,
        unrelated::OBJECTS,
        triggers::OBJECTS,
        versions::OBJECTS,
        views::OBJECTS,
    ]
    .into_iter()
    .flatten()
    .filter(|object| object.since <= major_version())
    .collect()
}

/// The major version of the server under test.
fn major_version() -> u32 {
    static FOUND: OnceLock<u32> = OnceLock::new();
    *FOUND.get_or_init(|| Binaries::find().map_or(OLDEST_MAJOR_VERSION, |found| found.major_version()))
}

/// Any set of objects, in any order; shrinks to the one that causes a failure.
pub fn some() -> impl Strategy<Value = Vec<&'static TableObject>> {
    let all = all();
    let most = all.len();
    prop_oneof![
        // Few objects are tested separately, many in combination.
        3 => prop::sample::subsequence(all.clone(), 0..=8),
        2 => prop::sample::subsequence(all, 0..=most),
    ]
    .prop_shuffle()
}

const fn object(name: &'static str, statements: &'static [&'static str]) -> TableObject {
    object_since(OLDEST_MAJOR_VERSION, name, statements)
}

const fn object_since(since: u32, name: &'static str, statements: &'static [&'static str]) -> TableObject {
    TableObject { name, statements, since }
}

#[cfg(test)]
mod tests;
