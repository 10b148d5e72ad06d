//! Access control lists, replayed so that the catalogue's array comes out in the same order.
//!
//! `GRANT` appends to the array, so the items are granted in its order, each by its own grantor. A role that owns the
//! table, or has the owner's rights, always grants in the owner's name; any other must be set first.

use super::quote::{qualified, quote_ident, quote_literal};
use super::{Grant, SequenceDefinition, TableDefinition};

/// The major version of PostgreSQL that brought `MAINTAIN`.
const MAINTAIN_SINCE: u32 = 17;

/// An object with an access control list.
struct Secured<'a> {
    kind: &'static str,
    /// Its qualified name as SQL.
    name: String,
    owner: &'a str,
}

impl Secured<'_> {
    fn clear(&self) -> Vec<String> {
        let Self { kind, name, owner } = self;
        let body = format!(
            "DECLARE grantee text; BEGIN \
             FOR grantee IN SELECT DISTINCT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' \
             ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(acl.grantee)) END \
             FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) acl \
             WHERE c.oid = {}::pg_catalog.regclass \
             LOOP EXECUTE {} || grantee || ' CASCADE'; END LOOP; END",
            quote_literal(name),
            quote_literal(&format!("REVOKE ALL ON {kind} {name} FROM ")),
        );
        vec![
            format!("DO {}", quote_literal(&body)),
            format!("GRANT ALL ON {kind} {name} TO {}", quote_ident(owner)),
        ]
    }

    fn revoke_from_owner(&self) -> String {
        format!("REVOKE ALL ON {} {} FROM {}", self.kind, self.name, quote_ident(self.owner))
    }

    fn replay(&self, grant: &Grant, columns: &str) -> Vec<String> {
        let Self { kind, name, owner } = self;
        let grantee = grant.grantee.as_deref().map_or_else(|| "PUBLIC".into(), quote_ident);
        let mut ddl = Vec::new();
        for (privileges, option) in [(&grant.grantable, " WITH GRANT OPTION"), (&grant.privileges, "")] {
            if !privileges.is_empty() {
                let list: Vec<String> = privileges.iter().map(|p| format!("{p}{columns}")).collect();
                ddl.push(format!("GRANT {} ON {kind} {name} TO {grantee}{option}", list.join(", ")));
            }
        }
        if grant.grantor != *owner {
            ddl.insert(0, format!("SET LOCAL ROLE {}", quote_ident(&grant.grantor)));
            ddl.push("RESET ROLE".into());
        }
        ddl
    }
}

impl TableDefinition {
    /// Revokes everything from others, including grants by `ALTER DEFAULT PRIVILEGES`, and leaves the owner all privileges, for the
    /// remaining steps.
    pub(super) fn clear_grants(&self) -> Vec<String> {
        let sequences = self.identity_sequences().map(|sequence| self.secured_sequence(sequence));
        std::iter::once(self.secured()).chain(sequences).flat_map(|object| object.clear()).collect()
    }

    /// Restores the privileges of the table, then those of its columns and of the sequences of its identity columns.
    pub(super) fn replay_grants(&self) -> Vec<String> {
        let table = self.secured();
        let mut ddl = vec![table.revoke_from_owner()];
        for grant in &self.grants {
            ddl.extend(table.replay(grant, ""));
        }
        for column in &self.columns {
            for grant in &column.grants {
                ddl.extend(table.replay(grant, &format!(" ({})", quote_ident(&column.name))));
            }
        }
        for definition in self.identity_sequences() {
            let sequence = self.secured_sequence(definition);
            ddl.push(sequence.revoke_from_owner());
            ddl.extend(definition.grants.iter().flat_map(|grant| sequence.replay(grant, "")));
        }
        ddl
    }

