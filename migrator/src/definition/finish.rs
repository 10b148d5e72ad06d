//! The steps that need the table in its final schema.

use std::collections::HashSet;

use super::canonical_sql::canonical;
use super::quote::{ident_list, qualified, quote_ident, quote_literal};
use super::{
    ForeignKey, PolicyDefinition, PublicationMembership, QualifiedName, StatisticsDefinition,
    TableDefinition, TriggerDefinition,
};

/// The statements after every table of `tables` is in its final schema: owners, statistics, foreign keys in both directions (one between
/// two of the tables only once), triggers, row security, publications, comments. The grants come last, since they may leave the owner
/// without some rights.
///
/// `SET LOCAL ROLE` and `RESET ROLE` surround the grants of each grantor: run it as the role that the session started
/// with.
pub fn finish(tables: &[&TableDefinition]) -> Vec<String> {
    finish_but(tables, |_| false)
}

/// [`finish`] without the foreign keys for which `made` holds.
pub(super) fn finish_but(tables: &[&TableDefinition], made: impl Fn(&ForeignKey) -> bool) -> Vec<String> {
    let mut ddl = Vec::new();
    for table in tables {
        ddl.push(format!("ALTER TABLE {} OWNER TO {}", table.qualified_name(), quote_ident(&table.owner)));
        ddl.extend(table.clear_grants());
        ddl.extend(table.attach_sequences());
    }
    let mut seen = HashSet::new();
    let incoming = tables.iter().flat_map(|table| &table.incoming_foreign_keys);
    for key in tables.iter().flat_map(|table| &table.foreign_keys).chain(incoming) {
        if seen.insert((&key.table, &key.name)) && !made(key) {
            ddl.extend(key.creation(&key.table));
        }
    }
    for table in tables {
        ddl.extend(table.statistics.iter().flat_map(StatisticsDefinition::creation));
        ddl.extend(table.triggers.iter().flat_map(|trigger| trigger.creation(table)));
        ddl.extend(table.row_security_ddl());
        ddl.extend(table.publications.iter().map(|publication| publication.joining(table)));
        ddl.extend(table.comments());
    }
    for table in tables {
        ddl.extend(table.replay_grants());
    }
    ddl.iter().map(|statement| canonical(statement)).collect()
}

impl TableDefinition {
    /// [`finish`] for this table alone.
    pub fn finish(&self) -> Vec<String> {
        finish(&[self])
    }

    /// [`finish`] for this table alone, after [`TableDefinition::reference_in`].
    pub fn finish_after_references(&self, rebuilt: &[&str]) -> Vec<String> {
        finish_but(&[self], |key| self.keys_to_others(rebuilt).any(|made| made == key))
    }

