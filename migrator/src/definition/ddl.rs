//! The shadow table: created without indexes, loaded, indexed, swapped in.

use super::canonical_sql::canonical;
use super::quote::{qualified, quote_ident, quote_literal};
use super::{
    CheckDefinition, ColumnDefinition, ForeignKey, IndexDefinition, NotNullConstraint, QualifiedName,
    ReplicaIdentity, TableDefinition,
};

impl TableDefinition {
    /// `schema.table`, unquoted, for messages.
    pub fn title(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// `"schema"."table"`.
    pub(super) fn qualified_name(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The columns that rows are loaded into: all but the generated ones.
    pub fn loadable_columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|column| column.generated.is_none()).map(|column| column.name.as_str())
    }

    /// The storage options for rows that commands change often: free space on each page. None if the table has its own.
    ///
    /// A row without free space on its page moves to a page that is filled to a quarter only, and has space there for its next versions,
    /// which need no new entries in the indexes. This matters most while a session holds an old snapshot: then no version can be removed,
    /// and pages fill up.
    pub fn hot_update_options(&self) -> Vec<String> {
        let own = self.options.iter().any(|option| option.starts_with("fillfactor="));
        if own { Vec::new() } else { vec!["fillfactor=25".to_owned()] }
    }

    /// Sets storage options of the table in another schema.
    pub fn set_in(&self, schema: &str, options: &[String]) -> Vec<String> {
        if options.is_empty() {
            return Vec::new();
        }
        let options: Vec<String> = assignments(options, "").collect();
        vec![format!("ALTER TABLE ONLY {} SET ({})", qualified(schema, &self.name), options.join(", "))]
    }

    /// The bare table in another schema, under its own name and ready for loading: columns, defaults and storage, but
    /// no key, index or constraint. It belongs to its owner from the start: PostgreSQL runs the functions of an index with the rights
    /// of the table's owner when it builds it.
    pub fn create_in(&self, schema: &str) -> Vec<String> {
        let table = qualified(schema, &self.name);
        let columns: Vec<String> = self.columns.iter().map(ColumnDefinition::clause).collect();
        let options: Vec<String> =
            assignments(&self.options, "").chain(assignments(&self.toast_options, "toast.")).collect();
        let with = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
        let mut ddl = vec![
            set_tablespace(self.tablespace.as_deref()),
            format!(
                "CREATE TABLE {table} ({}) USING {}{with}",
                columns.join(", "),
                quote_ident(&self.access_method)
            ),
        ];
        for column in &self.columns {
            ddl.extend(column.settings(&table));
        }
        let owner = quote_ident(&self.owner);
        ddl.push(format!("GRANT USAGE, CREATE ON SCHEMA {} TO {owner}", quote_ident(schema)));
        ddl.push(format!("ALTER TABLE {table} OWNER TO {owner}"));
        ddl.iter().map(|statement| canonical(statement)).collect()
    }

    /// Everything that speeds up or guards the shadow table and needs no other table: primary key, unique and
    /// exclusion constraints, indexes, checks (not validated yet), `NOT NULL` that stays unchecked, `CLUSTER ON` and replica
    /// identity.
    pub fn index_in(&self, schema: &str) -> Vec<String> {
        let table = qualified(schema, &self.name);
        let mut ddl = Vec::new();
        for index in &self.indexes {
            ddl.push(set_tablespace(index.tablespace.as_deref()));
            ddl.push(index.creation(&table));
            let name = qualified(schema, &index.name);
            for (column, target) in &index.statistics_targets {
                ddl.push(format!("ALTER INDEX {name} ALTER COLUMN {column} SET STATISTICS {target}"));
            }
            for extension in &index.extensions {
                ddl.push(format!("ALTER INDEX {name} DEPENDS ON EXTENSION {}", quote_ident(extension)));
            }
            if index.clustered {
                ddl.push(format!("ALTER TABLE ONLY {table} CLUSTER ON {}", quote_ident(&index.name)));
            }
        }
        ddl.push(set_tablespace(None));
        let checks = self.checks.iter().map(|check| {
            let valid = if check.is_valid() { NOT_VALID } else { "" };
            format!("ADD CONSTRAINT {} {}{valid}", quote_ident(&check.name), check.definition)
        });
        let added: Vec<String> =
            checks.chain(self.columns.iter().filter_map(ColumnDefinition::unchecked_not_null)).collect();
        if !added.is_empty() {
            ddl.push(format!("ALTER TABLE ONLY {table} {}", added.join(", ")));
        }
        ddl.extend(self.replica_identity.setting(&table));
        ddl.iter().map(|statement| canonical(statement)).collect()
    }

