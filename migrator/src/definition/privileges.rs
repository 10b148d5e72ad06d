//! Finds the missing privileges of the migrating role before the first lock.

use std::collections::BTreeSet;
use std::fmt;

use sqlx::PgConnection;

use super::capture::empty_search_path;
use super::materialized_views::capture_materialized_views;
use super::quote::quote_ident;
use super::views::capture_views;
use super::{DefinitionError, TableDefinition};

/// A privilege that a role lacks.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MissingPrivilege {
    /// What the role cannot do without it.
    pub reason: String,
    /// The statement for an administrator that grants it.
    pub statement: String,
    /// Whether the statement creates a role, which other statements may name.
    #[sqlx(default)]
    pub creates_role: bool,
}

impl fmt::Display for MissingPrivilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.statement)
    }
}

/// The privileges that a role lacks to rebuild these tables with their definitions, and what reads them. `None` is the
/// current role, `shadow_schema` the schema that will be created (or used, if it exists). Must run in a transaction; a role that may only
/// read can check another one.
pub async fn missing_privileges(
    conn: &mut PgConnection,
    role: Option<&str>,
    shadow_schema: &str,
    tables: &[&TableDefinition],
) -> Result<Vec<MissingPrivilege>, DefinitionError> {
    empty_search_path(conn).await?;
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let materialized = capture_materialized_views(conn, &names).await?;
    let mut wanted = BTreeSet::new();
    for view in capture_views(conn, &names).await? {
        wanted.insert(("view", view.owner.clone(), view.title()));
        wanted.insert(("schema", view.name.schema, String::new()));
    }
    for definition in tables.iter().copied().chain(materialized.iter().map(|view| &view.definition)) {
        wanted.extend(needs(definition));
    }
    let (mut kinds, mut objects, mut details) = (Vec::new(), Vec::new(), Vec::new());
    wanted.insert(("shadow", shadow_schema.to_owned(), String::new()));
    for (kind, object, detail) in wanted {
        kinds.push(kind);
        objects.push(object);
        details.push(detail);
    }
    let missing = sqlx::query_as(include_str!("privileges.sql"))
        .bind(role)
        .bind(kinds)
        .bind(objects)
        .bind(details)
        .fetch_all(conn)
        .await?;
    Ok(missing)
}

/// Kind, object and detail of every privilege that the replay of one table needs; `privileges.sql` handles the kinds.
fn needs(table: &TableDefinition) -> Vec<(&'static str, String, String)> {
    let name = table.qualified_name();
    let mut needs = vec![
        ("table", name.clone(), table.owner.clone()),
        ("schema", table.schema.clone(), table.owner.clone()),
    ];
    if table.force_row_security {
        needs.push(("forced", name.clone(), String::new()));
    }
    for grantor in table.foreign_grantors() {
        needs.push(("grantor", grantor, name.clone()));
    }
    for grantee in table.grants.iter().chain(table.grants_on_parts()).flat_map(|grant| &grant.grantee) {
        needs.push(("role", grantee.clone(), String::new()));
    }
    for statistics in &table.statistics {
        needs.push(("statistics", statistics.owner.clone(), statistics.name.to_sql()));
        needs.push(("schema", statistics.name.schema.clone(), statistics.owner.clone()));
    }
    for key in &table.incoming_foreign_keys {
        needs.push(("referencing", key.table.to_sql(), quote_ident(&key.name)));
    }
    for key in table.foreign_keys.iter().filter(|key| key.references != key.table) {
        needs.push(("references", key.references.to_sql(), quote_ident(&key.name)));
    }
    for publication in &table.publications {
        needs.push(("publication", publication.publication.clone(), String::new()));
    }
    for trigger in &table.triggers {
        needs.push(("function", trigger.function.clone(), quote_ident(&trigger.name)));
        if let Some(from) = &trigger.from {
            needs.push(("trigger", from.to_sql(), quote_ident(&trigger.name)));
        }
    }
    for column in &table.columns {
        needs.push(("type", column.data_type.clone(), quote_ident(&column.name)));
    }
    for tablespace in table.tablespace.iter().chain(table.indexes.iter().flat_map(|index| &index.tablespace))
    {
        needs.push(("tablespace", tablespace.clone(), String::new()));
    }
    needs
}