    fn secured(&self) -> Secured<'_> {
        Secured { kind: "TABLE", name: self.qualified_name(), owner: &self.owner }
    }

    fn secured_sequence(&self, sequence: &SequenceDefinition) -> Secured<'_> {
        Secured { kind: "SEQUENCE", name: qualified(&self.schema, &sequence.name), owner: &self.owner }
    }

    /// The privileges on the columns and on the sequences of identity columns.
    pub(super) fn grants_on_parts(&self) -> impl Iterator<Item = &Grant> {
        let of_sequences = self.identity_sequences().flat_map(|sequence| &sequence.grants);
        self.columns.iter().flat_map(|column| &column.grants).chain(of_sequences)
    }

    /// The definition as a dump of it, restored into a server of another version, would have it: indexes in the order of their
    /// names, and the owner's own privileges as before PostgreSQL 17, which knows `MAINTAIN` as well. A table without grants has
    /// all privileges there are for its owner; an owner without `MAINTAIN` is what differs.
    pub fn independent_of_server(&self, major_version: u32) -> Self {
        let mut definition = self.clone();
        definition.indexes.sort_by(|one, other| one.name.cmp(&other.name));
        let own = |grant: &&mut Grant| {
            grant.grantor == self.owner && grant.grantee.as_deref() == Some(self.owner.as_str())
        };
        for grant in definition.grants.iter_mut().filter(own).filter(|_| major_version >= MAINTAIN_SINCE) {
            let before = grant.privileges.len();
            grant.privileges.retain(|privilege| privilege != "MAINTAIN");
            if grant.privileges.len() == before && !grant.grantable.iter().any(|p| p == "MAINTAIN") {
                grant.privileges.push("no MAINTAIN".into());
            }
        }
        definition
    }

    /// Roles other than the owner that granted something, each once.
    pub(super) fn foreign_grantors(&self) -> Vec<String> {
        let mut grantors: Vec<String> = self
            .grants
            .iter()
            .chain(self.grants_on_parts())
            .filter(|grant| grant.grantor != self.owner)
            .map(|grant| grant.grantor.clone())
            .collect();
        grantors.sort();
        grantors.dedup();
        grantors
    }

    /// Items that precede, in the array, the grant option that they depend on. Revoking and granting again can
    /// lead to such an order, which no sequence of `GRANT` alone creates.
    pub(super) fn grants_out_of_order(&self) -> Vec<&Grant> {
        let mut found = unsupported(&self.owner, &self.grants, &[]);
        for column in &self.columns {
            found.extend(unsupported(&self.owner, &column.grants, &self.grants));
        }
        for sequence in self.identity_sequences() {
            found.extend(unsupported(&self.owner, &sequence.grants, &[]));
        }
        found
    }
}

/// Items of `list` whose grantor holds no grant option from an earlier item, nor from `before`.
fn unsupported<'a>(owner: &str, list: &'a [Grant], before: &[Grant]) -> Vec<&'a Grant> {
    let mut found = Vec::new();
    for (place, grant) in list.iter().enumerate() {
        let held = |privilege: &String| {
            grant.grantor == owner
                || before
                    .iter()
                    .chain(&list[..place])
                    .any(|g| g.grantee.as_deref() == Some(&grant.grantor) && g.grantable.contains(privilege))
        };
        if !grant.privileges.iter().chain(&grant.grantable).all(held) {
            found.push(grant);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(grantor: &str, grantee: &str, grantable: &[&str]) -> Grant {
        Grant {
            grantor: grantor.into(),
            grantee: Some(grantee.into()),
            privileges: Vec::new(),
            grantable: grantable.iter().map(|&p| p.into()).collect(),
        }
    }

    #[test]
    fn a_grant_before_the_option_it_rests_on_is_found() {
        let good = [grant("o", "a", &["SELECT"]), grant("a", "b", &["SELECT"])];
        assert!(unsupported("o", &good, &[]).is_empty());
        let swapped = [good[1].clone(), good[0].clone()];
        assert_eq!(unsupported("o", &swapped, &[]), [&good[1]]);
        let other = [grant("o", "a", &["INSERT"]), grant("a", "b", &["SELECT"])];
        assert_eq!(unsupported("o", &other, &[]), [&other[1]]);
    }

    #[test]
    fn a_column_grant_may_rest_on_a_grant_on_the_table() {
        let table = [grant("o", "a", &["SELECT"])];
        assert!(unsupported("o", &[grant("a", "b", &["SELECT"])], &table).is_empty());
    }
}
