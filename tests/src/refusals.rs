//! Cases that a migration must refuse: rows and objects that a round trip cannot restore. Each case is a small legacy
//! database ([`base_database()`]) and changes to it; the plan must detect and name them.
//!
//! There is no case for security labels, which need a provider that a plain server lacks.

mod base_database;
mod dates;
mod dependents;
mod orphans;
mod revision;
mod rows;
mod shape;
mod table_parts;

pub use base_database::{base_database, id};

/// A legacy database that must be refused.
#[derive(Clone, Debug)]
pub struct RefusalCase {
    /// The name of the case; each has a different one.
    pub name: &'static str,
    /// Statements for the [`base_database()`], in order, each in its own transaction.
    pub statements: Vec<String>,
    /// All ids and objects that the refusal must name.
    pub must_name: Vec<String>,
    /// Whether it migrates with a repair.
    pub is_repairable: bool,
    /// The role to act as ([`crate::roles::url_as`]), if not the superuser.
    pub role: Option<&'static str>,
}

impl RefusalCase {
    fn repairable(mut self) -> Self {
        self.is_repairable = true;
        self
    }

    fn acting_as(mut self, role: &'static str) -> Self {
        self.role = Some(role);
        self
    }
}

/// All cases.
pub fn all() -> Vec<RefusalCase> {
    [
        dates::cases(),
        rows::cases(),
        orphans::cases(),
        revision::cases(),
        shape::cases(),
        table_parts::cases(),
        dependents::cases(),
    ]
    .concat()
}

/// A case; `<short names>` in it are replaced by ids of the base database.
fn case(name: &'static str, statements: &[&str], must_name: &[&str]) -> RefusalCase {
    let resolve = |texts: &[&str]| texts.iter().map(|text| base_database::resolve(text)).collect();
    RefusalCase {
        name,
        statements: resolve(statements),
        must_name: resolve(must_name),
        is_repairable: false,
        role: None,
    }
}

#[cfg(test)]
mod tests;
