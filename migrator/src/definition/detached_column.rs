//! A detached column: everything that PostgreSQL drops with a column, kept until the column is restored.

use serde::{Deserialize, Serialize};

use super::quote::{qualified, quote_ident};
use super::{
    CheckDefinition, ColumnDefinition, DefinitionError, ForeignKey, IndexDefinition, NeededName,
    QualifiedName, ReplicaIdentity, StatisticsDefinition, TableDefinition,
};

/// A column with everything that PostgreSQL drops with it. Its serialised form is in the log from a migration to its rollback.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct DetachedColumn {
    /// The table that the column was taken from.
    pub table: QualifiedName,
    /// The column itself, with its comment, privileges, storage and statistics target.
    pub column: ColumnDefinition,
    /// The columns before it, in order: it is restored behind the last of them that still exists.
    pub before: Vec<String>,
    /// Indexes, with the constraints on them, and the place of each among the table's indexes.
    pub indexes: Vec<(usize, IndexDefinition)>,
    /// Check constraints.
    pub checks: Vec<CheckDefinition>,
    /// Foreign keys of the table.
    pub foreign_keys: Vec<ForeignKey>,
    /// Extended statistics.
    pub statistics: Vec<StatisticsDefinition>,
    /// The index among them that was the table's replica identity.
    pub replica_identity: Option<String>,
}

impl DetachedColumn {
    /// Drops the column in place, without rebuilding the table. If the index of the replica identity is dropped with the
    /// column, the primary key becomes the replica identity.
    pub fn drop_in_place(&self) -> Vec<String> {
        let table = self.table.to_sql();
        let mut ddl =
            vec![format!("ALTER TABLE {table} DROP COLUMN {} RESTRICT", quote_ident(&self.column.name))];
        if self.replica_identity.is_some() {
            ddl.push(format!("ALTER TABLE ONLY {table} REPLICA IDENTITY DEFAULT"));
        }
        ddl
    }

    /// The names that must be free to restore the column with its objects.
    pub fn needed_names(&self) -> Vec<NeededName> {
        let relation = |(_, index): &(usize, IndexDefinition)| {
            NeededName::Relation(QualifiedName {
                schema: self.table.schema.clone(),
                name: index.name.clone(),
            })
        };
        let constraints = self.constraint_names();
        let not_null = (self.column.not_null && self.column.not_null_constraint.is_none())
            .then(|| NeededName::NotNull { table: self.table.clone(), column: self.column.name.clone() });
        self.indexes
            .iter()
            .map(relation)
            .chain(
                constraints
                    .map(|name| NeededName::Constraint { table: self.table.clone(), name: name.clone() }),
            )
            .chain(not_null)
            .chain(self.statistics.iter().map(|statistics| NeededName::Statistics(statistics.name.clone())))
            .collect()
    }

    /// The names of its constraints that no index implements.
    fn constraint_names(&self) -> impl Iterator<Item = &String> {
        let not_null = self.column.not_null_constraint.iter().map(|constraint| &constraint.name);
        let checks = self.checks.iter().map(|check| &check.name);
        not_null.chain(checks).chain(self.foreign_keys.iter().map(|key| &key.name))
    }
}

impl TableDefinition {
    /// Detaches a column with everything that PostgreSQL would drop: its keys, indexes (also those that only
    /// include it or whose expression or predicate reads it), checks, outgoing foreign keys and extended statistics.
    ///
    /// # Errors
    /// [`DefinitionError::NoSuchColumn`]; [`DefinitionError::ColumnInUse`] if a generated column, a policy, a trigger's
    /// `UPDATE OF` or `WHEN`, a publication or another table's foreign key uses it, or if it has a sequence. The definition is then unchanged.
    pub fn detach_column(&mut self, name: &str) -> Result<DetachedColumn, DefinitionError> {
        let Some(place) = self.columns.iter().position(|column| column.name == name) else {
            return Err(DefinitionError::NoSuchColumn { table: self.title(), column: name.into() });
        };
        let users = self.users_that_stay(name);
        if !users.is_empty() {
            return Err(DefinitionError::ColumnInUse {
                table: self.title(),
                column: name.into(),
                users: users.join(", "),
            });
        }
        let uses = |columns: &[String]| columns.iter().any(|column| column == name);
        let column = self.columns.remove(place);
        let indexes = extract_placed(&mut self.indexes, |index| uses(&index.columns));
        let own = QualifiedName { schema: self.schema.clone(), name: self.name.clone() };
        let goes = |key: &mut ForeignKey| {
            uses(&key.columns) || key.references == own && uses(&key.referenced_columns)
        };
        let foreign_keys = self.foreign_keys.extract_if(.., goes).collect();
        let replica_identity = match &self.replica_identity {
            ReplicaIdentity::Index(index) if indexes.iter().any(|(_, gone)| gone.name == *index) => {
                Some(index.clone())
            }
            _ => None,
        };
        if replica_identity.is_some() {
            self.replica_identity = ReplicaIdentity::Default;
        }
        Ok(DetachedColumn {
            table: own,
            column,
            before: self.columns[..place].iter().map(|column| column.name.clone()).collect(),
            indexes,
            checks: self.checks.extract_if(.., |check| uses(&check.columns)).collect(),
            foreign_keys,
            statistics: self.statistics.extract_if(.., |statistics| uses(&statistics.columns)).collect(),
            replica_identity,
        })
    }

