//! Sequences that belong to columns.
//!
//! A sequence with an owning column (`OWNED BY`, as of `serial`) stays the same object: it is detached before the old table is dropped, and
//! attached to the new one. The sequence of an identity column goes with its table, so the new table gets one of the same definition and
//! state. Both happen under the lock, so no value is drawn in between.

use super::quote::{qualified, quote_ident, quote_literal};
use super::{IdentityDefinition, SequenceDefinition, TableDefinition};

impl SequenceDefinition {
    fn options(&self) -> String {
        let Self { data_type, start, increment, min, max, cache, .. } = self;
        let cycle = if self.cycle { "CYCLE" } else { "NO CYCLE" };
        format!(
            "AS {data_type} START WITH {start} RESTART WITH {start} INCREMENT BY {increment} MINVALUE {min} MAXVALUE {max} \
             CACHE {cache} {cycle}"
        )
    }
}

impl TableDefinition {
    /// The statements that lock the sequences of its columns, against `nextval`, too: `LOCK TABLE` takes no sequence.
    pub fn lock_sequences(&self) -> Vec<String> {
        let owner = quote_ident(&self.owner);
        let names = self.columns.iter().flat_map(|column| {
            let of_identity = column.identity.iter().map(|identity| &identity.sequence.name);
            column.owned_sequences.iter().chain(of_identity)
        });
        names
            .map(|name| format!("ALTER SEQUENCE {} OWNER TO {owner}", qualified(&self.schema, name)))
            .collect()
    }

    /// The sequences of its identity columns.
    pub(super) fn identity_sequences(&self) -> impl Iterator<Item = &SequenceDefinition> {
        self.columns.iter().filter_map(|column| Some(&column.identity.as_ref()?.sequence))
    }

    /// Makes identity columns of the shadow table's, with the state of the old table's sequences. Only after loading, since rows bring
    /// their own values.
    pub(super) fn identities_in(&self, shadow_schema: &str) -> Vec<String> {
        let table = qualified(shadow_schema, &self.name);
        let owner = quote_ident(&self.owner);
        let mut ddl = Vec::new();
        for column in &self.columns {
            let Some(IdentityDefinition { always, sequence }) = &column.identity else { continue };
            let old = qualified(&self.schema, &sequence.name);
            let new = qualified(shadow_schema, &sequence.name);
            let when = if *always { "ALWAYS" } else { "BY DEFAULT" };
            ddl.push(format!(
                "ALTER TABLE ONLY {table} ALTER COLUMN {} ADD GENERATED {when} AS IDENTITY (SEQUENCE NAME {new})",
                quote_ident(&column.name)
            ));
            ddl.push(format!("ALTER SEQUENCE {new} {}", sequence.options()));
            if sequence.unlogged {
                ddl.push(format!("ALTER SEQUENCE {new} SET UNLOGGED"));
            }
            // The owner may have revoked its own privileges, and its default privileges may leave it none.
            ddl.push(format!("GRANT SELECT, UPDATE ON SEQUENCE {new}, {old} TO {owner}"));
            ddl.push(format!(
                "SELECT pg_catalog.setval({}, old.last_value, old.is_called) FROM {old} old",
                quote_literal(&new)
            ));
        }
        ddl
    }

    /// Detaches the sequences that its columns own, so that they survive the old table.
    pub(super) fn detach_sequences(&self) -> Vec<String> {
        let owned = self.columns.iter().flat_map(|column| &column.owned_sequences);
        owned.map(|name| format!("ALTER SEQUENCE {} OWNED BY NONE", qualified(&self.schema, name))).collect()
    }

    /// Attaches these sequences to the new table, which must have its owner.
    pub(super) fn attach_sequences(&self) -> Vec<String> {
        let mut ddl = Vec::new();
        for column in &self.columns {
            for name in &column.owned_sequences {
                ddl.push(format!(
                    "ALTER SEQUENCE {} OWNED BY {}.{}",
                    qualified(&self.schema, name),
                    self.qualified_name(),
                    quote_ident(&column.name)
                ));
            }
        }
        ddl
    }
}
