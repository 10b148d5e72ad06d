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
mod triggers;
mod unrelated;
mod views;

use proptest::prelude::*;

/// One object or setting that an administrator added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableObject {
    /// The table, and the object.
    pub name: &'static str,
    /// The statements, for a superuser, each in its own transaction.
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
        views::OBJECTS,
    ]
    .into_iter()
    .flatten()
    .collect()
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
    TableObject { name, statements }
}

#[cfg(test)]
mod tests;