    /// Reattaches a column at its former place, with its objects. Of several columns, the last one detached is the first to be
    /// reattached. Changes in between are kept: a `CLUSTER ON` or replica identity that was set since stays.
    ///
    /// # Errors
    /// [`DefinitionError::NameTaken`] if the table has an object of that name now. The definition is then unchanged.
    pub fn reattach(&mut self, detached: DetachedColumn) -> Result<(), DefinitionError> {
        let taken = self.names_taken_by(&detached);
        if !taken.is_empty() {
            return Err(DefinitionError::NameTaken {
                table: self.title(),
                column: detached.column.name,
                names: taken.join(", "),
            });
        }
        let place = detached
            .before
            .iter()
            .rev()
            .find_map(|name| self.columns.iter().position(|column| column.name == *name))
            .map_or(0, |place| place + 1);
        self.columns.insert(place, detached.column);
        let clustered = self.indexes.iter().any(|index| index.clustered);
        for (place, mut index) in detached.indexes {
            index.clustered &= !clustered;
            self.indexes.insert(place.min(self.indexes.len()), index);
        }
        self.foreign_keys.extend(detached.foreign_keys);
        self.foreign_keys.sort_by(|a, b| a.name.cmp(&b.name));
        self.checks.extend(detached.checks);
        self.checks.sort_by(|a, b| a.name.cmp(&b.name));
        self.statistics.extend(detached.statistics);
        self.statistics.sort_by(|a, b| a.name.cmp(&b.name));
        if let (Some(index), ReplicaIdentity::Default) = (detached.replica_identity, &self.replica_identity) {
            self.replica_identity = ReplicaIdentity::Index(index);
        }
        Ok(())
    }

    /// Forgets the incoming foreign keys that are detached with another table's column.
    pub fn forget_keys_of(&mut self, detached: &DetachedColumn) {
        self.incoming_foreign_keys.retain(|key| {
            key.table != detached.table || detached.foreign_keys.iter().all(|gone| gone.name != key.name)
        });
    }

    /// Adds the foreign keys of another definition that refer to this table: they were reattached there, so the catalogue that
    /// this definition was read from did not have them.
    pub fn add_keys_from(&mut self, other: &Self) {
        let own = QualifiedName { schema: self.schema.clone(), name: self.name.clone() };
        for key in other.foreign_keys.iter().filter(|key| key.references == own && key.table != own) {
            if self
                .incoming_foreign_keys
                .iter()
                .all(|known| known.table != key.table || known.name != key.name)
            {
                self.incoming_foreign_keys.push(key.clone());
            }
        }
        self.incoming_foreign_keys.sort_by(|a, b| (&a.table, &a.name).cmp(&(&b.table, &b.name)));
    }

    /// Appends a column.
    pub fn add_column(&mut self, column: ColumnDefinition) {
        self.columns.push(column);
    }

    /// Appends a plain btree index.
    pub fn add_index(&mut self, name: &str, columns: &[&str]) {
        let mut used: Vec<String> = columns.iter().map(|&column| column.into()).collect();
        let keys: Vec<String> = used.iter().map(|column| as_printed(column)).collect();
        used.sort();
        self.indexes.push(IndexDefinition {
            name: name.into(),
            unique: false,
            body: format!("USING btree ({})", keys.join(", ")),
            constraint: None,
            tablespace: None,
            clustered: false,
            statistics_targets: Vec::new(),
            extensions: Vec::new(),
            comment: None,
            columns: used,
        });
    }

