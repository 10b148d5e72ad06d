//! Foreign keys of tables that are still in the shadow schema: PostgreSQL checks every row when it makes a key, and only readers of the
//! referenced tables continue meanwhile.

use std::collections::HashSet;

use super::canonical_sql::canonical;
use super::finish::{comment_on_constraint, finish_but};
use super::quote::{qualified, quote_ident};
use super::{ForeignKey, QualifiedName, TableDefinition};

/// The statements that make foreign keys before the swap, and those that complete them after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlyKeys {
    /// To be run before the swap, while writers are locked out.
    pub before: Vec<String>,
    /// To be run after the swap, before or after [`super::finish`].
    pub after: Vec<String>,
    made: HashSet<(QualifiedName, String)>,
}

impl EarlyKeys {
    /// The foreign keys of these tables in both directions, in the order of [`super::finish`]. A key whose definition cannot be directed
    /// to the shadow schema with certainty is left to [`super::finish`].
    pub fn of(tables: &[&TableDefinition], shadow: &str) -> Self {
        let is_rebuilt = |name: &QualifiedName| {
            tables.iter().any(|table| table.schema == name.schema && table.name == name.name)
        };
        let mut keys = Self::default();
        let incoming = tables.iter().flat_map(|table| &table.incoming_foreign_keys);
        for key in tables.iter().flat_map(|table| &table.foreign_keys).chain(incoming) {
            let identity = (key.table.clone(), key.name.clone());
            if keys.made.contains(&identity) {
                continue;
            }
            let definition = match is_rebuilt(&key.references) {
                true => redirected(key, shadow),
                false => Some(key.definition.clone()),
            };
            let Some(definition) = definition else { continue };
            if is_rebuilt(&key.table) {
                keys.add_own(key, &definition, shadow);
            } else {
                keys.add_incoming(key, &definition, shadow);
            }
            keys.made.insert(identity);
        }
        keys
    }

    /// Whether the key is made by these statements.
    fn has(&self, key: &ForeignKey) -> bool {
        self.made.contains(&(key.table.clone(), key.name.clone()))
    }

    fn add_own(&mut self, key: &ForeignKey, definition: &str, shadow: &str) {
        let table = qualified(shadow, &key.table.name);
        self.before.push(canonical(&format!(
            "ALTER TABLE ONLY {table} ADD CONSTRAINT {} {definition}",
            quote_ident(&key.name)
        )));
        self.before.extend(comment_on_constraint(&key.name, &table, key.comment.as_ref()));
    }

    /// Its own name is still that of the key to the old table.
    fn add_incoming(&mut self, key: &ForeignKey, definition: &str, shadow: &str) {
        let table = key.table.to_sql();
        let working = quote_ident(&format!("{shadow}_{}", self.made.len()));
        self.before
            .push(canonical(&format!("ALTER TABLE ONLY {table} ADD CONSTRAINT {working} {definition}")));
        self.after.push(format!(
            "ALTER TABLE ONLY {table} RENAME CONSTRAINT {working} TO {}",
            quote_ident(&key.name)
        ));
        self.after.extend(comment_on_constraint(&key.name, &table, key.comment.as_ref()));
    }
}

/// [`super::finish`] after these keys.
pub fn finish_after(tables: &[&TableDefinition], early: &EarlyKeys) -> Vec<String> {
    finish_but(tables, |key| early.has(key))
}

/// The key's definition with the table of the same name in the shadow schema as the referenced one; none unless exactly one place of the
/// text names the referenced table as PostgreSQL prints it.
fn redirected(key: &ForeignKey, shadow: &str) -> Option<String> {
    let QualifiedName { schema, name } = &key.references;
    // PostgreSQL quotes names only where needed.
    let forms = |name: &str| [name.to_owned(), quote_ident(name)];
    let printed = forms(schema)
        .into_iter()
        .flat_map(|schema| forms(name).map(|name| format!(") REFERENCES {schema}.{name}(")));
    let mut found = printed.filter(|printed| key.definition.contains(printed));
    let (printed, None) = (found.next()?, found.next()) else { return None };
    if key.definition.matches(&printed).count() != 1 {
        return None;
    }
    Some(key.definition.replace(&printed, &format!(") REFERENCES {}(", qualified(shadow, name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(definition: &str, schema: &str, name: &str) -> ForeignKey {
        let name_of =
            |schema: &str, name: &str| QualifiedName { schema: schema.to_owned(), name: name.to_owned() };
        ForeignKey {
            table: name_of("public", "a"),
            name: "a_fkey".to_owned(),
            references: name_of(schema, name),
            definition: definition.to_owned(),
            comment: None,
            columns: Vec::new(),
            referenced_columns: Vec::new(),
            is_temporal: false,
        }
    }

    #[test]
    fn a_key_is_directed_to_the_shadow_schema() {
        let plain = key("FOREIGN KEY (b) REFERENCES public.b(id) ON DELETE CASCADE", "public", "b");
        assert_eq!(
            redirected(&plain, "s").as_deref(),
            Some("FOREIGN KEY (b) REFERENCES \"s\".\"b\"(id) ON DELETE CASCADE")
        );
        let quoted = key("FOREIGN KEY (b) REFERENCES public.\"B b\"(id)", "public", "B b");
        assert_eq!(redirected(&quoted, "s").as_deref(), Some("FOREIGN KEY (b) REFERENCES \"s\".\"B b\"(id)"));
    }

    #[test]
    fn a_key_with_an_ambiguous_text_is_left_alone() {
        let text = "FOREIGN KEY (\"x) REFERENCES public.b(\") REFERENCES public.b(id)";
        assert_eq!(redirected(&key(text, "public", "b"), "s"), None);
        assert_eq!(redirected(&key("FOREIGN KEY (b) REFERENCES public.c(id)", "public", "b"), "s"), None);
    }
}