    fn row_security_ddl(&self) -> Vec<String> {
        let table = self.qualified_name();
        let mut ddl: Vec<String> = self.policies.iter().flat_map(|policy| policy.creation(&table)).collect();
        if self.row_security {
            ddl.push(format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"));
        }
        if self.force_row_security {
            ddl.push(format!("ALTER TABLE ONLY {table} FORCE ROW LEVEL SECURITY"));
        }
        ddl
    }

    fn comments(&self) -> Vec<String> {
        let table = self.qualified_name();
        let mut ddl = Vec::new();
        ddl.extend(comment(&format!("TABLE {table}"), self.comment.as_ref()));
        for column in &self.columns {
            let name = format!("COLUMN {table}.{}", quote_ident(&column.name));
            ddl.extend(comment(&name, column.comment.as_ref()));
            if let Some(constraint) = &column.not_null_constraint {
                ddl.extend(comment_on_constraint(&constraint.name, &table, constraint.comment.as_ref()));
            }
        }
        for sequence in self.identity_sequences() {
            let name = format!("SEQUENCE {}", qualified(&self.schema, &sequence.name));
            ddl.extend(comment(&name, sequence.comment.as_ref()));
        }
        for index in &self.indexes {
            let name = format!("INDEX {}", qualified(&self.schema, &index.name));
            ddl.extend(comment(&name, index.comment.as_ref()));
            let of_constraint = index.constraint.as_ref().and_then(|constraint| constraint.comment.as_ref());
            ddl.extend(comment_on_constraint(&index.name, &table, of_constraint));
        }
        for check in &self.checks {
            ddl.extend(comment_on_constraint(&check.name, &table, check.comment.as_ref()));
        }
        ddl
    }
}

impl ForeignKey {
    /// The statements that create it on its table, under this name of the table.
    pub(super) fn creation(&self, table: &QualifiedName) -> Vec<String> {
        let table = table.to_sql();
        let name = quote_ident(&self.name);
        let mut ddl = vec![format!("ALTER TABLE ONLY {table} ADD CONSTRAINT {name} {}", self.definition)];
        ddl.extend(comment_on_constraint(&self.name, &table, self.comment.as_ref()));
        ddl
    }
}

impl StatisticsDefinition {
    fn creation(&self) -> Vec<String> {
        let name = self.name.to_sql();
        let mut ddl = vec![self.definition.clone()];
        if let Some(target) = self.target {
            ddl.push(format!("ALTER STATISTICS {name} SET STATISTICS {target}"));
        }
        ddl.extend(comment(&format!("STATISTICS {name}"), self.comment.as_ref()));
        ddl.push(format!("ALTER STATISTICS {name} OWNER TO {}", quote_ident(&self.owner)));
        ddl
    }
}

impl TriggerDefinition {
    fn creation(&self, table: &TableDefinition) -> Vec<String> {
        let table = table.qualified_name();
        let name = quote_ident(&self.name);
        let mut ddl = vec![self.definition.clone()];
        let state = match self.enabled.as_str() {
            "D" => Some("DISABLE"),
            "R" => Some("ENABLE REPLICA"),
            "A" => Some("ENABLE ALWAYS"),
            _ => None,
        };
        ddl.extend(state.map(|state| format!("ALTER TABLE {table} {state} TRIGGER {name}")));
        for extension in &self.extensions {
            ddl.push(format!(
                "ALTER TRIGGER {name} ON {table} DEPENDS ON EXTENSION {}",
                quote_ident(extension)
            ));
        }
        ddl.extend(comment(&format!("TRIGGER {name} ON {table}"), self.comment.as_ref()));
        ddl
    }
}

impl PolicyDefinition {
    fn creation(&self, table: &str) -> Vec<String> {
        let name = quote_ident(&self.name);
        let kind = if self.permissive { "PERMISSIVE" } else { "RESTRICTIVE" };
        let roles = if self.roles.is_empty() { "PUBLIC".into() } else { ident_list(&self.roles) };
        let mut policy = format!("CREATE POLICY {name} ON {table} AS {kind} FOR {} TO {roles}", self.command);
        if let Some(expression) = &self.using {
            policy += &format!(" USING ({expression})");
        }
        if let Some(expression) = &self.check {
            policy += &format!(" WITH CHECK ({expression})");
        }
        let mut ddl = vec![policy];
        ddl.extend(comment(&format!("POLICY {name} ON {table}"), self.comment.as_ref()));
        ddl
    }
}

impl PublicationMembership {
    fn joining(&self, table: &TableDefinition) -> String {
        let mut ddl = format!(
            "ALTER PUBLICATION {} ADD TABLE ONLY {}",
            quote_ident(&self.publication),
            table.qualified_name()
        );
        if let Some(columns) = &self.columns {
            ddl += &format!(" ({})", ident_list(columns));
        }
        if let Some(filter) = &self.filter {
            ddl += &format!(" WHERE ({filter})");
        }
        ddl
    }
}

fn comment(object: &str, text: Option<&String>) -> Option<String> {
    text.map(|text| format!("COMMENT ON {object} IS {}", quote_literal(text)))
}

pub(super) fn comment_on_constraint(constraint: &str, table: &str, text: Option<&String>) -> Option<String> {
    comment(&format!("CONSTRAINT {} ON {table}", quote_ident(constraint)), text)
}
