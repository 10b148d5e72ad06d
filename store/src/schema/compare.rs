//! Compares schema `phaseline` with the scripts of this program, by all properties in the catalogue and not by names. An owner can
//! disable the append-only trigger in many ways; each of them is a difference here.

use super::expected::Expected;
use super::found::{FunctionRow, RelationRow, TriggerRow};
use crate::StoreError;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// One object that differs from the one that this program installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaDifference {
    /// The difference, in words.
    pub text: String,
    /// Whether another installation corrects it; additions of others stay until they are dropped.
    pub repairable: bool,
}

impl std::fmt::Display for SchemaDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// An object of this program that is missing or was replaced.
fn ours(text: String) -> SchemaDifference {
    SchemaDifference { text, repairable: true }
}

/// An object that others added, or that holds data.
fn theirs(text: String) -> SchemaDifference {
    SchemaDifference { text, repairable: false }
}

/// The objects that scripts install, to be compared with a database.
#[derive(Clone, Debug)]
pub struct Definitions {
    expected: Expected,
    /// Whether these are all scripts: then a function that none of them makes is foreign.
    complete: bool,
}

impl Definitions {
    /// The objects that the log's own scripts install.
    pub(super) fn of_log(scripts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, StoreError> {
        let mut definitions = Self { expected: Expected::default(), complete: false };
        for script in scripts {
            definitions.add(script.as_ref())?;
        }
        Ok(definitions)
    }

    /// The same with the scripts that are run on top of the log's, which make the schema complete.
    ///
    /// # Errors
    /// [`StoreError::SelfCheck`] if a script cannot be read.
    pub fn completed_by(mut self, script: &str) -> Result<Self, StoreError> {
        self.add(script)?;
        self.complete = true;
        Ok(self)
    }

    fn add(&mut self, script: &str) -> Result<(), StoreError> {
        self.expected
            .add(script)
            .map_err(|what| StoreError::SelfCheck(format!("a script of schema phaseline: {what}")))
    }

    /// Everything that differs, in words. Reads the catalogue only, which needs no right on the schema.
    pub async fn differences(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<SchemaDifference>, StoreError> {
        let mut found = Vec::new();
        self.functions(connection, &mut found).await?;
        self.relations(connection, &mut found).await?;
        self.columns(connection, &mut found).await?;
        self.triggers(connection, &mut found).await?;
        self.grants(connection, &mut found).await?;
        found.extend(others(connection).await?.into_iter().map(theirs));
        Ok(found)
    }

    async fn functions(
        &self,
        connection: &mut PgConnection,
        found: &mut Vec<SchemaDifference>,
    ) -> Result<(), StoreError> {
        let mut rows: Vec<FunctionRow> =
            sqlx::query_as(include_str!("../../sql/functions_found.sql")).fetch_all(connection).await?;
        for (name, expected) in &self.expected.functions {
            let own = rows.iter().position(|row| row.name == *name && row.arguments == expected.arguments);
            match own.map(|at| rows.swap_remove(at)) {
                None => found.push(ours(format!("function phaseline.{name} is missing"))),
                Some(row) => {
                    let wrong = row.differences(expected);
                    if !wrong.is_empty() {
                        found.push(ours(format!(
                            "function phaseline.{name} has another {}",
                            wrong.join(", ")
                        )));
                    }
                }
            }
        }
        rows.retain(|row| self.complete || self.expected.functions.contains_key(&row.name));
        found.extend(rows.iter().map(|row| {
            theirs(format!(
                "function phaseline.{}({}) is not one that this program installs",
                row.name, row.arguments
            ))
        }));
        Ok(())
    }

    /// Tables, views and indexes: that they exist, and that tables survive a crash and show all rows.
    async fn relations(
        &self,
        connection: &mut PgConnection,
        found: &mut Vec<SchemaDifference>,
    ) -> Result<(), StoreError> {
        let rows: Vec<RelationRow> = sqlx::query_as(
            "SELECT c.relname::text AS name, c.relkind::text AS kind, c.relpersistence = 'p' AS logged,
                    c.relrowsecurity OR c.relforcerowsecurity AS secured
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname = 'phaseline'",
        )
        .fetch_all(connection)
        .await?;
        let of = |kind: &str| -> BTreeMap<&str, &RelationRow> {
            rows.iter().filter(|row| row.kind == kind).map(|row| (row.name.as_str(), row)).collect()
        };
        let (tables, views, indexes) = (of("r"), of("v"), of("i"));
        for name in self.expected.tables.keys().map(String::as_str).chain(["_sqlx_migrations"]) {
            let Some(table) = tables.get(name) else {
                found.push(ours(format!("table phaseline.{name} is missing")));
                continue;
            };
            if !table.logged {
                found.push(theirs(format!("table phaseline.{name} is UNLOGGED: a crash empties it")));
            }
            if table.secured {
                found.push(theirs(format!("table phaseline.{name} has row level security: it hides rows")));
            }
        }
        for name in &self.expected.views {
            if !views.contains_key(name.as_str()) {
                found.push(ours(format!("view phaseline.{name} is missing")));
            }
        }
        let gone = self.expected.indexes.iter().filter(|name| !indexes.contains_key(name.as_str()));
        found.extend(gone.map(|name| ours(format!("index phaseline.{name} is missing"))));
        Ok(())
    }

    async fn columns(
        &self,
        connection: &mut PgConnection,
        found: &mut Vec<SchemaDifference>,
    ) -> Result<(), StoreError> {
        let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
            "SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull
               FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname = 'phaseline' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        )
        .fetch_all(&mut *connection)
        .await?;
        let constraints: Vec<(String, String)> = sqlx::query_as(
            "SELECT c.relname::text, k.conname::text FROM pg_catalog.pg_constraint k
               JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname = 'phaseline' AND k.contype <> 'n' AND k.convalidated",
        )
        .fetch_all(connection)
        .await?;
        for (table, expected) in &self.expected.tables {
            let live: BTreeSet<(&str, &str, bool)> = columns
                .iter()
                .filter(|(of, ..)| of == table)
                .map(|(_, name, kind, not_null)| (name.as_str(), kind.as_str(), *not_null))
                .collect();
            if live.is_empty() {
                continue; // The table is missing, which was noted.
            }
            let wanted: BTreeSet<(&str, &str, bool)> = expected
                .columns
                .iter()
                .map(|(name, kind, not_null)| (name.as_str(), kind.as_str(), *not_null))
                .collect();
            let names = |columns: &BTreeSet<(&str, &str, bool)>| -> BTreeSet<String> {
                columns.iter().map(|(name, ..)| (*name).to_owned()).collect()
            };
            let differing = wanted.symmetric_difference(&live).map(|(name, ..)| (*name).to_owned());
            for name in differing.collect::<BTreeSet<String>>() {
                let what = match (names(&wanted).contains(&name), names(&live).contains(&name)) {
                    (true, false) => "is missing",
                    (false, _) => "is not one that this program installs",
                    (true, true) => "has another type or nullability",
                };
                found.push(theirs(format!("column phaseline.{table}.{name} {what}")));
            }
            let live: BTreeSet<&String> =
                constraints.iter().filter(|(of, _)| of == table).map(|(_, name)| name).collect();
            let wanted: BTreeSet<&String> = expected.constraints.iter().collect();
            found.extend(
                wanted
                    .difference(&live)
                    .map(|name| theirs(format!("constraint {name} of phaseline.{table} is missing"))),
            );
            found.extend(live.difference(&wanted).map(|name| {
                theirs(format!(
                    "constraint {name} of phaseline.{table} is not one that this program installs"
                ))
            }));
        }
        Ok(())
    }

    async fn triggers(
        &self,
        connection: &mut PgConnection,
        found: &mut Vec<SchemaDifference>,
    ) -> Result<(), StoreError> {
        let rows: Vec<TriggerRow> = sqlx::query_as(
            "SELECT t.tgname::text AS name, c.relname::text AS on_table, t.tgtype AS kind, t.tgenabled::text AS state,
                    f.nspname::text AS function_schema, p.proname::text AS function,
                    t.tgqual IS NOT NULL OR t.tgnargs > 0 OR t.tgattr::text <> '' AS limited
               FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
               JOIN pg_catalog.pg_namespace f ON f.oid = p.pronamespace
              WHERE n.nspname = 'phaseline' AND NOT t.tgisinternal ORDER BY 1, 2",
        )
        .fetch_all(connection)
        .await?;
        for (name, expected) in &self.expected.triggers {
            match rows.iter().find(|row| row.name == *name && row.on_table == expected.table) {
                None => {
                    found.push(ours(format!("trigger {name} on phaseline.{} is missing", expected.table)))
                }
                Some(row) if row.state != expected.state.to_string() => found.push(ours(format!(
                    "trigger {name} is in state {:?}, not {}",
                    row.state,
                    if expected.state == 'A' { "ALWAYS" } else { "enabled" }
                ))),
                Some(row) if !row.is(expected) => {
                    found.push(ours(format!(
                        "trigger {name} on phaseline.{} has another definition",
                        expected.table
                    )));
                }
                Some(_) => {}
            }
        }
        let known = |row: &&TriggerRow| {
            self.expected.triggers.get(&row.name).is_some_and(|known| known.table == row.on_table)
        };
        found.extend(rows.iter().filter(|row| !known(row)).map(|row| {
            theirs(format!(
                "trigger {} on phaseline.{} is not one that this program installs",
                row.name, row.on_table
            ))
        }));
        Ok(())
    }

    /// Rights that this program does not grant, and missing rights of its roles. The right to read a table is harmless.
    async fn grants(
        &self,
        connection: &mut PgConnection,
        found: &mut Vec<SchemaDifference>,
    ) -> Result<(), StoreError> {
        let roles: BTreeSet<String> = sqlx::query_scalar("SELECT rolname::text FROM pg_catalog.pg_roles")
            .fetch_all(&mut *connection)
            .await?
            .into_iter()
            .collect();
        let rows: Vec<(String, String, String)> =
            sqlx::query_as(include_str!("../../sql/grants_found.sql")).fetch_all(connection).await?;
        let live: BTreeSet<(String, String, String)> = rows.into_iter().collect();
        let own = |name: &str| {
            name == "phaseline"
                || self.expected.functions.contains_key(name)
                || self.expected.tables.contains_key(name)
                || self.expected.views.contains(name)
        };
        for (object, role, privilege) in live.difference(&self.expected.grants) {
            let harmless = privilege == "SELECT" || object == "phaseline" && privilege == "USAGE";
            if own(object) && !harmless {
                found.push(ours(format!(
                    "role {role} has {privilege} on {object}, which this program does not grant"
                )));
            }
        }
        let mut missing: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
        for (object, role, privilege) in self.expected.grants.difference(&live) {
            let is_missing = format!(" phaseline.{object} is missing");
            let gone = found.iter().any(|other| other.text.ends_with(&is_missing));
            if own(object) && roles.contains(role) && !gone {
                // Without its grants a role lacks all functions: one finding for them. Tables have one each.
                let table = if privilege == "EXECUTE" { "" } else { object.as_str() };
                missing.entry((role, privilege, table)).or_default().push(object);
            }
        }
        found.extend(missing.into_iter().map(|((role, privilege, _), objects)| {
            let objects = objects.join(", ");
            ours(format!("role {role} has no {privilege} on {objects}, which this program grants"))
        }));
        Ok(())
    }
}

/// Rules, policies and inheriting tables: this program creates none, and each can change the effect of a statement on the log.
async fn others(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT pg_catalog.format('rule %I on phaseline.%I is not one that this program installs', r.rulename, c.relname)
           FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = 'phaseline' AND r.rulename <> '_RETURN'
         UNION ALL
         SELECT pg_catalog.format('policy %I on phaseline.%I is not one that this program installs', p.polname, c.relname)
           FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'phaseline'
         UNION ALL
         SELECT pg_catalog.format('table %s inherits from phaseline.%I', i.inhrelid::pg_catalog.regclass, c.relname)
           FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'phaseline'
          ORDER BY 1",
    )
    .fetch_all(connection)
    .await?)
}