    /// Checks the rows of the shadow table. Apart from [`Self::index_in`], so that the functions that this calls can be looked at in
    /// the catalogue before they run. In one statement, so that the rows are read once for all.
    pub fn validate_in(&self, schema: &str) -> Vec<String> {
        let checks: Vec<String> = self
            .checks
            .iter()
            .filter(|check| check.is_valid())
            .map(|check| format!("VALIDATE CONSTRAINT {}", quote_ident(&check.name)))
            .collect();
        if checks.is_empty() {
            return Vec::new();
        }
        vec![format!("ALTER TABLE {} {}", qualified(schema, &self.name), checks.join(", "))]
    }

    /// The foreign keys to other tables than `rebuilt` (by name, of this schema), in another schema: they move with the table. It locks
    /// those tables against writers, and checks all rows.
    pub fn reference_in(&self, schema: &str, rebuilt: &[&str]) -> Vec<String> {
        let shadow = QualifiedName { schema: schema.to_owned(), name: self.name.clone() };
        let keys = self.keys_to_others(rebuilt);
        keys.flat_map(|key| key.creation(&shadow)).map(|statement| canonical(&statement)).collect()
    }

    /// The foreign keys to other tables than `rebuilt`.
    pub(super) fn keys_to_others(&self, rebuilt: &[&str]) -> impl Iterator<Item = &ForeignKey> {
        self.foreign_keys.iter().filter(|key| {
            key.references.schema != self.schema || !rebuilt.contains(&key.references.name.as_str())
        })
    }

    /// Drops the foreign keys of other tables that refer to this one. To be run for every rebuilt table before any of
    /// them is dropped; [`super::finish`] creates them again.
    pub fn drop_incoming_foreign_keys(&self) -> Vec<String> {
        self.incoming_foreign_keys
            .iter()
            .map(|key| {
                format!("ALTER TABLE {} DROP CONSTRAINT {}", key.table.to_sql(), quote_ident(&key.name))
            })
            .collect()
    }

    /// Drops the table and moves its shadow into its place, with the state of its sequences. Fails if an unexpected object depends on
    /// the old one.
    pub fn swap_in(&self, shadow_schema: &str) -> Vec<String> {
        let mut ddl = self.identities_in(shadow_schema);
        ddl.extend(self.detach_sequences());
        ddl.push(format!("DROP TABLE {} RESTRICT", self.qualified_name()));
        ddl.push(format!(
            "ALTER TABLE {} SET SCHEMA {}",
            qualified(shadow_schema, &self.name),
            quote_ident(&self.schema)
        ));
        ddl
    }

    /// The other tables that foreign keys and constraint triggers connect with this one, each once: they are locked while
    /// those are replayed.
    pub fn tied_tables(&self) -> Vec<QualifiedName> {
        let outgoing = self.foreign_keys.iter().map(|key| &key.references);
        let incoming = self.incoming_foreign_keys.iter().map(|key| &key.table);
        let mut tables: Vec<QualifiedName> = outgoing
            .chain(incoming)
            .chain(self.triggers.iter().flat_map(|trigger| &trigger.from))
            .filter(|table| table.schema != self.schema || table.name != self.name)
            .cloned()
            .collect();
        tables.sort();
        tables.dedup();
        tables
    }
}

