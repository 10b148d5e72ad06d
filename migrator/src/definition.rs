//! The definition of a table without its rows: captured from the catalogue, kept as a value, replayed as DDL.
//!
//! The migration rebuilds two tables of the users' database, and `pg_dump` before it and after its rollback must be
//! the same file. Administrators add many objects to a table: grants by several grantors, comments, partial indexes,
//! statistics, triggers in four states, policies, publications. [`capture`] reads everything that `pg_dump` prints into a
//! [`TableDefinition`], which is serialised into the log: no copy of the old table is kept.
//! [`TableDefinition::detach_column`] removes a column together with everything that PostgreSQL drops with it, as a
//! [`DetachedColumn`], from which [`TableDefinition::reattach`] restores it. The DDL has stages, because rows are loaded
//! before indexes are created, and the swap is in between:
//!
//! 1. [`TableDefinition::create_in`]: the table without indexes in the shadow schema, then the caller loads it;
//! 2. [`TableDefinition::index_in`]: keys, indexes and checks; [`TableDefinition::validate_in`] checks the rows;
//! 3. [`TableDefinition::drop_incoming_foreign_keys`] of every table, then [`TableDefinition::swap_in`] of every table;
//!    [`EarlyKeys`] makes foreign keys before it, in the shadow schema;
//! 4. [`finish`]: owner, foreign keys, triggers, policies, comments, grants.
//!
//! The statements use `SET LOCAL` and belong in one transaction, in this order.
//!
//! [`obstacles`] names everything that cannot be carried over, which is refused; so are unknown objects.
//! [`missing_privileges`] finds the missing privileges of the migrating role, [`names_taken`] the names that are not free, and
//! [`TableDefinition::differences`] checks before the commit that the replay restored the captured definition.

/// The newest major version of PostgreSQL whose catalogue this module knows.
pub const NEWEST_MAJOR_VERSION: u32 = 18;

mod acl;
mod canonical_sql;
mod capture;
mod catalogue;
mod compare;
mod ddl;
mod detached_column;
mod early_keys;
mod error;
pub(crate) mod event_triggers;
mod finish;
mod materialized_views;
mod model;
mod names;
mod obstacle;
mod obstacle_kind;
mod obstacles;
mod options;
mod privileges;
mod quote;
mod sequences;
mod views;

pub use capture::capture;
pub(crate) use compare::catalogue_state;
pub use detached_column::DetachedColumn;
pub use early_keys::{EarlyKeys, finish_after};
pub use error::DefinitionError;
pub use finish::finish;
pub use materialized_views::{MaterializedView, capture_materialized_views};
pub use model::{
    CheckDefinition, ColumnDefinition, ForeignKey, Grant, IdentityDefinition, IndexConstraint,
    IndexDefinition, NotNullConstraint, PolicyDefinition, PublicationMembership, QualifiedName,
    ReplicaIdentity, SequenceDefinition, StatisticsDefinition, TableDefinition, TriggerDefinition,
};
pub use names::{NeededName, names_taken};
pub use obstacle::{Note, Obstacle, RebuiltTable};
pub use obstacles::{notes, obstacles};
pub use privileges::{MissingPrivilege, missing_privileges};
pub use quote::{quote_ident, quote_literal};
pub use views::{View, capture_views};