    /// Adds a check constraint. The expression is SQL, as PostgreSQL prints it, without the outer parentheses:
    /// `start_date <= end_date`. `columns` are those it uses.
    pub fn add_check(&mut self, name: &str, expression: &str, columns: &[&str]) {
        let mut used: Vec<String> = columns.iter().map(|&column| column.into()).collect();
        used.sort();
        self.checks.push(CheckDefinition {
            name: name.into(),
            definition: format!("CHECK (({expression}))"),
            comment: None,
            columns: used,
        });
        self.checks.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The objects that use a column, are not dropped with it, and cannot exist without it.
    fn users_that_stay(&self, name: &str) -> Vec<String> {
        let uses = |columns: &[String]| columns.iter().any(|column| column == name);
        let own = QualifiedName { schema: self.schema.clone(), name: self.name.clone() };
        let mut users = Vec::new();
        for column in self.columns.iter().filter(|column| column.name == name) {
            let of_identity = column.identity.iter().map(|identity| &identity.sequence.name);
            users.extend(
                column.owned_sequences.iter().chain(of_identity).map(|name| format!("sequence {name}")),
            );
        }
        for column in self.columns.iter().filter(|column| uses(&column.generated_from)) {
            users.push(format!("generated column {}", column.name));
        }
        for policy in self.policies.iter().filter(|policy| uses(&policy.columns)) {
            users.push(format!("policy {}", policy.name));
        }
        for trigger in self.triggers.iter().filter(|trigger| uses(&trigger.columns)) {
            users.push(format!("trigger {}", trigger.name));
        }
        for publication in self.publications.iter().filter(|publication| uses(&publication.uses)) {
            users.push(format!("publication {}", publication.publication));
        }
        for key in &self.incoming_foreign_keys {
            if key.references == own && uses(&key.referenced_columns) {
                users.push(format!("foreign key {} of {}.{}", key.name, key.table.schema, key.table.name));
            }
        }
        users
    }

    fn names_taken_by(&self, detached: &DetachedColumn) -> Vec<String> {
        let mut taken = Vec::new();
        if self.columns.iter().any(|column| column.name == detached.column.name) {
            taken.push(format!("column {}", detached.column.name));
        }
        let constraints = |name: &String| {
            let not_nulls = self.columns.iter().filter_map(|column| column.not_null_constraint.as_ref());
            self.checks.iter().any(|check| check.name == *name)
                || not_nulls.into_iter().any(|constraint| constraint.name == *name)
                || self.foreign_keys.iter().any(|key| key.name == *name)
                || self.indexes.iter().any(|index| index.constraint.is_some() && index.name == *name)
        };
        for (_, index) in &detached.indexes {
            if self.indexes.iter().any(|own| own.name == index.name)
                || index.constraint.is_some() && constraints(&index.name)
            {
                taken.push(format!("index {}", index.name));
            }
            let primary = |index: &IndexDefinition| {
                index
                    .constraint
                    .as_ref()
                    .is_some_and(|constraint| constraint.definition.starts_with("PRIMARY KEY"))
            };
            if primary(index) && self.indexes.iter().any(primary) {
                taken.push("the primary key".into());
            }
        }
        for name in detached.constraint_names() {
            if constraints(name) {
                taken.push(format!("constraint {name}"));
            }
        }
        for statistics in &detached.statistics {
            if self.statistics.iter().any(|own| own.name == statistics.name) {
                taken.push(format!(
                    "statistics {}",
                    qualified(&statistics.name.schema, &statistics.name.name)
                ));
            }
        }
        taken
    }
}

/// Removes the matching items, each with its former place in the list. Inserted again in this order, they restore the list.
fn extract_placed<T>(list: &mut Vec<T>, mut matches: impl FnMut(&T) -> bool) -> Vec<(usize, T)> {
    let (mut taken, mut kept) = (Vec::new(), Vec::new());
    for (place, item) in list.drain(..).enumerate() {
        if matches(&item) {
            taken.push((place, item));
        } else {
            kept.push(item);
        }
    }
    *list = kept;
    taken
}

/// A plain lower-case name as PostgreSQL prints it, anything else in quotes.
fn as_printed(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.into() } else { quote_ident(name) }
}
