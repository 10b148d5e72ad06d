//! Distinguishes options in the catalogue that users set from those that the server keeps for itself.
//!
//! `attoptions` and `reloptions` hold what was set by `ALTER .. SET (name = value)`; since the releases of
//! November 2026 (15.20) they also hold a version of each column, `pg_attver`, which `pg_dump` leaves out. So the names are
//! compared: options of users are listed here, and carried over. A name that begins with `pg_` and is not
//! listed is the server's own, and not part of a definition. Any other name belongs to a PostgreSQL that is newer than this
//! program, and is refused by name: see [`super::obstacles`]. An index is created from the text that the server prints, with all
//! its options, so nothing can be left out there, and a name that begins with `pg_` is refused, too.
//!
//! The lists are those of PostgreSQL 15 to 18, chapters CREATE TABLE (storage parameters), ALTER TABLE (attribute
//! options) and CREATE INDEX (index storage parameters).

use super::TableDefinition;

/// The object that has an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope<'a> {
    Table,
    /// Named `toast.…` in SQL, and without that prefix in the catalogue.
    Toast,
    Column,
    /// An index of this access method, one of PostgreSQL's own.
    Index(&'a str),
    /// A column of an index, whose operator class has parameters.
    OperatorClass,
}

/// Parameters of PostgreSQL's own operator classes: of `tsvector_ops`, and of BRIN's `bloom` and `minmax_multi`.
const OPERATOR_CLASS: [&str; 4] =
    ["false_positive_rate", "n_distinct_per_range", "siglen", "values_per_range"];

const COLUMN: [&str; 2] = ["n_distinct", "n_distinct_inherited"];

/// Options of tables only.
const TABLE: [&str; 6] = [
    "autovacuum_analyze_scale_factor",
    "autovacuum_analyze_threshold",
    "fillfactor",
    "parallel_workers",
    "toast_tuple_target",
    "user_catalog_table",
];

/// Options of a table and of its TOAST table.
const TABLE_AND_TOAST: [&str; 18] = [
    "autovacuum_enabled",
    "autovacuum_freeze_max_age",
    "autovacuum_freeze_min_age",
    "autovacuum_freeze_table_age",
    "autovacuum_multixact_freeze_max_age",
    "autovacuum_multixact_freeze_min_age",
    "autovacuum_multixact_freeze_table_age",
    "autovacuum_vacuum_cost_delay",
    "autovacuum_vacuum_cost_limit",
    "autovacuum_vacuum_insert_scale_factor",
    "autovacuum_vacuum_insert_threshold",
    "autovacuum_vacuum_max_threshold", // since 18
    "autovacuum_vacuum_scale_factor",
    "autovacuum_vacuum_threshold",
    "log_autovacuum_min_duration",
    "vacuum_index_cleanup",
    "vacuum_max_eager_freeze_failure_rate", // since 18
    "vacuum_truncate",
];

impl Scope<'_> {
    /// Whether this program knows the meaning of the option.
    fn knows(self, name: &str) -> bool {
        match self {
            Self::Column => COLUMN.contains(&name),
            Self::Table => TABLE.contains(&name) || TABLE_AND_TOAST.contains(&name),
            Self::OperatorClass => OPERATOR_CLASS.contains(&name),
            Self::Toast => TABLE_AND_TOAST.contains(&name),
            Self::Index(method) => match method {
                // The last one has no effect any more, but the server still keeps it.
                "btree" => &["deduplicate_items", "fillfactor", "vacuum_cleanup_index_scale_factor"][..],
                "hash" | "spgist" => &["fillfactor"],
                "gist" => &["buffering", "fillfactor"],
                "gin" => &["fastupdate", "gin_pending_list_limit"],
                "brin" => &["autosummarize", "pages_per_range"],
                _ => &[],
            }
            .contains(&name),
        }
    }

    /// Whether an option has to be refused, since the effect of carrying it over, or of omitting it, is not known.
    pub(super) fn refuses(self, name: &str) -> bool {
        // An index is created from the text that the server prints, which has all its options.
        let left_out = is_servers_own(name) && !matches!(self, Self::Index(_) | Self::OperatorClass);
        !self.knows(name) && !left_out
    }
}

/// Whether the server keeps this option for itself.
fn is_servers_own(name: &str) -> bool {
    name.starts_with("pg_")
}

impl TableDefinition {
    /// The definition without the options that the server keeps for itself.
    pub(super) fn without_servers_own(mut self) -> Self {
        let of_users = |option: &String| !is_servers_own(name_of(option));
        self.options.retain(of_users);
        self.toast_options.retain(of_users);
        for column in &mut self.columns {
            column.options.retain(of_users);
        }
        self
    }
}

/// The name in `n_distinct=-0.5`.
fn name_of(option: &str) -> &str {
    option.split_once('=').map_or(option, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_carried_over_left_out_or_refused() {
        for (scope, name) in [
            (Scope::Column, "n_distinct"),
            (Scope::Table, "fillfactor"),
            (Scope::Table, "vacuum_truncate"),
            (Scope::Toast, "vacuum_truncate"),
            (Scope::Index("gin"), "fastupdate"),
            (Scope::OperatorClass, "siglen"),
        ] {
            assert!(!scope.refuses(name) && !is_servers_own(name), "{scope:?} {name}");
        }
        assert!(is_servers_own("pg_attver") && !Scope::Column.refuses("pg_attver"));
        for (scope, name) in [
            (Scope::Column, "fillfactor"),
            (Scope::Table, "n_distinct"),
            (Scope::Toast, "fillfactor"),
            (Scope::Table, "shape"),
            (Scope::Index("btree"), "fastupdate"),
            (Scope::Index("btree"), "pg_attver"),
            (Scope::OperatorClass, "pg_attver"),
            (Scope::OperatorClass, "shape"),
        ] {
            assert!(scope.refuses(name), "{scope:?} {name}");
        }
    }
}
