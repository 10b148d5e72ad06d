//! What administrators hang on the planner's two tables, and a round trip has to bring back as it was.
//!
//! Each object stands for itself: any set of them, in any order, can be put into any legacy database. Pieces that
//! speak of `phase_type` or `project_phase_id` hang on columns that are gone between the migration and its rollback.
//! What a migration has to refuse instead is in [`crate::refusals`].

mod access;
mod columns;
mod comments;
mod constraints;
mod indexes;
mod publications;
mod triggers;
mod unrelated;

use proptest::prelude::*;

/// One thing that an administrator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableObject {
    /// The table, and what was done.
    pub name: &'static str,
    /// The statements, for a superuser, each in a transaction of its own.
    pub statements: &'static [&'static str],
}

/// All objects.
pub fn all() -> Vec<&'static TableObject> {
    [
        access::OBJECTS,
        columns::OBJECTS,
        comments::OBJECTS,
        constraints::OBJECTS,
        indexes::OBJECTS,
        publications::OBJECTS,
        unrelated::OBJECTS,
        triggers::OBJECTS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Any set of objects, in any order; shrinks to the one that breaks.
pub fn some() -> impl Strategy<Value = Vec<&'static TableObject>> {
    let all = all();
    let most = all.len();
    prop_oneof![
        // Few objects leave each of them by itself; many meet each other.
        3 => prop::sample::subsequence(all.clone(), 0..=8),
        2 => prop::sample::subsequence(all, 0..=most),
    ]
    .prop_shuffle()
}

const fn object(name: &'static str, statements: &'static [&'static str]) -> TableObject {
    TableObject { name, statements }
}

#[cfg(test)]
mod tests;