impl ColumnDefinition {
    fn clause(&self) -> String {
        let mut clause = format!("{} {}", quote_ident(&self.name), self.data_type);
        if let Some(method) = &self.compression {
            clause += &format!(" COMPRESSION {}", quote_ident(method));
        }
        if let Some(collation) = &self.collation {
            clause += &format!(" COLLATE {collation}");
        }
        if let Some(expression) = &self.generated {
            let kind = if self.is_virtual { "VIRTUAL" } else { "STORED" };
            clause += &format!(" GENERATED ALWAYS AS ({expression}) {kind}");
        }
        if let Some(expression) = &self.default {
            clause += &format!(" DEFAULT {expression}");
        }
        match &self.not_null_constraint {
            None if self.not_null => clause += " NOT NULL",
            Some(constraint) if constraint.valid => {
                clause += &format!(
                    " CONSTRAINT {} NOT NULL{}",
                    quote_ident(&constraint.name),
                    constraint.inheritance()
                );
            }
            _ => {}
        }
        clause
    }

    /// Adds a `NOT NULL` that rows which are there may break.
    fn unchecked_not_null(&self) -> Option<String> {
        let constraint = self.not_null_constraint.as_ref().filter(|constraint| !constraint.valid)?;
        Some(format!(
            "ADD CONSTRAINT {} NOT NULL {}{}{NOT_VALID}",
            quote_ident(&constraint.name),
            quote_ident(&self.name),
            constraint.inheritance()
        ))
    }

    pub(super) fn settings(&self, table: &str) -> Vec<String> {
        let alter = format!("ALTER TABLE ONLY {table} ALTER COLUMN {} SET", quote_ident(&self.name));
        let mut ddl = Vec::new();
        if let Some(storage) = &self.storage {
            ddl.push(format!("{alter} STORAGE {storage}"));
        }
        if let Some(target) = self.statistics_target {
            ddl.push(format!("{alter} STATISTICS {target}"));
        }
        if !self.options.is_empty() {
            ddl.push(format!("{alter} ({})", assignments(&self.options, "").collect::<Vec<_>>().join(", ")));
        }
        ddl
    }
}

impl NotNullConstraint {
    fn inheritance(&self) -> &'static str {
        if self.no_inherit { " NO INHERIT" } else { "" }
    }
}

impl IndexDefinition {
    fn creation(&self, table: &str) -> String {
        let name = quote_ident(&self.name);
        let Some(constraint) = &self.constraint else {
            let unique = if self.unique { "UNIQUE " } else { "" };
            return format!("CREATE {unique}INDEX {name} ON {table} {}", self.body);
        };
        let options: Vec<String> = assignments(&constraint.options, "").collect();
        let with = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
        format!(
            "ALTER TABLE ONLY {table} ADD CONSTRAINT {name} {}{with}{}",
            constraint.definition, constraint.deferral
        )
    }
}

/// The end of the definition of a constraint that was not checked against all rows.
const NOT_VALID: &str = " NOT VALID";

/// Whether all rows were checked against a constraint of this definition, which is neither `NOT VALID` nor, since 18, `NOT ENFORCED`.
fn is_valid(definition: &str) -> bool {
    !definition.ends_with(NOT_VALID) && !definition.ends_with(" NOT ENFORCED")
}

impl CheckDefinition {
    fn is_valid(&self) -> bool {
        is_valid(&self.definition)
    }
}

impl ForeignKey {
    /// Whether PostgreSQL checks all rows when it makes the key.
    pub fn is_valid(&self) -> bool {
        is_valid(&self.definition)
    }
}

impl ReplicaIdentity {
    fn setting(&self, table: &str) -> Option<String> {
        let identity = match self {
            Self::Default => return None,
            Self::Nothing => "NOTHING".into(),
            Self::Full => "FULL".into(),
            Self::Index(name) => format!("USING INDEX {}", quote_ident(name)),
        };
        Some(format!("ALTER TABLE ONLY {table} REPLICA IDENTITY {identity}"))
    }
}

/// Sets the tablespace of the next table or index as `pg_dump` does: it applies to constraints, too, and an empty name is the
/// database's own tablespace.
pub(super) fn set_tablespace(tablespace: Option<&str>) -> String {
    format!("SET LOCAL default_tablespace = {}", quote_literal(tablespace.unwrap_or_default()))
}

/// `fillfactor=70` as `"fillfactor"='70'`, after a namespace.
pub(super) fn assignments(options: &[String], namespace: &str) -> impl Iterator<Item = String> {
    options.iter().map(move |option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        format!("{namespace}{}={}", quote_ident(name), quote_literal(value))
    })
}
