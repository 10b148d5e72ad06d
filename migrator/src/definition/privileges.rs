//! Finds the missing privileges of the migrating role before the first lock.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::capture::empty_search_path;
use super::quote::quote_ident;
use super::{DefinitionError, TableDefinition};

/// The privileges that a role lacks to rebuild these tables with their definitions, one sentence each with the remedy. `None` is the
/// current role, `shadow_schema` the schema that will be created (or used, if it exists). Must run in a transaction; a role that may only
/// read can check another one.
pub async fn missing_privileges(
    conn: &mut PgConnection,
    role: Option<&str>,
    shadow_schema: &str,
    tables: &[&TableDefinition],
) -> Result<Vec<String>, DefinitionError> {
    empty_search_path(conn).await?;
    let mut wanted = BTreeSet::new();
    for table in tables {
        wanted.extend(needs(table));
    }
    let (mut kinds, mut objects, mut details) = (Vec::new(), Vec::new(), Vec::new());
    wanted.insert(("shadow", shadow_schema.to_owned(), String::new()));
    for (kind, object, detail) in wanted {
        kinds.push(kind);
        objects.push(object);
        details.push(detail);
    }
    let missing = sqlx::query_scalar(include_str!("privileges.sql"))
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
    let column_grants = table.columns.iter().flat_map(|column| &column.grants);
    for grantee in table.grants.iter().chain(column_grants).flat_map(|grant| &grant.grantee) {
        needs.push(("role", grantee.clone(), String::new()));
    }
    for statistics in &table.statistics {
        needs.push(("owner", statistics.owner.clone(), format!("statistics {}", statistics.name.to_sql())));
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
