//! What a table is made of, beyond its rows: captured from the catalogue, kept as a value, replayed as DDL.
//!
//! The migration rebuilds two tables of the users' database, and `pg_dump` before it and after its rollback must be
//! the same file. A DBA hangs a great deal on a table: grants by several grantors, comments, partial indexes,
//! statistics, triggers in four states, policies, publications. [`capture`] reads all that `pg_dump` prints into a
//! [`TableDefinition`], which serialises, so that the log can hold it: no copy of the old table is kept.
//! [`TableDefinition::detach_column`] takes a column out together with everything that PostgreSQL drops with it, as a
//! [`DetachedColumn`] that [`TableDefinition::reattach`] unpacks one day. The DDL comes in stages, because rows are loaded
//! before indexes and the swap lies between:
//!
//! 1. [`TableDefinition::create_in`]: the bare table in the shadow schema, then the caller loads it;
//! 2. [`TableDefinition::index_in`]: keys, indexes and checks; [`TableDefinition::validate_in`] checks the rows;
//! 3. [`TableDefinition::drop_incoming_foreign_keys`] of every table, then [`TableDefinition::swap_in`] of every table;
//! 4. [`finish`]: owner, foreign keys, triggers, policies, comments, grants.
//!
//! The statements use `SET LOCAL` and belong in a transaction, in the order given.
//!
//! What cannot be carried over is named by [`obstacles`] and refused: an unknown thing is refused, never lost.
//! [`missing_privileges`] says what the migrating role may not do, [`names_taken`] which names are in the way, and
//! [`TableDefinition::differences`] proves, before the commit, that the replay brought back what was captured.

/// The newest major version of PostgreSQL whose catalogue this module knows.
pub const NEWEST_MAJOR_VERSION: u32 = 18;

mod acl;
mod canonical_sql;
mod capture;
mod catalogue;
mod compare;
mod ddl;
mod detached_column;
mod error;
mod finish;
mod model;
mod names;
mod obstacles;
mod options;
mod privileges;
mod quote;

pub use capture::capture;
pub use detached_column::DetachedColumn;
pub use error::DefinitionError;
pub use finish::finish;
pub use model::{
    CheckDefinition, ColumnDefinition, ForeignKey, Grant, IndexConstraint, IndexDefinition,
    NotNullConstraint, PolicyDefinition, PublicationMembership, QualifiedName, ReplicaIdentity,
    StatisticsDefinition, TableDefinition, TriggerDefinition,
};
pub use names::{NeededName, names_taken};
pub use obstacles::{Note, Obstacle, RebuiltTable, notes, obstacles};
pub use privileges::missing_privileges;
pub use quote::{quote_ident, quote_literal};
