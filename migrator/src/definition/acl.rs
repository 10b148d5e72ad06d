//! Access control lists, replayed so that the catalogue's array comes out in the same order.
//!
//! `GRANT` appends to the array, so the items are granted in its order, each by its own grantor. A role that owns the
//! table, or has the owner's rights, always grants in the owner's name; any other must be set first.

use super::quote::{quote_ident, quote_literal};
use super::{Grant, TableDefinition};

/// The major version of PostgreSQL that brought `MAINTAIN`.
const MAINTAIN_SINCE: u32 = 17;

impl TableDefinition {
    /// Revokes everything from others, including grants by `ALTER DEFAULT PRIVILEGES`, and leaves the owner all privileges, for the
    /// remaining steps.
    pub(super) fn clear_grants(&self) -> Vec<String> {
        let table = self.qualified_name();
        let body = format!(
            "DECLARE grantee text; BEGIN \
             FOR grantee IN SELECT DISTINCT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' \
             ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(acl.grantee)) END \
             FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) acl \
             WHERE c.oid = {}::pg_catalog.regclass \
             LOOP EXECUTE {} || grantee || ' CASCADE'; END LOOP; END",
            quote_literal(&table),
            quote_literal(&format!("REVOKE ALL ON TABLE {table} FROM ")),
        );
        vec![
            format!("DO {}", quote_literal(&body)),
            format!("GRANT ALL ON TABLE {table} TO {}", quote_ident(&self.owner)),
        ]
    }

    /// Restores the table's and then the columns' privileges.
    pub(super) fn replay_grants(&self) -> Vec<String> {
        let table = self.qualified_name();
        let mut ddl = vec![format!("REVOKE ALL ON TABLE {table} FROM {}", quote_ident(&self.owner))];
        for grant in &self.grants {
            ddl.extend(self.replay(grant, &table, ""));
        }
        for column in &self.columns {
            for grant in &column.grants {
                ddl.extend(self.replay(grant, &table, &format!(" ({})", quote_ident(&column.name))));
            }
        }
        ddl
    }

    fn replay(&self, grant: &Grant, table: &str, columns: &str) -> Vec<String> {
        let grantee = grant.grantee.as_deref().map_or_else(|| "PUBLIC".into(), quote_ident);
        let mut ddl = Vec::new();
        for (privileges, option) in [(&grant.grantable, " WITH GRANT OPTION"), (&grant.privileges, "")] {
            if !privileges.is_empty() {
                let list: Vec<String> = privileges.iter().map(|p| format!("{p}{columns}")).collect();
                ddl.push(format!("GRANT {} ON TABLE {table} TO {grantee}{option}", list.join(", ")));
            }
        }
        if grant.grantor != self.owner {
            ddl.insert(0, format!("SET LOCAL ROLE {}", quote_ident(&grant.grantor)));
            ddl.push("RESET ROLE".into());
        }
        ddl
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
            .chain(self.columns.iter().flat_map(|column| &column.grants))
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
